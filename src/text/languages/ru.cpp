#include <algorithm>
#include <array>

#include "base/strings.h"
#include "text/letters.h"
#include "text/spoken_language.h"

/// Russian. Nouns take one of three forms after a number, one and two agree in gender, ordinals are adjectives that are
/// declined after the words around them, fractions are "целых" and "десятых".
namespace timbre::text {
namespace {

constexpr LanguageTables kTables{
    .code = "ru",
    .decimal_mark = ',',
    .group_marks = " .",
    .numbers = R"(
0 ноль
1 один
2 два
3 три
4 четыре
5 пять
6 шесть
7 семь
8 восемь
9 девять
10 десять
11 одиннадцать
12 двенадцать
13 тринадцать
14 четырнадцать
15 пятнадцать
16 шестнадцать
17 семнадцать
18 восемнадцать
19 девятнадцать
20 двадцать[ >>]
30 тридцать[ >>]
40 сорок[ >>]
50 пятьдесят[ >>]
60 шестьдесят[ >>]
70 семьдесят[ >>]
80 восемьдесят[ >>]
90 девяносто[ >>]
100 сто[ >>]
200 двести[ >>]
300 триста[ >>]
400 четыреста[ >>]
500 пятьсот[ >>]
600 шестьсот[ >>]
700 семьсот[ >>]
800 восемьсот[ >>]
900 девятьсот[ >>]
1000 тысяча[ >>]
2000 <f< {тысяча/тысячи/тысяч}[ >>]
1000000 << {миллион/миллиона/миллионов}[ >>]
1000000000 << {миллиард/миллиарда/миллиардов}[ >>]
1000000000000 << {триллион/триллиона/триллионов}[ >>]
%f
1 одна
2 две
%n
1 одно
%%gen
0 ноля
1 одного
2 двух
3 трёх
4 четырёх
5 пяти
6 шести
7 семи
8 восьми
9 девяти
10 десяти
11 одиннадцати
12 двенадцати
13 тринадцати
14 четырнадцати
15 пятнадцати
16 шестнадцати
17 семнадцати
18 восемнадцати
19 девятнадцати
20 двадцати[ >>]
30 тридцати[ >>]
40 сорока[ >>]
50 пятидесяти[ >>]
60 шестидесяти[ >>]
70 семидесяти[ >>]
80 восьмидесяти[ >>]
90 девяноста[ >>]
100 ста[ >>]
200 двухсот[ >>]
300 трёхсот[ >>]
400 четырёхсот[ >>]
500 пятисот[ >>]
600 шестисот[ >>]
700 семисот[ >>]
800 восьмисот[ >>]
900 девятисот[ >>]
1000 тысячи[ >>]
2000 <gen< тысяч[ >>]
1000000 <gen< {миллиона/миллионов/миллионов}[ >>]
1000000000 <gen< {миллиарда/миллиардов/миллиардов}[ >>]
)",
    .endings = R"(
ord: ноль>нулевой; один>первый; два>второй; три>третий; четыре>четвёртый; пять>пятый; шесть>шестой; восемь>восьмой; семь>седьмой; девять>девятый; десять>десятый; надцать>надцатый; двадцать>двадцатый; тридцать>тридцатый; сорок>сороковой; пятьдесят>пятидесятый; шестьдесят>шестидесятый; восемьдесят>восьмидесятый; семьдесят>семидесятый; девяносто>девяностый; сто>сотый; двести>двухсотый; триста>трёхсотый; четыреста>четырёхсотый; пятьсот>пятисотый; шестьсот>шестисотый; восемьсот>восьмисотый; семьсот>семисотый; девятьсот>девятисотый; две тысячи>двухтысячный; три тысячи>трёхтысячный; четыре тысячи>четырёхтысячный; пять тысяч>пятитысячный; десять тысяч>десятитысячный; тысяча>тысячный; один миллион>миллионный
)",
    .words = R"(point=запятая
minus=минус
per=в
^=в степени
plus=плюс
percent=m процент/процента/процентов
to=до
against=
and=и
over=дробь
dot=точка
slash=слэш
at=собака
dash=дефис
underscore=подчёркивание
question=вопросительный знак
colon=двоеточие
hash=решётка
percent_sign=процент
tilde=тильда
&=и
+=плюс
==равно
×=умножить на
÷=разделить на
#=номер
№=номер
§=параграф
@=собака
°=градусов
%=процентов
~=примерно
<=меньше
>=больше
²=в квадрате
³=в кубе
after_year=года;году;г.;г
year_marks=г.;г
phone_words=тел тел. телефон телефону факс звоните
)",
    .currencies =
        R"(₽ RUB руб. руб р.|m рубль/рубля/рублей|f копейка/копейки/копеек
