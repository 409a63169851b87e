#include <algorithm>

#include "base/strings.h"
#include "text/letters.h"
#include "text/spoken_language.h"

/// Italian. Tens lose their end before "uno" and "otto", "tré" has its accent at the end alone; "un'" before vowels.
namespace timbre::text {
namespace {

constexpr LanguageTables kTables{
    .code = "it",
    .decimal_mark = ',',
    .group_marks = ". ",
    .numbers = R"(
0 zero
1 uno
2 due
3 tre
4 quattro
5 cinque
6 sei
7 sette
8 otto
9 nove
10 dieci
11 undici
12 dodici
13 tredici
14 quattordici
15 quindici
16 sedici
17 diciassette
18 diciotto
19 diciannove
20 venti
21 ventuno
22 venti>c>
28 ventotto
29 ventinove
30 trenta
31 trentuno
32 trenta>c>
38 trentotto
39 trentanove
40 quaranta
41 quarantuno
42 quaranta>c>
48 quarantotto
49 quarantanove
50 cinquanta
51 cinquantuno
52 cinquanta>c>
58 cinquantotto
59 cinquantanove
60 sessanta
61 sessantuno
62 sessanta>c>
68 sessantotto
69 sessantanove
70 settanta
71 settantuno
72 settanta>c>
78 settantotto
79 settantanove
80 ottanta
81 ottantuno
82 ottanta>c>
88 ottantotto
89 ottantanove
90 novanta
91 novantuno
92 novanta>c>
98 novantotto
99 novantanove
100 cent>h>
200 <<cent>h>
1000 mille[>c>]
2000 <q<mila[>c>]
1000000 un milione[ >>]
2000000/1000000 << milioni[ >>]
1000000000 un miliardo[ >>]
2000000000/1000000000 << miliardi[ >>]
1000000000000 <m< {bilione/bilioni}[ >>]
%c
3 tré
%q
3 tre
20 venti
21 ventuno
22 venti>>
28 ventotto
29 ventinove
30 trenta
31 trentuno
32 trenta>>
38 trentotto
39 trentanove
40 quaranta
41 quarantuno
42 quaranta>>
48 quarantotto
49 quarantanove
50 cinquanta
51 cinquantuno
52 cinquanta>>
58 cinquantotto
59 cinquantanove
60 sessanta
61 sessantuno
62 sessanta>>
68 sessantotto
69 sessantanove
70 settanta
71 settantuno
72 settanta>>
78 settantotto
79 settantanove
80 ottanta
81 ottantuno
82 ottanta>>
88 ottantotto
89 ottantanove
90 novanta
91 novantuno
92 novanta>>
98 novantotto
99 novantanove
100 cent>hq>
200 <<cent>hq>
%%h
0 o
1 o=c=
8 =c=
9 o=c=
80 =c=
90 o=c=
%%hq
0 o
1 o=q=
8 =q=
9 o=q=
80 =q=
90 o=q=
%m
1 un
%f
1 una
)",
    .endings = R"(
ord: =uno>primo; =due>secondo; =tre>terzo; =quattro>quarto; =cinque>quinto; =sei>sesto; =sette>settimo; =otto>ottavo; =nove>nono; dieci>decimo; centouno>centunesimo; tré>treesimo; sei>seiesimo; mila>millesimo; o>esimo; e>esimo; i>esimo; a>esimo
f: o>a
)",
    .words = R"(point=virgola
minus=meno
per=al
^=elevato a
plus=più
percent=m per cento/per cento
to=a
against=a
and=e
over=su
and_cents=e
dot=punto
slash=barra
at=chiocciola
dash=trattino
underscore=trattino basso
question=punto interrogativo
colon=due punti
hash=cancelletto
percent_sign=per cento
tilde=tilde
&=e
+=più
==uguale
×=per
÷=diviso
#=numero
№=numero
§=paragrafo
@=chiocciola
°=gradi
%=per cento
~=circa
<=minore di
>=maggiore di
²=al quadrato
³=al cubo
year_links=del
clock_before=ore alle dalle le
phone_words=tel tel. telefono fax cellulare chiama
)",
    .currencies = R"(€ EUR|m euro/euro|m centesimo/centesimi
