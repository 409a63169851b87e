#include <algorithm>

#include "base/strings.h"
#include "text/letters.h"
#include "text/spoken_language.h"

/// French of France, in the spelling with "et" and without hyphens beside it. One and a half is still singular.
namespace timbre::text {
namespace {

constexpr LanguageTables kTables{
    .code = "fr",
    .decimal_mark = ',',
    .group_marks = " .",
    .numbers = R"(
0 zéro
1 un
2 deux
3 trois
4 quatre
5 cinq
6 six
7 sept
8 huit
9 neuf
10 dix
11 onze
12 douze
13 treize
14 quatorze
15 quinze
16 seize
17 dix->>
20 vingt
21 vingt et >>
22 vingt->>
30 trente
31 trente et >>
32 trente->>
40 quarante
41 quarante et >>
42 quarante->>
50 cinquante
51 cinquante et >>
52 cinquante->>
60 soixante
61 soixante et >>
62/20 soixante->>
71 soixante et onze
72/20 soixante->>
80 quatre-vingts
81/20 quatre-vingt->>
100 cent[ >>]
200 deux cents
201 deux cent >>
300 trois cents
301 trois cent >>
400 quatre cents
401 quatre cent >>
500 cinq cents
501 cinq cent >>
600 six cents
601 six cent >>
700 sept cents
701 sept cent >>
800 huit cents
801 huit cent >>
900 neuf cents
901 neuf cent >>
1000 mille[ >>]
2000 <i< mille[ >>]
1000000 << {million/millions}[ >>]
1000000000 << {milliard/milliards}[ >>]
1000000000000 << {billion/billions}[ >>]
%f
1 une
%i
80 quatre-vingt
81/20 quatre-vingt->>
200 deux cent
201 deux cent >>
300 trois cent
301 trois cent >>
400 quatre cent
401 quatre cent >>
500 cinq cent
501 cinq cent >>
600 six cent
601 six cent >>
700 sept cent
701 sept cent >>
800 huit cent
801 huit cent >>
900 neuf cent
901 neuf cent >>
)",
    .endings = R"(
ord: =un>premier; cinq>cinquième; neuf>neuvième; vingts>vingtième; cents>centième; e>ième; >ième
f: premier>première
)",
    .words = R"(point=virgule
minus=moins
per=par
^=puissance
plus=plus
percent=m pour cent/pour cent
to=à
against=à
and=et
over=sur
cents=bare
dot=point
slash=barre oblique
at=arobase
dash=tiret
underscore=tiret bas
question=point d'interrogation
colon=deux-points
hash=dièse
percent_sign=pour cent
tilde=tilde
&=et
+=plus
==égale
×=fois
÷=divisé par
#=numéro
№=numéro
§=paragraphe
@=arobase
°=degrés
%=pour cent
~=environ
<=inférieur à
>=supérieur à
²=au carré
³=au cube
phone_words=tél tél. téléphone fax portable mobile appelez
not_spelt=MM
)",
    .currencies = R"(€ EUR|m euro/euros|m centime/centimes
$ US$ USD|m dollar/dollars|m cent/cents
£ GBP|f livre/livres|m penny/pence
¥ JPY|m yen/yens|m sen/sen
₽ RUB|m rouble/roubles|m kopeck/kopecks
CHF|m franc suisse/francs suisses|m centime/centimes
F FF|m franc/francs|m centime/centimes)",
    .scales = R"(mille|m mille/mille
million;millions;M|m million/millions
milliard;milliards;Md;Mds|m milliard/milliards)",
    .units = R"(km/h|m kilomètre par heure/kilomètres par heure
m/s|m mètre par seconde/mètres par seconde
km²;km2|m kilomètre carré/kilomètres carrés
m²;m2|m mètre carré/mètres carrés
m³;m3|m mètre cube/mètres cubes
km|m kilomètre/kilomètres
m|m mètre/mètres
cm|m centimètre/centimètres
mm|m millimètre/millimètres
kg|m kilogramme/kilogrammes
g|m gramme/grammes
mg|m milligramme/milligrammes
t|f tonne/tonnes
l;L|m litre/litres
cl|m centilitre/centilitres
ml;mL|m millilitre/millilitres
ha|m hectare/hectares
Hz|m hertz/hertz
kHz|m kilohertz/kilohertz
MHz|m mégahertz/mégahertz
GHz|m gigahertz/gigahertz
Ko;ko|m kilooctet/kilooctets
Mo|m mégaoctet/mégaoctets
Go|m gigaoctet/gigaoctets
To|m téraoctet/téraoctets
kWh|m kilowattheure/kilowattheures
kW|m kilowatt/kilowatts
W|m watt/watts
V|m volt/volts
dB|m décibel/décibels
ms|f milliseconde/millisecondes
s|f seconde/secondes
min;mn|f minute/minutes
h|f heure/heures
heure;heures|f heure/heures
page;pages|f page/pages
fois|f fois/fois
livre;livres|f livre/livres
minute;minutes|f minute/minutes
seconde;secondes|f seconde/secondes
personne;personnes|f personne/personnes
chaise;chaises|f chaise/chaises
maison;maisons|f maison/maisons
femme;femmes|f femme/femmes
fille;filles|f fille/filles
semaine;semaines|f semaine/semaines
année;années|f année/années
voiture;voitures|f voiture/voitures
x|f fois/fois
°C|m degré Celsius/degrés Celsius
°F|m degré Fahrenheit/degrés Fahrenheit
°|m degré/degrés
‰|m pour mille/pour mille)",
    .months = R"(janvier;janv.
février;févr.;fév.
mars
avril;avr.
mai
juin
juillet;juil.
août
septembre;sept.
octobre;oct.
novembre;nov.
décembre;déc.)",
    .abbreviations = R"(M. et Mme=monsieur et madame