коп. коп|f копейка/копейки/копеек|f копейка/копейки/копеек
€ EUR|m евро/евро/евро|m цент/цента/центов
$ US$ USD|m доллар/доллара/долларов|m цент/цента/центов
£ GBP|m фунт/фунта/фунтов|m пенс/пенса/пенсов
¥ JPY|f иена/иены/иен|m сен/сена/сенов
CNY|m юань/юаня/юаней|m фэнь/фэня/фэней
₴ UAH|f гривна/гривны/гривен|f копейка/копейки/копеек)",
    .scales = R"(тыс.;тыс|f тысяча/тысячи/тысяч
млн;млн.|m миллион/миллиона/миллионов
млрд;млрд.|m миллиард/миллиарда/миллиардов
трлн;трлн.|m триллион/триллиона/триллионов)",
    .units = R"(км/ч|m километр в час/километра в час/километров в час
м/с|m метр в секунду/метра в секунду/метров в секунду
км²|m квадратный километр/квадратных километра/квадратных километров
м²;кв. м;кв.м|m квадратный метр/квадратных метра/квадратных метров
м³;куб. м|m кубический метр/кубических метра/кубических метров
км|m километр/километра/километров
м|m метр/метра/метров
см|m сантиметр/сантиметра/сантиметров
мм|m миллиметр/миллиметра/миллиметров
кг|m килограмм/килограмма/килограммов
г|m грамм/грамма/граммов
мг|m миллиграмм/миллиграмма/миллиграммов
т|f тонна/тонны/тонн
л|m литр/литра/литров
мл|m миллилитр/миллилитра/миллилитров
га|m гектар/гектара/гектаров
Гц|m герц/герца/герц
кГц|m килогерц/килогерца/килогерц
МГц|m мегагерц/мегагерца/мегагерц
ГГц|m гигагерц/гигагерца/гигагерц
КБ;Кб|m килобайт/килобайта/килобайт
МБ;Мб|m мегабайт/мегабайта/мегабайт
ГБ;Гб|m гигабайт/гигабайта/гигабайт
ТБ;Тб|m терабайт/терабайта/терабайт
кВт·ч|m киловатт-час/киловатт-часа/киловатт-часов
кВт|m киловатт/киловатта/киловатт
Вт|m ватт/ватта/ватт
В|m вольт/вольта/вольт
дБ|m децибел/децибела/децибел
мс|f миллисекунда/миллисекунды/миллисекунд
с;сек;сек.|f секунда/секунды/секунд
мин;мин.|f минута/минуты/минут
ч;ч.|m час/часа/часов
шт.;шт|f штука/штуки/штук
чел.;чел|m человек/человека/человек
°C;°С|m градус Цельсия/градуса Цельсия/градусов Цельсия
°F|m градус Фаренгейта/градуса Фаренгейта/градусов Фаренгейта
°|m градус/градуса/градусов
‰|n промилле/промилле/промилле)",
    .months = R"(января;янв.
февраля;февр.;фев.
марта
апреля;апр.
мая
июня
июля
августа;авг.
сентября;сент.
октября;окт.
ноября;нояб.
декабря;дек.)",
    .abbreviations = R"(т. е.=то есть
т.е.=то есть
т. к.=так как
т.к.=так как
т. н.=так называемый
т.н.=так называемый
т. д.=так далее.
т.д.=так далее.
т. п.=тому подобное.
т.п.=тому подобное.
и др.=и другие.
и пр.=и прочее.
до н. э.=до нашей эры.
до н.э.=до нашей эры.
н. э.=нашей эры.
н.э.=нашей эры.
г.>A=город
ул.=улица
пр-т=проспект
пер.>A=переулок
пл.>A=площадь
д.>0=дом
кв.>0=квартира
корп.>0=корпус
стр.>0=страница
с.>0=страница
гл.>0=глава
п.>0=пункт
рис.>0=рисунок
табл.>0=таблица
ст.>0=статья
см.=смотри
ср.=сравни
напр.=например
проф.=профессор
акад.=академик
им.=имени
тов.=товарищ
г-н=господин
г-жа=госпожа
д-р=доктор
тел.=телефон
обл.=область
р-н=район
о.>A=остров
оз.>A=озеро
макс.>0=максимум
мин.>0=минимум)",
    .ordinal_marks = R"(-й|m.nom
