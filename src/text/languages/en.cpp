#include "base/strings.h"
#include "text/letters.h"
#include "text/spoken_language.h"

/// English, American words for units. "and" stands behind hundreds, years go in pairs of digits.
namespace timbre::text {
namespace {

constexpr LanguageTables kTables{
    .code = "en",
    .version = 2,  // 1 left plain numbers to espeak-ng
    .decimal_mark = '.',
    .group_marks = ",",
    .numbers = R"(
0 zero
1 one
2 two
3 three
4 four
5 five
6 six
7 seven
8 eight
9 nine
10 ten
11 eleven
12 twelve
13 thirteen
14 fourteen
15 fifteen
16 sixteen
17 seventeen
18 eighteen
19 nineteen
20 twenty[->>]
30 thirty[->>]
40 forty[->>]
50 fifty[->>]
60 sixty[->>]
70 seventy[->>]
80 eighty[->>]
90 ninety[->>]
100 << hundred[ and >>]
1000 << thousand[>and>]
1000000 << million[>and>]
1000000000 << billion[>and>]
1000000000000 << trillion[>and>]
%%and
0 '
1 ' and ==
100 ' ==
)",
    .endings = R"(
ord: one>first; two>second; three>third; five>fifth; eight>eighth; nine>ninth; twelve>twelfth; y>ieth; >th
)",
    .words = R"(point=point
minus=minus
foot=foot
per=per
^=to the power of
plus=plus
percent=n percent/percent
to=to
against=to
and=and
over=over
and_cents=and
dot=dot
slash=slash
at=at
dash=dash
underscore=underscore
question=question mark
colon=colon
hash=hash
percent_sign=percent
tilde=tilde
&=and
+=plus
==equals
×=times
÷=divided by
#=number
№=number
§=section
@=at
°=degrees
%=percent
~=about
<=less than
>=more than
²=squared
³=cubed
phone_words=phone tel tel. fax call dial telephone
not_spelt=MR MRS DR PHD HMM SHH PSST
month_links=of
year_links=
after_year=
)",
    .currencies = R"($ US$ USD|n dollar/dollars|n cent/cents
€ EUR|n euro/euros|n cent/cents
£ GBP|n pound/pounds|n penny/pence
¥ JPY|n yen/yen|n sen/sen
₹ INR|n rupee/rupees|n paisa/paise
₽ RUB|n ruble/rubles|n kopeck/kopecks
CHF|n Swiss franc/Swiss francs|n centime/centimes
¢|n cent/cents|n cent/cents
A$ AUD|n Australian dollar/Australian dollars|n cent/cents
C$ CAD|n Canadian dollar/Canadian dollars|n cent/cents
CNY|n yuan/yuan|n fen/fen)",
    .scales = R"(thousand;k;K|n thousand/thousand
million;mil;M;m;mn|n million/million
billion;bn;B|n billion/billion
trillion;tn;T|n trillion/trillion)",
    .units = R"(km/h;kph|n kilometer per hour/kilometers per hour
mph|n mile per hour/miles per hour
m/s|n meter per second/meters per second
MB/s|n megabyte per second/megabytes per second
Mbit/s;Mbps|n megabit per second/megabits per second
km²;km2|n square kilometer/square kilometers
m²;m2;sq m|n square meter/square meters
m³;m3|n cubic meter/cubic meters
sq ft|n square foot/square feet
km|n kilometer/kilometers
m|n meter/meters
cm|n centimeter/centimeters
mm|n millimeter/millimeters
µm;μm|n micrometer/micrometers
nm|n nanometer/nanometers
mi|n mile/miles
ft|n foot/feet
yd;yds|n yard/yards
kg|n kilogram/kilograms
g|n gram/grams
mg|n milligram/milligrams
lb;lbs|n pound/pounds
oz|n ounce/ounces
L;l|n liter/liters
ml;mL|n milliliter/milliliters
gal|n gallon/gallons
kHz|n kilohertz/kilohertz
MHz|n megahertz/megahertz
GHz|n gigahertz/gigahertz
Hz|n hertz/hertz
kB;KB|n kilobyte/kilobytes
MB|n megabyte/megabytes
GB|n gigabyte/gigabytes
TB|n terabyte/terabytes
kWh|n kilowatt-hour/kilowatt-hours
kW|n kilowatt/kilowatts
MW|n megawatt/megawatts
W|n watt/watts
V|n volt/volts
dB|n decibel/decibels
ms|n millisecond/milliseconds
s;sec;secs|n second/seconds
min;mins|n minute/minutes
h;hr;hrs|n hour/hours
x|n time/times
tsp|n teaspoon/teaspoons
tbsp|n tablespoon/tablespoons
°C|n degree Celsius/degrees Celsius
°F|n degree Fahrenheit/degrees Fahrenheit
°|n degree/degrees
‰|n per mille/per mille)",
    .months = R"(January;Jan.;Jan
