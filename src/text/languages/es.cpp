#include <algorithm>

#include "base/strings.h"
#include "text/letters.h"
#include "text/spoken_language.h"

/// Spanish. "uno" loses its end before a noun, hundreds agree with it, a whole million takes "de".
namespace timbre::text {
namespace {

constexpr LanguageTables kTables{
    .code = "es",
    .decimal_mark = ',',
    .group_marks = ". ",
    .numbers = R"(
0 cero
1 uno
2 dos
3 tres
4 cuatro
5 cinco
6 seis
7 siete
8 ocho
9 nueve
10 diez
11 once
12 doce
13 trece
14 catorce
15 quince
16 dieciséis
17 dieci>>
20 veinte
21 veinti>>
22 veintidós
23 veintitrés
24 veinti>>
26 veintiséis
27 veinti>>
30 treinta[ y >>]
40 cuarenta[ y >>]
50 cincuenta[ y >>]
60 sesenta[ y >>]
70 setenta[ y >>]
80 ochenta[ y >>]
90 noventa[ y >>]
100 cien
101 ciento >>
200 doscientos[ >>]
300 trescientos[ >>]
400 cuatrocientos[ >>]
500 quinientos[ >>]
600 seiscientos[ >>]
700 setecientos[ >>]
800 ochocientos[ >>]
900 novecientos[ >>]
1000 mil[ >>]
2000 <m< mil[ >>]
1000000 un millón[ >>]
2000000/1000000 <m< millones[ >>]
1000000000000 un billón[ >>]
2000000000000/1000000000000 <m< billones[ >>]
%m
1 un
21 veintiún
%f
1 una
21 veintiuna
200 doscientas[ >>]
300 trescientas[ >>]
400 cuatrocientas[ >>]
500 quinientas[ >>]
600 seiscientas[ >>]
700 setecientas[ >>]
800 ochocientas[ >>]
900 novecientas[ >>]
2000 <f< mil[ >>]
%%ord
1 primero
2 segundo
3 tercero
4 cuarto
5 quinto
6 sexto
7 séptimo
8 octavo
9 noveno
10 décimo
11 undécimo
12 duodécimo
13 decimo>>
18 decimoctavo
19 decimonoveno
20 vigésimo[ >>]
30 trigésimo[ >>]
40 cuadragésimo[ >>]
50 quincuagésimo[ >>]
60 sexagésimo[ >>]
70 septuagésimo[ >>]
80 octogésimo[ >>]
90 nonagésimo[ >>]
100 centésimo[ >>]
200 ducentésimo[ >>]
1000 milésimo[ >>]
)",
    .endings = R"(
short: primero>primer; tercero>tercer
)",
    .words = R"(point=coma
minus=menos
per=por
^=elevado a
plus=más
percent=m por ciento/por ciento
to=a
against=a
and=y
over=sobre
and_cents=con
dot=punto
slash=barra
at=arroba
dash=guion
underscore=guion bajo
question=signo de interrogación
colon=dos puntos
hash=almohadilla
percent_sign=por ciento
tilde=tilde
&=y
+=más
==igual a
×=por
÷=dividido por
#=número
№=número
§=sección
@=arroba
°=grados
%=por ciento
~=aproximadamente
<=menor que
>=mayor que
²=al cuadrado
³=al cubo
month_links=de
year_links=de;del
phone_words=tel tel. teléfono telf fax móvil llame llama
)",
    .currencies = R"(€ EUR|m euro/euros|m céntimo/céntimos
$ US$ USD|m dólar/dólares|m centavo/centavos
£ GBP|f libra/libras|m penique/peniques
¥ JPY|m yen/yenes|m sen/sen
₽ RUB|m rublo/rublos|m kopek/kopeks
CHF|m franco suizo/francos suizos|m céntimo/céntimos
MXN|m peso/pesos|m centavo/centavos)",
    .scales = R"(mil|m mil/mil
millón;millones;mill.;M|m millón/millones
billón;billones|m billón/billones)",
    .units = R"(km/h|m kilómetro por hora/kilómetros por hora