-ый|m.nom
-ой|oj
-я|f.nom
-ая|f.nom
-е|n.nom
-ое|n.nom
-го|m.gen
-ого|m.gen
-му|m.dat
-ому|m.dat
-м|m.prp
-ом|m.prp
-ым|m.ins
-ю|f.acc
-ую|f.acc
-х|p.gen
-ых|p.gen
-ые|p.nom
-ми|p.ins
-ти|card.gen
-ми|card.gen)",
    .clock_marks = ":",
    .clock_words = "",
    .spelt = "США МГУ МИД ЕС ЭВМ АЭС ДНК ООО ОАО ЗАО",
    .roman_before = "",
    .roman_names = "",
    .date_order = "dmy"};

/// The forms of an ordinal's ending by gender and case.
struct CaseEnding {
  std::string_view form, hard, third;
};
constexpr std::array<CaseEnding, 13> kEndings = {{{"f.nom", "ая", "ья"},
                                                  {"n.nom", "ое", "ье"},
                                                  {"p.nom", "ые", "ьи"},
                                                  {"m.gen", "ого", "ьего"},
                                                  {"f.gen", "ой", "ьей"},
                                                  {"p.gen", "ых", "ьих"},
                                                  {"m.dat", "ому", "ьему"},
                                                  {"f.acc", "ую", "ью"},
                                                  {"m.ins", "ым", "ьим"},
                                                  {"p.ins", "ыми", "ьими"},
                                                  {"m.prp", "ом", "ьем"},
                                                  {"p.dat", "ым", "ьим"},
                                                  {"n.acc", "ое", "ье"}}};

int plural_class(std::uint64_t n) {
  const std::uint64_t ten = n % 10, hundred = n % 100;
  if (ten == 1 && hundred != 11) return 0;
  return ten >= 2 && ten <= 4 && (hundred < 12 || hundred > 14) ? 1 : 2;
}

class Russian final : public Language {
 public:
  Russian() : Language(kTables, plural_class) {}

  std::string number(const Amount& amount, std::string_view set) const override {
    static constexpr std::string_view kParts[] = {"десят", "сот", "тысячн", "десятитысячн", "стотысячн", "миллионн"};
    if (amount.fraction.empty() || amount.fraction.size() > std::size(kParts)) return Language::number(amount, set);
    const auto value = [](std::string_view digits) {
      return static_cast<std::uint64_t>(parse_int(digits).value_or(0));
    };
    const auto ending = [](std::uint64_t n, std::string_view one, std::string_view many) {
      return plural_class(n) == 0 ? one : many;
    };
    const std::uint64_t above = value(amount.whole), below = value(amount.fraction);
    const std::string part(kParts[amount.fraction.size() - 1]);
    return joined({amount.negative ? word("minus") : "", cardinal(above, "f"), ending(above, "целая", "целых"),
                   cardinal(below, "f"), part + std::string(ending(below, "ая", "ых"))});
  }

  std::string ordinal(std::uint64_t number, std::string_view form) const override {
    if (form == "card.gen") return cardinal(number, "gen");
    std::string words = Language::ordinal(number, "ord");
    if (form == "oj") form = words.ends_with("ой") ? "m.nom" : "f.gen";
    const auto it = std::find_if(kEndings.begin(), kEndings.end(), [&](const CaseEnding& e) { return e.form == form; });
    if (it == kEndings.end()) return words;
    constexpr std::size_t kEndingBytes = 4;  // ый, ой, ий
    const bool third = words.ends_with("третий");
    words.resize(words.size() - kEndingBytes);
    return words + std::string(third ? it->third : it->hard);
  }

