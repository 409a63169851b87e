#include <algorithm>

#include "base/strings.h"
#include "text/letters.h"
#include "text/spoken_language.h"

/// Mandarin, in Chinese characters: 两 before measure words and at the head of thousands, years digit by digit, percent
/// and fractions from below, 幺 for the 1 of a telephone number.
namespace timbre::text {
namespace {

constexpr LanguageTables kTables{.code = "zh",
                                 .spaced = false,
                                 .decimal_mark = '.',
                                 .group_marks = ",",
                                 .numbers = R"(
0 零
1 一
2 二
3 三
4 四
5 五
6 六
7 七
8 八
9 九
10 十[>>]
20 <<十[>>]
100 <<百[>tens>]
1000 <<千[>hundreds>]
2000 两千[>hundreds>]
3000 <<千[>hundreds>]
10000 <head<万[>thousands>]
100000000 <head<亿[>ten thousands>]
1000000000000 <head<万亿[>ten thousands>]
%%head
1 ==
2 两
3 ==
%%inner
0 零
1 =bare=
10 一十[>bare>]
20 <bare<十[>bare>]
100 <bare<百[>tens>]
1000 <bare<千[>hundreds>]
10000 <inner<万[>thousands>]
%%bare
1 一
2 二
3 三
4 四
5 五
6 六
7 七
8 八
9 九
%%tens
1 零=bare=
10 =inner=
%%hundreds
1 零=bare=
10 零=inner=
100 =inner=
%%thousands
1 零=bare=
10 零=inner=
1000 =inner=
%%ten thousands
1 零=bare=
10 零=inner=
10000000 =inner=
%%two
0 ==
2 两
3 ==
%%phone
0 零
1 幺
2 二
3 三
4 四
5 五
6 六
7 七
8 八
9 九
)",
                                 .endings = "",
                                 .words = R"(point=点
minus=负
plus=加
percent=n 百分之/百分之
to=到
against=比
and=又
over=分之
dot=点
slash=斜杠
at=艾特
dash=杠
underscore=下划线
question=问号
colon=冒号
hash=井号
percent_sign=百分号
tilde=波浪号
&=和
+=加
==等于
×=乘以
÷=除以
#=第
№=第
@=艾特
°=度
~=约
<=小于
>=大于
²=平方
³=立方
phone_words=电话 手机 号码 热线 拨打 致电 传真
)",
                                 .currencies = R"(¥ ￥ CNY RMB 元|two 元/元|two 分/分
$ US$ USD|two 美元/美元|two 美分/美分
€ EUR|two 欧元/欧元|two 欧分/欧分
£ GBP|two 英镑/英镑|two 便士/便士
HK$ HKD|two 港元/港元|two 港分/港分
₽ RUB|two 卢布/卢布|two 戈比/戈比
块|two 块/块|two 分/分)",
                                 .scales = R"(万|two 万/万
亿|two 亿/亿
万亿|two 万亿/万亿)",
                                 .units = R"(km/h|two 公里每小时/公里每小时
m/s|two 米每秒/米每秒
km²|two 平方公里/平方公里
m²;㎡|two 平方米/平方米
m³|two 立方米/立方米
km|two 公里/公里
cm|two 厘米/厘米
mm|two 毫米/毫米
m|two 米/米
kg|two 公斤/公斤
mg|two 毫克/毫克
g|two 克/克
t|two 吨/吨
L;l|two 升/升
ml;mL|two 毫升/毫升
kHz|two 千赫/千赫
MHz|two 兆赫/兆赫
GHz|two 吉赫/吉赫
Hz|two 赫兹/赫兹
KB|two 千字节/千字节
MB|two 兆字节/兆字节
GB|two 吉字节/吉字节
kWh|two 千瓦时/千瓦时
kW|two 千瓦/千瓦
W|two 瓦/瓦
V|two 伏/伏
s|two 秒/秒
min|two 分钟/分钟
h|two 小时/小时
℃;°C|two 摄氏度/摄氏度
°F|two 华氏度/华氏度
°|two 度/度
‰|n 千分之/千分之)",
                                 .months = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12",
                                 .ordinal_marks = "",
                                 .halves = "am|上午\npm|下午\nAM|上午\nPM|下午",
                                 .clock_marks = ":",
                                 .clock_words = "",
                                 .spelt = "AI IT IBM USB CEO NBA ATM UFO",
                                 .roman_before = "",
                                 .roman_names = "",
                                 .date_order = "dmy"};