M.>A=monsieur
MM.>A=messieurs
Mme=madame
Mmes=mesdames
Mlle=mademoiselle
Mlles=mesdemoiselles
Mgr=monseigneur
Dr=docteur
Dr.=docteur
Pr>A=professeur
Me>A=maître
St=saint
St-=saint-
Ste=sainte
Ste-=sainte-
av. J.-C.=avant Jésus-Christ.
apr. J.-C.=après Jésus-Christ.
ap. J.-C.=après Jésus-Christ.
av.=avenue
bd=boulevard
Bd=boulevard
etc.=et cetera.
p. ex.=par exemple
p.ex.=par exemple
c.-à-d.=c'est-à-dire
c'est-à-d.=c'est-à-dire
env.=environ
no>0=numéro
n°=numéro
N°=numéro
nos>0=numéros
tél.=téléphone
p.>0=page
pp.>0=pages
chap.>0=chapitre
art.>0=article
vol.>0=volume
fig.>0=figure
ex.=exemple
cf.=confer
max.=maximum
min.>0=minimum
svp=s'il vous plaît
s.v.p.=s'il vous plaît.
SVP=s'il vous plaît
RDV=rendez-vous
qqn=quelqu'un
qqch=quelque chose
Cie=compagnie)",
    .ordinal_marks = R"(er|ord
re|f
ère|f
e|ord
ème|ord
eme|ord
ième|ord
nd|second
nde|seconde
d|second
de|seconde)",
    .clock_marks = "h : H",
    .clock_words = "h;heures",
    .spelt = "UE USA ONU ADN TVA PDG EDF IRM OGM ONG OMS RATP SNCF UHT",
    .roman_before =
        "louis henri charles françois philippe jean paul pie benoît élisabeth elizabeth guillaume georges "
        "napoléon nicolas alexandre catherine léon chapitre tome acte scène guerre volume livre partie "
        "titre article phase type classe mondiale",
    .roman_names = "",
    .date_order = "dmy"};

bool begins_with_vowel(std::string_view word) {
  static constexpr std::string_view kVowels[] = {"a", "e", "i", "o", "u", "y", "é", "è", "ê", "â", "î", "ô", "h"};
  return !word.starts_with("yen") &&
         std::any_of(std::begin(kVowels), std::end(kVowels), [&](auto v) { return word.starts_with(v); });
}

class French final : public Language {
 public:
  French() : Language(kTables, [](std::uint64_t n) { return n < 2 ? 0 : 1; }) {}

  int plural_of(const Amount& amount) const override { return amount.whole == "0" || amount.whole == "1" ? 0 : 1; }

  std::string fraction_digits(std::string_view digits) const override {
    const auto zeros = std::min(digits.find_first_not_of('0'), digits.size());
    constexpr std::size_t kRead = 3;
    if (digits.size() - zeros > kRead || zeros == digits.size()) return digit_by_digit(digits);
    return joined({digit_by_digit(digits.substr(0, zeros)), whole(digits.substr(zeros))});
  }

  std::string ordinal(std::uint64_t number, std::string_view form) const override {
    if (form == "second" || form == "seconde") return number == 2 ? std::string(form) : ordinal(number, "ord");
    const std::string words = Language::ordinal(number, "ord");
    return form == "f" ? rewrite(words, "f") : words;
  }

  std::string after_million(const std::string& thing) const override { return begins_with_vowel(thing) ? "d'" : "de "; }

  std::string date(const Date& date, const Place&) const override {
    const std::string day = date.day == 1 ? "premier" : cardinal(static_cast<std::uint64_t>(date.day));
    return joined({day, month_name(date.month), date.year.empty() ? "" : whole(date.year)});
  }

  std::string clock(const ClockTime& time, const Place&) const override {
    const std::string hours = count({std::to_string(time.hour), "", false}, noun_of("f heure/heures"));
    const std::string minutes = time.minute > 0 ? cardinal(static_cast<std::uint64_t>(time.minute)) : "";
    if (time.second < 0) return joined({hours, minutes});
    return joined({hours, count({std::to_string(time.minute), "", false}, noun_of("f minute/minutes")), "et",
                   count({std::to_string(time.second), "", false}, noun_of("f seconde/secondes"))});
  }

  std::string fraction(std::uint64_t whole, std::uint64_t above, std::uint64_t below) const override {
    constexpr std::uint64_t kNamed = 20;
    if (below > kNamed && below != 100) return Language::fraction(whole, above, below);
    if (below == 2 && whole > 0) return cardinal(whole) + " et demi";
    const std::string name = below == 2 ? "demi" : below == 3 ? "tiers" : below == 4 ? "quart" : ordinal(below, "ord");
    const std::string part = cardinal(above) + " " + name + (above > 1 && below != 3 ? "s" : "");
    return whole > 0 ? cardinal(whole) + " et " + part : part;
  }

  /// "01 23 45 67 89": two digits at a time.
  std::string telephone(const std::vector<std::string>& groups) const override {
    const bool pairs = std::all_of(groups.begin(), groups.end(), [](auto& g) { return g.size() == 2; });
    if (!pairs) return Language::telephone(groups);
    std::string out;
    for (const std::string& pair : groups) out += (out.empty() ? "" : ", ") + two_digits(pair);
    return out;
  }

 private:
  std::string two_digits(const std::string& pair) const { return pair[0] == '0' ? digit_by_digit(pair) : whole(pair); }
};

}  // namespace

void register_language_fr(Languages& languages) {
  languages.add("fr", []() -> const Language& {
    static const French kLanguage;
    return kLanguage;
  });
}

}  // namespace timbre::text