February;Feb.;Feb
March;Mar.;Mar
April;Apr.;Apr
May
June;Jun.;Jun
July;Jul.;Jul
August;Aug.;Aug
September;Sept.;Sept;Sep.;Sep
October;Oct.;Oct
November;Nov.;Nov
December;Dec.;Dec)",
    .abbreviations = R"(e.g.=for example
e. g.=for example
i.e.=that is
i. e.=that is
etc.=et cetera.
vs.=versus
vs=versus
cf.=compare
approx.=approximately
Mr.=Mister
Mr=Mister
Mrs.=Missus
Mrs=Missus
Ms.=Miz
Ms=Miz
Dr.>A=Doctor
Dr=Doctor
Dr.=Drive.
Prof.=Professor
St.>A=Saint
St.=Street.
Ave.=Avenue.
Blvd.=Boulevard.
Rd.=Road.
Mt.>A=Mount
Ph.D.=P H D.
Jr.=Junior.
Sr.=Senior.
Gen.>A=General
Col.>A=Colonel
Capt.>A=Captain
Lt.>A=Lieutenant
Sgt.>A=Sergeant
Gov.>A=Governor
Sen.>A=Senator
Rep.>A=Representative
Rev.>A=Reverend
Hon.>A=Honorable
Inc.=Incorporated.
Ltd.=Limited.
Co.=Company.
Corp.=Corporation.
Dept.=Department
No.>0=number
Nos.>0=numbers
no.>0=number
Vol.>0=volume
Fig.>0=figure
p.>0=page
pp.>0=pages
ch.>0=chapter
ca.>0=circa
a.k.a.=also known as
w/o=without
w/=with
24/7=twenty-four seven)",
    .ordinal_marks = "st|ord\nnd|ord\nrd|ord\nth|ord",
    .halves = R"(a.m.|A M
p.m.|P M
am|A M
pm|P M
AM|A M
PM|P M
A.M.|A M
P.M.|P M
a. m.|A M
p. m.|P M)",
    .clock_marks = ":",
    .clock_words = "",
    .spelt =
        "USA UK EU UN FBI CIA US AI IT IBM BBC ATM DNA CEO CPU GPU USB URL API EPA IRS UFO FAQ ID IQ PIN UAE VIP "
        "AM PM HIV USSR MIT UCLA IOU OK ISO IEEE IOC IP OS UI UX AC NBA",
    .roman_before =
        "war chapter part act scene volume book section article phase type class appendix bowl rocky tome "
        "title level stage episode season mark apollo",
    .roman_names =
        "henry louis elizabeth george charles edward richard william james pope john paul pius benedict "
        "gregory leo peter catherine nicholas alexander philip ferdinand napoleon frederick wilhelm felipe "
        "juan carlos ramses ptolemy cleopatra darius",
    .date_order = "mdy"};

std::uint64_t number_of(std::string_view digits) { return static_cast<std::uint64_t>(parse_int(digits).value_or(0)); }

class English final : public Language {
 public:
  English() : Language(kTables, [](std::uint64_t n) { return n == 1 ? 0 : 1; }) {}