  std::string ordinal_form(std::string_view mark, const Place& place) const override {
    std::string form = Language::ordinal_form(mark, place);
    if (form == "n.nom" && (place.after.starts_with("год") || place.after == "гг")) form = "p.nom";
    if (form == "m.nom" && (place.after.ends_with("ы") || place.after.ends_with("ой"))) form = "f.gen";
    return form;
  }

  std::string bare(const Amount& amount, const Place& place) const override {
    static constexpr std::pair<std::string_view, std::string_view> kYears[] = {
        {"год", "m.nom"}, {"года", "m.gen"}, {"году", "m.prp"}, {"годом", "m.ins"}};
    if (!amount.fraction.empty() || amount.negative) return number(amount, "");
    const auto value = static_cast<std::uint64_t>(parse_int(amount.whole).value_or(0));
    const bool dated = amount.whole.size() == 4 && value < 2100;
    for (const auto& [word, form] : kYears)
      if (dated && place.after == word) {
        if (word == "году" && (place.before == "к" || place.before == "ко")) return ordinal(value, "m.dat");
        return ordinal(value, form);
      }
    constexpr std::uint64_t kDays = 31;
    if (place.before == "с" && place.after == "по" && value <= kDays) return ordinal(value, "m.gen");  // с 1 по 5 мая
    return number(amount, genitive(place.before) ? "gen" : set_for(value, place.after));
  }

  /// "около 100 км": everything behind such a word is genitive.
  std::string counted(const Amount& amount, const Noun& noun, const Place& place) const override {
    if (!genitive(place.before) || !amount.fraction.empty()) return count(amount, noun);
    const bool one = plural_of(amount) == 0;
    std::string words = number(amount, "gen");
    constexpr std::string_view kOne = "одного";
    if (one && noun.gender == "f" && words.ends_with(kOne))
      words.replace(words.size() - kOne.size(), kOne.size(), "одной");
    return joined({words, noun.forms[one ? 1 : 2]});
  }

  std::string year_mark(std::string_view digits, const Place& place) const override {
    const auto value = static_cast<std::uint64_t>(parse_int(digits).value_or(0));
    if (place.before == "в" || place.before == "во") return ordinal(value, "m.prp") + " году";
    if (place.before == "к" || place.before == "ко") return ordinal(value, "m.dat") + " году";
    if (listed(place.before, "с до от после около из лета весны осени зимы")) return ordinal(value, "m.gen") + " года";
    return ordinal(value, "m.nom") + " год";
  }

  std::string date(const Date& date, const Place& place) const override {
    const bool nominative =
        listed(place.before, "сегодня завтра вчера это на по") || (place.starts && place.after.empty());
    const std::string_view form = nominative ? "n.nom" : listed(place.before, "к ко") ? "m.dat" : "m.gen";
    const std::string day = ordinal(static_cast<std::uint64_t>(date.day), form);
    if (date.year.empty()) return joined({day, month_name(date.month)});
    return joined({day, month_name(date.month),
                   ordinal(static_cast<std::uint64_t>(parse_int(date.year).value_or(0)), "m.gen"), "года"});
  }

  std::string clock(const ClockTime& time, const Place& place) const override {
    const auto amount = [](int n) { return Amount{std::to_string(n), "", false}; };
    if (genitive(place.before))
      return joined({counted(amount(time.hour), noun_of("m час/часа/часов"), place),
                     time.minute > 0 ? counted(amount(time.minute), noun_of("f минута/минуты/минут"), place) : ""});
    const bool accusative = place.before == "в" || place.before == "во";
    const auto feminine = [&](int n, const char* noun) {
      std::string words = count(amount(n), noun_of(noun));
      if (!accusative || plural_class(static_cast<std::uint64_t>(n)) != 0) return words;
      const std::string one = "одна ";
      const auto at = words.rfind(one);
      words.replace(at, one.size(), "одну ");
      return words.substr(0, words.size() - std::string_view("а").size()) + "у";
    };
    const std::string hours = count(amount(time.hour), noun_of("m час/часа/часов"));
    const std::string minutes =
        time.minute > 0 || time.second >= 0 ? feminine(time.minute, "f минута/минуты/минут") : "";
    return joined({hours, minutes, time.second >= 0 ? feminine(time.second, "f секунда/секунды/секунд") : ""});
  }