m/s|m metro por segundo/metros por segundo
km²;km2|m kilómetro cuadrado/kilómetros cuadrados
m²;m2|m metro cuadrado/metros cuadrados
m³;m3|m metro cúbico/metros cúbicos
km|m kilómetro/kilómetros
m|m metro/metros
cm|m centímetro/centímetros
mm|m milímetro/milímetros
kg|m kilogramo/kilogramos
g|m gramo/gramos
mg|m miligramo/miligramos
t|f tonelada/toneladas
l;L|m litro/litros
ml;mL|m mililitro/mililitros
cl|m centilitro/centilitros
ha|f hectárea/hectáreas
Hz|m hercio/hercios
kHz|m kilohercio/kilohercios
MHz|m megahercio/megahercios
GHz|m gigahercio/gigahercios
KB;kB|m kilobyte/kilobytes
MB|m megabyte/megabytes
GB|m gigabyte/gigabytes
TB|m terabyte/terabytes
kWh|m kilovatio hora/kilovatios hora
kW|m kilovatio/kilovatios
W|m vatio/vatios
V|m voltio/voltios
dB|m decibelio/decibelios
ms|m milisegundo/milisegundos
s;seg|m segundo/segundos
min|m minuto/minutos
h|f hora/horas
x|f vez/veces
°C;ºC|m grado Celsius/grados Celsius
°F;ºF|m grado Fahrenheit/grados Fahrenheit
°|m grado/grados
‰|m por mil/por mil)",
    .months = R"(enero;ene.
febrero;feb.
marzo;mar.
abril;abr.
mayo
junio;jun.
julio;jul.
agosto;ago.
septiembre;setiembre;sept.;sep.
octubre;oct.
noviembre;nov.
diciembre;dic.)",
    .abbreviations = R"(sr.=señor
sra.=señora
sres.=señores
srta.=señorita
dr.=doctor
dra.=doctora
D.>A=don
dña.=doña
ud.=usted
uds.=ustedes
vd.=usted
vds.=ustedes
prof.=profesor
profa.=profesora
sto.=santo
sta.=santa
etc.=etcétera.
p. ej.=por ejemplo
p.ej.=por ejemplo
pág.>0=página
págs.>0=páginas
p.>0=página
cap.>0=capítulo
art.>0=artículo
vol.>0=volumen
núm.>0=número
núm.=número
n.º=número
nº=número
Nº=número
EE. UU.=Estados Unidos.
EE.UU.=Estados Unidos.
EEUU=Estados Unidos
a. C.=antes de Cristo.
a.C.=antes de Cristo.
d. C.=después de Cristo.
d.C.=después de Cristo.
avda.=avenida
av.=avenida
C/=calle
tel.=teléfono
tfno.=teléfono
aprox.=aproximadamente
máx.=máximo
mín.=mínimo
S. A.=sociedad anónima.
S.A.=sociedad anónima.
cía.=compañía
dpto.=departamento
admón.=administración)",
    .ordinal_marks = R"(º|m
.º|m
ª|f
.ª|f
er|short
.er|short
ro|m
ra|f
do|m
da|f
to|m
ta|f)",
    .halves = R"(a. m.|de la mañana
a.m.|de la mañana
am|de la mañana
p. m.|de la tarde
p.m.|de la tarde
pm|de la tarde)",
    .clock_marks = ": .",
    .clock_words = "h;hs;horas",
    .spelt = "EU UE ONU USA IVA DNI ADN UCI FMI BCE ITV UHF",
    .roman_before = "capítulo tomo volumen parte guerra acto escena título artículo fase tipo clase",
    .roman_names =
        "felipe carlos isabel alfonso fernando juan enrique luis pablo pío benedicto papa jorge guillermo "
        "pedro sancho ramiro eduardo jaime",
    .date_order = "dmy"};

class Spanish final : public Language {
 public:
  Spanish() : Language(kTables, [](std::uint64_t n) { return n == 1 ? 0 : 1; }) {}

  std::string fraction_digits(std::string_view digits) const override {
    constexpr std::size_t kRead = 3;
    return digits.size() > kRead || digits[0] == '0' ? digit_by_digit(digits) : whole(digits);
  }

  std::string ordinal(std::uint64_t number, std::string_view form) const override {
    constexpr std::uint64_t kNamed = 300;
    if (number == 0 || number >= kNamed) return cardinal(number, form == "f" ? "f" : "");
    const std::string words = cardinal(number, "ord");
    if (form == "short") return rewrite(words, "short");
    if (form != "f") return words;
    std::string out;
    for (std::string& word : split(words, ' ')) {
      if (word.ends_with('o')) word.back() = 'a';
      out += (out.empty() ? "" : " ") + word;
    }
    return out;
  }