$ US$ USD|m dollaro/dollari|m centesimo/centesimi
£ GBP|f sterlina/sterline|m penny/penny
¥ JPY|m yen/yen|m sen/sen
₽ RUB|m rublo/rubli|m copeco/copechi
CHF|m franco svizzero/franchi svizzeri|m centesimo/centesimi)",
    .scales = R"(mila|m mila/mila
milione;milioni;mln;Mln|m milione/milioni
miliardo;miliardi;mld;Mld|m miliardo/miliardi)",
    .units = R"(km/h|m chilometro orario/chilometri orari
m/s|m metro al secondo/metri al secondo
km²;km2;kmq|m chilometro quadrato/chilometri quadrati
m²;m2;mq|m metro quadrato/metri quadrati
m³;m3;mc|m metro cubo/metri cubi
km|m chilometro/chilometri
m|m metro/metri
cm|m centimetro/centimetri
mm|m millimetro/millimetri
kg|m chilogrammo/chilogrammi
hg|m etto/etti
g;gr|m grammo/grammi
mg|m milligrammo/milligrammi
t|f tonnellata/tonnellate
l;L|m litro/litri
cl|m centilitro/centilitri
ml;mL|m millilitro/millilitri
ha|m ettaro/ettari
Hz|m hertz/hertz
kHz|m chilohertz/chilohertz
MHz|m megahertz/megahertz
GHz|m gigahertz/gigahertz
KB;kB|m kilobyte/kilobyte
MB|m megabyte/megabyte
GB|m gigabyte/gigabyte
TB|m terabyte/terabyte
kWh|m chilowattora/chilowattora
kW|m chilowatt/chilowatt
W|m watt/watt
V|m volt/volt
dB|m decibel/decibel
ms|m millisecondo/millisecondi
s;sec|m secondo/secondi
min|m minuto/minuti
h|f ora/ore
oz|f oncia/once
ora|f ora/ore
volta|f volta/volte
persona|f persona/persone
pagina|f pagina/pagine
settimana|f settimana/settimane
casa|f casa/case
donna|f donna/donne
anno|m anno/anni
giorno|m giorno/giorni
minuto|m minuto/minuti
euro|m euro/euro
libro|m libro/libri
chilo|m chilo/chili
zaino|m zaino/zaini
studente|m studente/studenti
x|f volta/volte
°C|m grado Celsius/gradi Celsius
°F|m grado Fahrenheit/gradi Fahrenheit
‰|m per mille/per mille)",
    .months = R"(gennaio;gen.;genn.
febbraio;feb.;febbr.
marzo;mar.
aprile;apr.
maggio;mag.
giugno;giu.
luglio;lug.
agosto;ago.
settembre;set.;sett.
ottobre;ott.
novembre;nov.
dicembre;dic.)",
    .abbreviations = R"(sig.=signor
sig.ra=signora
sig.na=signorina
sigg.=signori
dott.=dottor
dott.ssa=dottoressa
dr.=dottor
prof.=professor
prof.ssa=professoressa
avv.=avvocato
ing.=ingegner
arch.=architetto
On.>A=onorevole
rag.=ragionier
geom.=geometra
S.>A=san
ecc.=eccetera.
etc.=eccetera.
es.=esempio
p. es.=per esempio
p.es.=per esempio
ad es.=ad esempio
pag.>0=pagina
pagg.>0=pagine
p.>0=pagina
cap.>0=capitolo
art.>0=articolo
vol.>0=volume
fig.>0=figura
n.>0=numero
n°=numero
nr.=numero
tel.=telefono
cell.=cellulare
a. C.=avanti Cristo.
a.C.=avanti Cristo.
d. C.=dopo Cristo.
d.C.=dopo Cristo.
ca.=circa
max.=massimo
min.>0=minimo
cfr.=confronta
c.a.=corrente anno
P.zza=piazza
C.so=corso
V.le=viale
fam.=famiglia
S.p.A.=esse pi a
SpA=esse pi a
S.r.l.=esse erre elle
kg.=chilogrammi)",
    .ordinal_marks = "º|m\n°|m\nª|f\no|m",
    .halves = "",
    .clock_marks = ": .",
    .clock_words = "h",
    .spelt = "UE USA IVA ONU DNA AC IA UFO",
    .roman_before = "capitolo volume tomo atto scena guerra parte titolo fase tipo classe",
    .roman_names =
        "luigi enrico carlo vittorio umberto elisabetta giovanni paolo pio benedetto papa giorgio guglielmo "
        "napoleone caterina alessandro filippo federico leone emanuele",
    .date_order = "dmy"};

