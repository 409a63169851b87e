#include <algorithm>

#include "base/strings.h"
#include "text/letters.h"
#include "text/spoken_language.h"

/// German. Compounds are one word; years of the second millennium count hundreds; ordinals are declined after the word
/// before them.
namespace timbre::text {
namespace {

constexpr LanguageTables kTables{
    .code = "de",
    .decimal_mark = ',',
    .group_marks = ". ",
    .numbers = R"(
0 null
1 eins
2 zwei
3 drei
4 vier
5 fünf
6 sechs
7 sieben
8 acht
9 neun
10 zehn
11 elf
12 zwölf
13 dreizehn
14 vierzehn
15 fünfzehn
16 sechzehn
17 siebzehn
18 achtzehn
19 neunzehn
20 [>m>und]zwanzig
30 [>m>und]dreißig
40 [>m>und]vierzig
50 [>m>und]fünfzig
60 [>m>und]sechzig
70 [>m>und]siebzig
80 [>m>und]achtzig
90 [>m>und]neunzig
100 <m<hundert[>>]
1000 <m<tausend[>>]
1000000 <f< {Million/Millionen}[ >>]
1000000000 <f< {Milliarde/Milliarden}[ >>]
1000000000000 <f< {Billion/Billionen}[ >>]
%m
1 ein
%n
1 ein
%f
1 eine
)",
    .endings = R"(
ord: eins>erste; drei>dritte; sieben>siebte; acht>achte; zig>zigste; ßig>ßigste; hundert>hundertste; tausend>tausendste; Million>millionste; >te
)",
    .words = R"(point=Komma
minus=minus
per=pro
^=hoch
plus=plus
percent=n Prozent/Prozent
to=bis
against=zu
and=und
over=durch
cents=bare
dot=Punkt
slash=Schrägstrich
at=at
dash=Bindestrich
underscore=Unterstrich
question=Fragezeichen
colon=Doppelpunkt
hash=Raute
percent_sign=Prozent
tilde=Tilde
&=und
+=plus
==gleich
×=mal
÷=geteilt durch
#=Nummer
№=Nummer
§=Paragraf
@=at
°=Grad
%=Prozent
~=circa
<=kleiner als
>=größer als
²=hoch zwei
³=hoch drei
phone_words=tel tel. telefon fax mobil handy ruf
)",
    .currencies = R"(€ EUR|m Euro/Euro|m Cent/Cent
$ US$ USD|m Dollar/Dollar|m Cent/Cent
£ GBP|n Pfund/Pfund|m Penny/Pence
¥ JPY|m Yen/Yen|m Sen/Sen
CHF Fr. sFr.|m Franken/Franken|m Rappen/Rappen
₽ RUB|m Rubel/Rubel|f Kopeke/Kopeken
DM|f Mark/Mark|m Pfennig/Pfennig
ct|m Cent/Cent|m Cent/Cent
Euro|m Euro/Euro|m Cent/Cent)",
    .scales = R"(Tsd.;Tsd|n Tausend/Tausend
Mio.;Mio;Million;Millionen|f Million/Millionen
Mrd.;Mrd;Milliarde;Milliarden|f Milliarde/Milliarden
Bio.;Billion;Billionen|f Billion/Billionen)",
    .units = R"(km/h|m Kilometer pro Stunde/Kilometer pro Stunde
m/s|m Meter pro Sekunde/Meter pro Sekunde
km²;km2|m Quadratkilometer/Quadratkilometer
m²;m2;qm|m Quadratmeter/Quadratmeter
m³;m3|m Kubikmeter/Kubikmeter
km|m Kilometer/Kilometer
m|m Meter/Meter
cm|m Zentimeter/Zentimeter
mm|m Millimeter/Millimeter
µm;μm|m Mikrometer/Mikrometer
kg|n Kilogramm/Kilogramm
g|n Gramm/Gramm
mg|n Milligramm/Milligramm
t|f Tonne/Tonnen
Pfd.|n Pfund/Pfund
l|m Liter/Liter
ml|m Milliliter/Milliliter
ha|m Hektar/Hektar
Hz|n Hertz/Hertz
kHz|n Kilohertz/Kilohertz
MHz|n Megahertz/Megahertz
GHz|n Gigahertz/Gigahertz
kB;KB|n Kilobyte/Kilobyte
MB|n Megabyte/Megabyte
GB|n Gigabyte/Gigabyte
TB|n Terabyte/Terabyte
kWh|f Kilowattstunde/Kilowattstunden
kW|n Kilowatt/Kilowatt
W|n Watt/Watt
V|n Volt/Volt
PS|f Pferdestärke/P S
dB|n Dezibel/Dezibel
ms|f Millisekunde/Millisekunden
s;Sek.;sek.|f Sekunde/Sekunden
min;Min.|f Minute/Minuten
h;Std.|f Stunde/Stunden
Uhr|n Uhr/Uhr
x|n Mal/Mal
°C|n Grad Celsius/Grad Celsius
°F|n Grad Fahrenheit/Grad Fahrenheit
°|n Grad/Grad
‰|n Promille/Promille
St.;Stk.|n Stück/Stück)",
    .months = R"(Januar;Jan.;Jänner