  /// "21 casas": the end of the next word tells its gender.
  std::string bare(const Amount& amount, const Place& place) const override {
    static constexpr std::string_view kMasculine =
        "días dálmatas mapas problemas temas sistemas programas idiomas planetas gramas";
    const std::string_view next = place.after;
    if (!amount.fraction.empty() || next.empty() || listed(next, "y o de del a que en con la las para por"))
      return number(amount);
    if (amount.one())
      return number(amount, next.ends_with("a") && next != "día"   ? "f"
                            : next.ends_with("o") || next == "día" ? "m"
                                                                   : "");
    static constexpr std::string_view kFeminine[] = {"ciones", "siones",  "dades",  "tudes",  "noches",
                                                     "veces",  "mujeres", "calles", "clases", "partes",
                                                     "tardes", "voces",   "luces",  "flores"};
    const bool feminine =
        (next.ends_with("as") && !listed(next, kMasculine)) ||
        std::any_of(std::begin(kFeminine), std::end(kFeminine), [&](auto e) { return next.ends_with(e); });
    if (feminine) return number(amount, "f");
    return number(amount, next.ends_with("s") ? "m" : "");
  }

  std::string after_million(const std::string&) const override { return "de "; }

  std::string date(const Date& date, const Place&) const override {
    const auto day = static_cast<std::uint64_t>(date.day);
    const std::string said = date.ordinal ? ordinal(day, "m") : cardinal(day);
    return joined({said, "de", month_name(date.month), date.year.empty() ? "" : "de", whole_year(date.year)});
  }

  std::string clock(const ClockTime& time, const Place&) const override {
    const auto hour = static_cast<std::uint64_t>(time.hour), minute = static_cast<std::uint64_t>(time.minute);
    const std::string said = cardinal(hour, "f");
    const std::string zero = time.minute < 10 ? "cero " : "";
    constexpr int kNoon = 12, kNight = 8;
    if (time.second >= 0)
      return joined({count({std::to_string(time.hour), "", false}, noun_of("f hora/horas")),
                     count({std::to_string(time.minute), "", false}, noun_of("m minuto/minutos")), "y",
                     count({std::to_string(time.second), "", false}, noun_of("m segundo/segundos"))});
    if (time.named)
      return joined({said, minute ? zero + cardinal(minute) : "", hour == 1 && minute == 0 ? "hora" : "horas"});
    std::string half = time.half;
    if (time.hour >= kNight && time.hour < kNoon && half.starts_with("de la tarde")) half.replace(6, 5, "noche");
    if (minute == 0) return joined({said, half});
    return joined({said, time.hour > kNoon ? zero + cardinal(minute) : "y " + cardinal(minute), half});
  }

  std::string fraction(std::uint64_t whole, std::uint64_t above, std::uint64_t below) const override {
    std::string name = below == 2     ? "medio"
                       : below == 3   ? "tercio"
                       : below <= 10  ? cardinal(below, "ord")
                       : below == 100 ? "centésimo"
                                      : cardinal(below) + "avo";
    constexpr std::uint64_t kNamed = 20;
    if (below > kNamed && below != 100) return Language::fraction(whole, above, below);
    if (whole > 0 && below == 2) return cardinal(whole) + " y medio";
    const std::string part = cardinal(above, "m") + " " + name + (above == 1 ? "" : "s");
    return whole > 0 ? cardinal(whole) + " y " + part : part;
  }

  std::string roman(std::uint64_t number, const Place& place) const override {
    constexpr std::uint64_t kLastOrdinal = 10;
    const bool name = listed(place.before, tables().roman_names), century = place.before == "siglo";
    if (name || century)
      return number <= kLastOrdinal ? ordinal(number, place.before == "isabel" ? "f" : "m") : cardinal(number);
    return listed(place.before, tables().roman_before) ? cardinal(number) : "";
  }

 private:
  std::string whole_year(std::string_view digits) const { return digits.empty() ? "" : whole(digits); }
};

}  // namespace

void register_language_es(Languages& languages) {
  languages.add("es", []() -> const Language& {
    static const Spanish kLanguage;
    return kLanguage;
  });
}

}  // namespace timbre::text