  std::string ordinal(std::uint64_t number, std::string_view form) const override {
    const std::string words = Language::ordinal(number, form == "regnal" ? "ord" : form);
    return form == "regnal" ? "the " + words : words;
  }

  std::string year(std::string_view digits, const Place&) const override {
    const std::uint64_t year = number_of(digits);
    constexpr std::uint64_t kFirst = 1100, kLast = 2099, kHundred = 100;
    if (year < kFirst || year > kLast || (year >= 2000 && year < 2010)) {
      std::string words = whole(digits);
      // "two thousand seven", the year; "and" is for amounts.
      if (const auto at = words.find(" thousand and "); year >= 2000 && at != std::string::npos) words.erase(at + 9, 4);
      return words;
    }
    if (year % kHundred == 0) return cardinal(year / kHundred) + " hundred";
    return cardinal(year / kHundred) + (year % kHundred < 10 ? " oh " : " ") + cardinal(year % kHundred);
  }

  std::string bare(const Amount& amount, const Place& place) const override {
    // "in 1066": the eleventh century only where a year is meant.
    if (amount.whole.size() == 4 && amount.whole.starts_with("10") && !amount.whole.ends_with("00") &&
        listed(place.before, "in since until by from year anno circa around before after"))
      return "ten " + std::string(amount.whole[2] == '0' ? "oh " : "") + cardinal(number_of(amount.whole) % 100);
    if (amount.whole.size() != 4 || amount.negative || !amount.fraction.empty()) return number(amount);
    return year(amount.whole, place);
  }

  std::string date(const Date& date, const Place& place) const override {
    const std::string day = ordinal(static_cast<std::uint64_t>(date.day), "ord");
    const std::string said = date.year.empty() ? "" : year(date.year, place);
    if (date.style == Date::Style::day_first) {
      const std::string the = place.before == "the" ? "" : "the";
      return joined({the, day, "of", month_name(date.month), said});
    }
    return joined({month_name(date.month), day}) + (said.empty() ? "" : ", " + said);
  }

  std::string clock(const ClockTime& time, const Place&) const override {
    const auto two = [&](int n) { return (n < 10 ? "oh " : "") + cardinal(static_cast<std::uint64_t>(n)); };
    std::string out = cardinal(static_cast<std::uint64_t>(time.hour));
    if (time.minute > 0 || time.second >= 0)
      out += " " + two(time.minute);
    else if (time.half.empty())
      out += time.hour == 0 || time.hour > 12 ? " hundred hours" : " o'clock";
    if (time.second >= 0)
      out += " and " + count({std::to_string(time.second), "", false}, {"n", {"second", "seconds"}});
    return joined({out, time.half});
  }

  /// "the part I like": I is a number only where no verb of the speaker can follow.
  std::string roman(std::uint64_t number, const Place& place) const override {
    if (number == 1 && place.before != "war" && !place.after.empty() &&
        !listed(place.after, "was of and in died had ruled became began ended is to were"))
      return "";
    return Language::roman(number, place);
  }

  std::string fraction(std::uint64_t whole, std::uint64_t above, std::uint64_t below) const override {
    constexpr std::uint64_t kNamed = 20;
    std::string part;
    if ((below > kNamed && below != 100) || (whole == 0 && above >= below && below > 10)) {
      part = Language::fraction(0, above, below);
    } else {
      const std::string name = below == 2     ? "half"
                               : below == 4   ? "quarter"
                               : below == 100 ? "hundredth"
                                              : ordinal(below, "ord");
      const std::string many = below == 2 ? "halves" : name + "s";
      const std::string one = whole > 0 ? (name[0] == 'e' ? "an " : "a ") : "one ";
      part = above == 1 ? one + name : cardinal(above) + " " + many;
    }
    return whole > 0 ? cardinal(whole) + " and " + part : part;
  }
};

}  // namespace

void register_language_en(Languages& languages) {
  languages.add("en", []() -> const Language& {
    static const English kLanguage;
    return kLanguage;
  });
}

}  // namespace timbre::text