  std::string fraction(std::uint64_t whole, std::uint64_t above, std::uint64_t below) const override {
    constexpr std::uint64_t kNamed = 20;
    if (below > kNamed && below != 100) return Language::fraction(whole, above, below);
    if (whole > 0 && below == 2) return cardinal(whole) + " с половиной";
    const std::string part = cardinal(above, "f") + " " + ordinal(below, plural_class(above) == 0 ? "f.nom" : "p.gen");
    if (whole == 0) return part;
    return joined({cardinal(whole, "f"), plural_class(whole) == 0 ? "целая" : "целых", part});
  }

  /// "от пяти до семи километров": what stands behind "до" is genitive.
  std::string range(const Amount& from, const Amount& to, const Noun* noun, const Place& place) const override {
    if (!from.fraction.empty() || !to.fraction.empty()) return Language::range(from, to, noun, place);
    const auto value = [](const Amount& a) { return static_cast<std::uint64_t>(parse_int(a.whole).value_or(0)); };
    if (!noun)  // "два-три дня"
      return number(from, set_for(value(from), place.after)) + "-" + number(to, set_for(value(to), place.after));
    const std::string& thing = noun->forms[plural_class(value(to)) == 0 ? 1 : 2];
    return joined({"от", cardinal(value(from), "gen"), "до", cardinal(value(to), "gen"), thing});
  }

  std::string roman(std::uint64_t number, const Place& place) const override {
    static constexpr std::pair<std::string_view, std::string_view> kAfter[] = {
        {"век", "m.nom"},   {"века", "m.gen"},     {"веке", "m.prp"},     {"веку", "m.dat"},    {"веком", "m.ins"},
        {"веков", "m.gen"}, {"столетие", "n.nom"}, {"столетия", "m.gen"}, {"столетии", "m.prp"}};
    for (const auto& [word, form] : kAfter)
      if (place.after == word) return ordinal(number, form);
    static constexpr std::pair<std::string_view, std::string_view> kBefore[] = {
        {"пётр петр николай александр иван павел людовик генрих карл фридрих вильгельм георг наполеон филипп папа "
         "франциск том раздел акт",
         "m.nom"},
        {"петра николая александра ивана павла людовика генриха карла фридриха вильгельма георга наполеона", "m.gen"},
        {"петре николае александре", "m.prp"},
        {"екатерина елизавета глава часть мария сцена", "f.nom"},
        {"екатерины елизаветы марии", "f.gen"}};
    for (const auto& [names, form] : kBefore)
      if (listed(place.before, names)) return ordinal(number, form);
    return "";
  }

  std::string letters(std::string_view capitals) const override {
    static constexpr std::pair<std::u32string_view, std::string_view> kNames = {
        U"АБВГДЕЁЖЗИЙКЛМНОПРСТУФХЦЧШЩЫЭЮЯ",
        "а бэ вэ гэ дэ е ё жэ зэ и ий ка эл эм эн о пэ эр эс тэ у эф ха цэ че ша ща ы э ю я"};
    static const std::vector<std::string> kSaid = split_whitespace(kNames.second);
    std::string out;
    for (const char32_t c : to_code_points(capitals)) {
      const auto at = kNames.first.find(c);
      out = joined({out, at == kNames.first.npos ? to_utf8(std::u32string(1, c)) : kSaid[at]});
    }
    return out;
  }

 private:
  static bool genitive(std::string_view before) {
    return listed(before, "до от с со из около без для после более менее больше меньше свыше кроме порядка");
  }
  /// The gender that one and two take before a noun, as far as its end tells.
  static std::string_view set_for(std::uint64_t number, std::string_view noun) {
    const int form = plural_class(number);
    const std::uint64_t last = number % 10;
    if (form == 0 && (noun.ends_with("а") || noun.ends_with("я"))) return "f";
    if (form == 0 && (noun.ends_with("о") || noun.ends_with("е"))) return "n";
    if (form == 1 && last == 2 && (noun.ends_with("ы") || noun.ends_with("и") || noun.ends_with("ые"))) return "f";
    return "";
  }
};

}  // namespace

void register_language_ru(Languages& languages) {
  languages.add("ru", []() -> const Language& {
    static const Russian kLanguage;
    return kLanguage;
  });
}

}  // namespace timbre::text