Februar;Feb.;Febr.
März;Mrz.
April;Apr.
Mai
Juni;Jun.
Juli;Jul.
August;Aug.
September;Sept.;Sep.
Oktober;Okt.
November;Nov.
Dezember;Dez.)",
    .abbreviations = R"(z. B.=zum Beispiel
z.B.=zum Beispiel
d. h.=das heißt
d.h.=das heißt
u. a.=unter anderem
u.a.=unter anderem
i. d. R.=in der Regel
i.d.R.=in der Regel
u. U.=unter Umständen
v. a.=vor allem
v.a.=vor allem
o. ä.=oder ähnliches
o.ä.=oder ähnliches
s. o.=siehe oben
s. u.=siehe unten
m. E.=meines Erachtens
v. Chr.=vor Christus
v.Chr.=vor Christus
n. Chr.=nach Christus
n.Chr.=nach Christus
usw.=und so weiter.
etc.=et cetera.
bzw.=beziehungsweise
ca.=circa
evtl.=eventuell
ggf.=gegebenenfalls
inkl.=inklusive
exkl.=exklusive
vgl.=vergleiche
sog.=sogenannte
geb.=geboren
gest.=gestorben
zzgl.=zuzüglich
max.=maximal
min.>0=mindestens
Nr.=Nummer
Str.=Straße
str.=straße
Dr.=Doktor
Prof.=Professor
Hr.=Herr
Fr.>A=Frau
St.>A=Sankt
Abs.>0=Absatz
Art.>0=Artikel
Kap.>0=Kapitel
Abb.>0=Abbildung
Bd.>0=Band
S.>0=Seite
Tel.=Telefon
Jh.=Jahrhundert
Jhd.=Jahrhundert
Mio.=Millionen
Mrd.=Milliarden
GmbH=G M B H)",
    .ordinal_marks = ".|ord\ner|er",
    .clock_marks = ": .",
    .clock_words = "Uhr",
    .spelt = "EU USA UNO ADAC UKW EDV IT KI AG EKG EZB UN SUV ICE BMW CDU CSU SPD FDP ARD ZDF PKW LKW",
    .roman_before = "kapitel band teil akt szene weltkrieg",
    .roman_names =
        "ludwig heinrich karl friedrich wilhelm otto elisabeth georg johannes paul pius benedikt papst "
        "katharina nikolaus alexander philipp ferdinand napoleon leopold franz",
    .date_order = "dmy"};

constexpr std::uint64_t kHundreds = 1000;

bool is_any(std::string_view word, std::string_view list) { return listed(word, list); }

class German final : public Language {
 public:
  German() : Language(kTables, [](std::uint64_t n) { return n == 1 ? 0 : 1; }) {}

  std::string ordinal(std::uint64_t number, std::string_view form) const override {
    if (form == "regnal") return "der " + upper(Language::ordinal(number, "ord"));
    if (form == "queen") return "die " + upper(Language::ordinal(number, "ord"));
    if (form == "er") return (number > kHundreds ? year(std::to_string(number), {}) : cardinal(number)) + "er";  // 80er
    const std::string ending = form.starts_with("ord-") ? std::string(form.substr(4)) : "";
    return Language::ordinal(number, "ord") + ending;
  }