/// What 2 is 两 before: measure words and units.
constexpr std::string_view kMeasures[] = {
    "个",   "本",   "只",   "张",   "把", "位", "名", "次", "条", "件", "块", "元", "天", "周", "年", "点",
    "小时", "分钟", "公里", "公斤", "斤", "米", "吨", "岁", "种", "杯", "辆", "座", "家", "间", "层", "楼梯",
    "瓶",   "头",   "匹",   "棵",   "朵", "双", "对", "套", "台", "部", "场", "门", "句", "段", "页", "篇",
    "首",   "万",   "亿",   "千",   "秒", "倍", "口", "封", "盒", "包", "碗", "片", "群", "项", "届", "人"};

class Chinese final : public Language {
 public:
  Chinese() : Language(kTables, [](std::uint64_t n) { return n == 1 ? 0 : 1; }) {}

  std::string bare(const Amount& amount, const Place& place) const override {
    const bool plain = amount.fraction.empty() && !amount.negative;
    constexpr std::size_t kYear = 4;
    if (plain && amount.whole.size() == kYear && place.after.starts_with("年")) return digit_by_digit(amount.whole);
    if (plain && amount.whole.size() >= 3 &&
        (place.after.starts_with("房") || place.after.starts_with("路") || place.after.starts_with("航班") ||
         place.after.starts_with("次列车")))
      return digits_of_phone(amount.whole);
    if (plain && amount.whole == "2" && !place.before.ends_with("第") &&
        std::any_of(std::begin(kMeasures), std::end(kMeasures), [&](auto m) { return place.after.starts_with(m); }))
      return "两";
    return number(amount);
  }

  std::string year(std::string_view digits, const Place&) const override { return digit_by_digit(digits); }

  std::string count(const Amount& amount, const Noun& noun) const override {
    if (noun.forms[0].ends_with("之"))
      return (amount.negative ? "负" : "") + noun.forms[0] + number({amount.whole, amount.fraction, false});
    const bool two = amount.whole == "2" && amount.fraction.empty();
    return (amount.negative ? "负" : "") + (two ? "两" : number({amount.whole, amount.fraction, false})) +
           noun.forms[0];
  }

  std::string money(const Amount& amount, const Currency& currency, const Scale* scale) const override {
    if (scale) return count(amount, scale->noun) + currency.major.forms[0];
    return count(amount, currency.major);
  }

  std::string range(const Amount& from, const Amount& to, const Noun* noun, const Place& place) const override {
    if (noun && noun->forms[0].ends_with("之")) return count(from, *noun) + "到" + count(to, *noun);
    return Language::range(from, to, noun, place);
  }

  std::string date(const Date& date, const Place&) const override {
    const std::string year = date.year.empty() ? "" : digit_by_digit(date.year) + "年";
    return year + cardinal(static_cast<std::uint64_t>(date.month)) + "月" +
           cardinal(static_cast<std::uint64_t>(date.day)) + "日";
  }

  std::string clock(const ClockTime& time, const Place&) const override {
    const auto two = [&](int n) { return (n < 10 ? "零" : "") + cardinal(static_cast<std::uint64_t>(n)); };
    std::string out = time.half + (time.hour == 2 ? "两" : cardinal(static_cast<std::uint64_t>(time.hour))) + "点";
    if (time.minute > 0 || time.second >= 0) out += two(time.minute) + "分";
    if (time.second >= 0) out += two(time.second) + "秒";
    return out;
  }

  std::string fraction(std::uint64_t whole, std::uint64_t above, std::uint64_t below) const override {
    return (whole > 0 ? cardinal(whole) + "又" : "") + cardinal(below) + "分之" + cardinal(above);
  }

  std::string telephone(const std::vector<std::string>& groups) const override {
    std::string out;
    for (const std::string& group : groups) {
      const bool mobile = group.size() == 11;
      const std::string said = group == "+" ? "加" : digits_of_phone(mobile ? group.substr(0, 3) : group);
      if (!out.empty() && out != "加") out += ",";
      out += said;
      if (mobile) out += "," + digits_of_phone(group.substr(3, 4)) + "," + digits_of_phone(group.substr(7));
    }
    return out;
  }

  std::string letters(std::string_view capitals) const override {
    std::string out;
    for (const char c : capitals) out += (out.empty() ? "" : " ") + std::string(1, c);
    return out;
  }

 private:
  std::string digits_of_phone(std::string_view digits) const {
    std::string out;
    for (const char digit : digits) out += cardinal(static_cast<std::uint64_t>(digit - '0'), "phone");
    return out;
  }
};

}  // namespace

void register_language_zh(Languages& languages) {
  languages.add("zh", []() -> const Language& {
    static const Chinese kLanguage;
    return kLanguage;
  });
}

}  // namespace timbre::text