bool begins_with_vowel(std::string_view word) {
  return !word.empty() && std::string_view("aeiouAEIOU").find(word[0]) != std::string_view::npos;
}

/// "uno" keeps its end before these: "uno zaino", "uno studente".
bool asks_for_uno(std::string_view word) {
  if (word.size() < 2) return false;
  if (word[0] == 's') return !begins_with_vowel(word.substr(1));
  return word[0] == 'z' || word[0] == 'y' || word[0] == 'x' || word.starts_with("gn") || word.starts_with("ps");
}

class Italian final : public Language {
 public:
  Italian() : Language(kTables, [](std::uint64_t n) { return n == 1 ? 0 : 1; }) {}

  std::string fraction_digits(std::string_view digits) const override {
    constexpr std::size_t kRead = 3;
    return digits.size() > kRead || digits[0] == '0' ? digit_by_digit(digits) : whole(digits);
  }

  std::string count(const Amount& amount, const Noun& noun) const override {
    if (!amount.one()) return Language::count(amount, noun);
    const std::string& thing = noun.forms.front();
    const std::string minus = amount.negative ? "meno " : "";
    if (noun.gender == "f" && begins_with_vowel(thing)) return minus + "un'" + thing;
    if (noun.gender == "m" && asks_for_uno(thing)) return minus + "uno " + thing;
    return Language::count(amount, noun);
  }

  std::string bare(const Amount& amount, const Place& place) const override {
    const std::string_view next = place.after;
    if (!amount.one() || amount.negative || next.size() < 3 || listed(next, "alla della")) return number(amount);
    if (next.ends_with('a')) return "una";
    return next.ends_with('o') || next.ends_with('e') ? (asks_for_uno(next) ? "uno" : "un") : number(amount);
  }

  std::string ordinal(std::uint64_t number, std::string_view form) const override {
    const std::string words = Language::ordinal(number, "ord");
    return form == "f" ? rewrite(words, "f") : words;
  }

  std::string after_million(const std::string&) const override { return "di "; }

  std::string date(const Date& date, const Place&) const override {
    const std::string day = date.day == 1 ? "primo" : cardinal(static_cast<std::uint64_t>(date.day));
    return joined({day, month_name(date.month), date.year.empty() ? "" : whole(date.year)});
  }

  std::string clock(const ClockTime& time, const Place&) const override {
    const auto two = [&](int n) { return cardinal(static_cast<std::uint64_t>(n)); };
    std::string out = cardinal(static_cast<std::uint64_t>(time.hour), "f");
    if (time.minute > 0 || time.second >= 0) out += " e " + two(time.minute);
    if (time.second >= 0) out += " e " + count({std::to_string(time.second), "", false}, noun_of("m secondo/secondi"));
    return out;
  }

  std::string fraction(std::uint64_t whole, std::uint64_t above, std::uint64_t below) const override {
    constexpr std::uint64_t kNamed = 20;
    if (below > kNamed && below != 100) return Language::fraction(whole, above, below);
    if (below == 2 && whole > 0) return cardinal(whole) + " e mezzo";
    std::string name = below == 2 ? "mezzo" : Language::ordinal(below, "ord");
    if (above > 1) name.back() = 'i';
    const std::string part = cardinal(above, "m") + " " + name;
    return whole > 0 ? cardinal(whole) + " e " + part : part;
  }

  std::string roman(std::uint64_t number, const Place& place) const override {
    if (place.after == "secolo") return ordinal(number, "m");
    if (listed(place.before, tables().roman_names))
      return ordinal(number, listed(place.before, "elisabetta caterina") ? "f" : "m");
    return listed(place.before, tables().roman_before) ? cardinal(number) : "";
  }
};

}  // namespace

void register_language_it(Languages& languages) {
  languages.add("it", []() -> const Language& {
    static const Italian kLanguage;
    return kLanguage;
  });
}

}  // namespace timbre::text