  /// "am 3. Platz", "der 2. Versuch": only behind a word that asks for a declined one.
  std::string ordinal_form(std::string_view mark, const Place& place) const override {
    if (mark == "er") return "er";
    if (place.after.empty()) return "";
    if (place.before == "als") return "ord-r";
    if (is_any(place.before,
               "am dem den des vom zum zur im beim ins einem einen eines einer keinem jedem jeden diesem "
               "diesen meinem meinen seinem seinen ihrem ihren unserem unseren bis seit ab in"))
      return "ord-n";
    if (is_any(place.before, "der die das diese dieser dieses jede jeder jedes welche")) return "ord-";
    if (is_any(place.before, "ein kein mein dein sein ihr unser")) return neuter(place.after) ? "ord-s" : "ord-r";
    if (is_any(place.before, "eine keine meine deine seine ihre unsere")) return "ord-";
    const bool century = is_any(place.after, "jahrhundert jh jhd");
    if (century) return "ord-s";
    if (is_any(place.after, "bundesliga etage klasse auflage runde liga reihe strophe")) return "ord-";
    if (is_any(place.after, "stock platz rang bezirk versuch akt weltkrieg geburtstag tag teil satz")) return "ord-r";
    if (is_any(place.after, "kapitel semester jahr mal lebensjahr")) return "ord-s";
    return place.after_capital ? "" : "ord-";  // a small letter: no sentence begins here
  }

  std::string year(std::string_view digits, const Place&) const override {
    const auto year = static_cast<std::uint64_t>(parse_int(digits).value_or(0));
    constexpr std::uint64_t kFirst = 1100, kLast = 1999;
    if (year < kFirst || year > kLast) return whole(digits);
    return cardinal(year / 100) + "hundert" + (year % 100 ? cardinal(year % 100) : "");
  }

  /// "1 Kind", "1 Straße": the end of the noun tells its gender, as far as it does.
  std::string bare(const Amount& amount, const Place& place) const override {
    if (amount.one() && place.after_capital) {
      static constexpr std::string_view kFeminine[] = {"ung", "heit", "keit", "schaft", "ion", "tät", "ei", "ik", "e"};
      const bool feminine =
          std::any_of(std::begin(kFeminine), std::end(kFeminine), [&](auto e) { return place.after.ends_with(e); });
      return number(amount, feminine || listed(place.after, "frau stadt nacht hand uhr") ? "f" : "m");
    }
    if (amount.whole.size() != 4 || amount.negative || !amount.fraction.empty()) return number(amount);
    return year(amount.whole, place);
  }

  std::string date(const Date& date, const Place& place) const override {
    const bool oblique = is_any(place.before, "am dem den des vom zum beim bis seit ab");
    const std::string ending = oblique ? "n" : is_any(place.before, "der die das") ? "" : "r";
    return joined({ordinal(static_cast<std::uint64_t>(date.day), "ord-" + ending), month_name(date.month),
                   date.year.empty() ? "" : year(date.year, place)});
  }

  std::string clock(const ClockTime& time, const Place&) const override {
    const std::string minute = time.minute > 0 ? cardinal(static_cast<std::uint64_t>(time.minute)) : "";
    const std::string hour = cardinal(static_cast<std::uint64_t>(time.hour), "m");
    if (time.second < 0) return joined({hour, "Uhr", minute});
    return joined({hour, "Uhr", cardinal(static_cast<std::uint64_t>(time.minute)), "und",
                   count({std::to_string(time.second), "", false}, {"f", {"Sekunde", "Sekunden"}})});
  }

  std::string fraction(std::uint64_t whole, std::uint64_t above, std::uint64_t below) const override {
    constexpr std::uint64_t kNamed = 20;
    if (below > kNamed && below != 100) return Language::fraction(whole, above, below);
    const std::string part = below == 2 ? "halb" : upper(Language::ordinal(below, "ord")) + "l";
    if (below == 2) {
      if (whole == 0) return above == 1 ? "ein halb" : cardinal(above) + " Halbe";
      return cardinal(whole, "m") + "einhalb";
    }
    const std::string said = cardinal(above, "m") + " " + part;
    return whole > 0 ? cardinal(whole) + " " + said : said;
  }

  std::string roman(std::uint64_t number, const Place& place) const override {
    if (listed(place.before, tables().roman_names))
      return ordinal(number, is_any(place.before, "elisabeth katharina") ? "queen" : "regnal");
    if (listed(place.before, tables().roman_before)) return cardinal(number);
    return "";
  }

 private:
  static bool neuter(std::string_view noun) {
    return is_any(noun, "mal kind kapitel jahr tor spiel haus auto buch semester");
  }
  static std::string upper(std::string word) {
    if (!word.empty() && word[0] >= 'a' && word[0] <= 'z') word[0] = static_cast<char>(word[0] - 'a' + 'A');
    if (word.starts_with("ü")) word.replace(0, 2, "Ü");
    return word;
  }
};

}  // namespace

void register_language_de(Languages& languages) {
  languages.add("de", []() -> const Language& {
    static const German kLanguage;
    return kLanguage;
  });
}

}  // namespace timbre::text
