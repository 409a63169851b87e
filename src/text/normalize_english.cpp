#include "text/normalize_english.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/strings.h"
#include "text/letters.h"
#include "text/number_words.h"

namespace timbre::text {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};

bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Whether a letter or digit begins at `at`, or ends before it.
bool word_at(std::string_view text, std::size_t at) {
  if (at >= text.size()) return false;
  char32_t c = next_code_point(text, at);
  return is_letter(c) || is_digit(c);
}
bool word_before(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  do --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return word_at(text, at);
}

std::string count(std::int64_t number, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", number, number == 1 ? one : many);
}

// Reads a text from left to right; each rule takes what it knows or leaves the place as it was.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::string run() {
    static constexpr bool (Reader::*kRules[])() = {
        &Reader::address, &Reader::money,       &Reader::date,   &Reader::clock, &Reader::telephone,
        &Reader::decade,  &Reader::long_number, &Reader::number, &Reader::latin, &Reader::sign};
    while (at_ < text_.size()) {
      bool taken = std::any_of(std::begin(kRules), std::end(kRules), [this](auto rule) { return (this->*rule)(); });
      if (!taken) out_ += text_[at_++];
    }
    return out_;
  }

 private:
  char look(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool here(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool word_begins() const { return !word_before(text_, at_); }
  // A run of digits of `least` to `most` at `at`; its end, or nothing.
  std::optional<std::size_t> digits(std::size_t at, std::size_t least, std::size_t most) const {
    std::size_t end = at;
    while (end < text_.size() && digit(text_[end])) ++end;
    if (end - at < least || end - at > most) return std::nullopt;
    return end;
  }
  std::int64_t value(std::size_t begin, std::size_t end) const {
    return parse_int(text_.substr(begin, end - begin)).value_or(0);
  }
  bool open_at(std::size_t at) const { return !word_at(text_, at); }
  void say(std::string_view words, std::size_t end) {
    if (word_before(out_, out_.size())) out_ += ' ';
    out_ += words;
    at_ = end;
    if (!open_at(at_)) out_ += ' ';
  }

  // https://www.example.com/path, name@example.com
  bool address() {
    if (!word_begins()) return false;
    std::size_t end = at_;
    while (end < text_.size() && text_[end] != ' ' && text_[end] != '\n') ++end;
    while (end > at_ && std::string_view(".,;:!?)]\"'").find(text_[end - 1]) != std::string_view::npos) --end;
    std::string_view token = text_.substr(at_, end - at_);
    auto sign = token.find('@');
    bool mail = sign != token.npos && sign > 0 && token.find('.', sign) != token.npos;
    bool link = token.starts_with("http://") || token.starts_with("https://") || token.starts_with("www.");
    if (!mail && !link) return false;
    if (auto scheme = token.find("://"); scheme != token.npos) token.remove_prefix(scheme + 3);
    while (token.ends_with('/')) token.remove_suffix(1);
    std::string words;
    for (char c : token) {
      std::string_view name = c == '.'   ? "dot"
                              : c == '/' ? "slash"
                              : c == '@' ? "at"
                              : c == '-' ? "dash"
                              : c == '_' ? "underscore"
                              : c == '?' ? "question mark"
                              : c == '=' ? "equals"
                              : c == '&' ? "and"
                              : c == ':' ? "colon"
                              : c == '#' ? "hash"
                                         : "";
      if (name.empty())
        words += c;
      else
        words += fmt::format(" {} ", name);
    }
    say(trim(words), end);
    return true;
  }

  // "1,234" or "1234" at `at`: its digits without commas, and the end.
  std::optional<std::pair<std::string, std::size_t>> whole(std::size_t at) const {
    auto end = digits(at, 1, 30);
    if (!end) return std::nullopt;
    std::string number(text_.substr(at, *end - at));
    if (number.size() <= 3)
      while (*end < text_.size() && text_[*end] == ',') {
        auto next = digits(*end + 1, 3, 3);
        if (!next) break;
        number += text_.substr(*end + 1, 3);
        end = next;
      }
    return std::pair(number, *end);
  }

  bool money() {
    struct Currency {
      std::string_view sign, one, many, cent, cents;
    };
    static constexpr Currency kCurrencies[] = {{"US$", "dollar", "dollars", "cent", "cents"},
                                               {"$", "dollar", "dollars", "cent", "cents"},
                                               {"€", "euro", "euros", "cent", "cents"},
                                               {"£", "pound", "pounds", "penny", "pence"},
                                               {"¥", "yen", "yen", "sen", "sen"},
                                               {"₹", "rupee", "rupees", "paisa", "paise"}};
    for (const Currency& c : kCurrencies) {
      if (!here(c.sign)) continue;
      std::size_t begin = at_ + c.sign.size();
      if (begin < text_.size() && text_[begin] == ' ') ++begin;
      auto amount = whole(begin);
      if (!amount) return false;
      auto [number, end] = *amount;
      std::optional<std::size_t> cents_end;
      if (end < text_.size() && text_[end] == '.') cents_end = digits(end + 1, 1, 9);
      static constexpr std::string_view kScales[] = {"thousand", "million", "billion", "trillion"};
      for (std::string_view scale : kScales) {
        std::size_t last = cents_end.value_or(end);
        if (text_.substr(last).starts_with(fmt::format(" {}", scale)) && open_at(last + 1 + scale.size())) {
          std::string_view fraction = cents_end ? text_.substr(end, *cents_end - end) : "";
          say(fmt::format("{}{} {} {}", number, fraction, scale, c.many), last + 1 + scale.size());
          return true;
        }
      }
      std::string_view unit = number == "1" ? c.one : c.many;
      if (cents_end && *cents_end - end == 3) {
        std::int64_t cents = value(end + 1, *cents_end);
        std::string words = cents == 0 ? "" : count(cents, c.cent, c.cents);
        if (number.find_first_not_of('0') == std::string::npos && cents)
          say(words, *cents_end);
        else
          say(fmt::format("{} {}{}{}", number, unit, words.empty() ? "" : " and ", words), *cents_end);
      } else if (cents_end) {
        say(fmt::format("{}{} {}", number, text_.substr(end, *cents_end - end), c.many), *cents_end);
      } else {
        say(fmt::format("{} {}", number, unit), end);
      }
      return true;
    }
    return false;
  }

  bool date() {
    if (!digit(look()) || !word_begins()) return false;
    std::int64_t year = 0, month = 0, day = 0;
    std::size_t end = 0;
    if (auto y = digits(at_, 4, 4); y && *y < text_.size() && text_[*y] == '-') {
      auto m = digits(*y + 1, 2, 2);
      auto d = m && *m < text_.size() && text_[*m] == '-' ? digits(*m + 1, 2, 2) : std::nullopt;
      if (!d) return false;
      year = value(at_, *y), month = value(*y + 1, *m), day = value(*m + 1, *d), end = *d;
    } else if (auto first = digits(at_, 1, 2); first && *first < text_.size() && text_[*first] == '/') {
      auto second = digits(*first + 1, 1, 2);
      auto third = second && *second < text_.size() && text_[*second] == '/' ? digits(*second + 1, 4, 4) : std::nullopt;
      if (!third) return false;
      month = value(at_, *first), day = value(*first + 1, *second), year = value(*second + 1, *third), end = *third;
    }
    if (month < 1 || month > 12 || day < 1 || day > 31 || !open_at(end)) return false;
    say(fmt::format("{} {}, {}", kMonths[month - 1], ordinal_words(std::to_string(day)), year_words(year)), end);
    return true;
  }

  static std::string year_words(std::int64_t year) {
    if (year < 1100 || year > 2099 || (year >= 2000 && year < 2010)) return std::to_string(year);
    std::string high = number_to_words(std::to_string(year / 100));
    if (year % 100 == 0) return high + " hundred";
    return fmt::format("{} {}{}", high, year % 100 < 10 ? "oh " : "", number_to_words(std::to_string(year % 100)));
  }

  // 3:05 pm
  bool clock() {
    if (!digit(look()) || !word_begins()) return false;
    auto h = digits(at_, 1, 2);
    if (!h || *h >= text_.size() || text_[*h] != ':') return false;
    auto m = digits(*h + 1, 2, 2);
    if (!m || !open_at(*m) || (*m < text_.size() && text_[*m] == ':')) return false;
    std::int64_t hour = value(at_, *h), minute = value(*h + 1, *m);
    if (hour > 24 || minute > 59) return false;
    std::size_t end = *m;
    std::string half;
    std::size_t next = end < text_.size() && text_[end] == ' ' ? end + 1 : end;
    for (std::string_view name : {"a.m.", "p.m.", "am", "pm", "AM", "PM", "A.M.", "P.M."})
      if (text_.substr(next).starts_with(name) && open_at(next + name.size())) {
        half = name[0] == 'a' || name[0] == 'A' ? " A M" : " P M";
        end = next + name.size();
        if (end >= text_.size() && name.ends_with('.')) half += ".";
        break;
      }
    std::string minutes =
        minute == 0 ? (half.empty() ? " o'clock" : "") : fmt::format(" {}{}", minute < 10 ? "oh " : "", minute);
    if (minute == 0 && hour > 12) minutes = " hundred hours";
    say(fmt::format("{}{}{}", hour, minutes, half), end);
    return true;
  }

  // 555-1234, 212-555-1234: digit by digit
  bool telephone() {
    if (!digit(look()) || !word_begins()) return false;
    std::vector<std::string> groups;
    std::size_t at = at_;
    while (true) {
      auto end = digits(at, 3, 4);
      if (!end) return false;
      std::string spaced;
      for (char c : text_.substr(at, *end - at)) spaced += fmt::format("{}{}", spaced.empty() ? "" : " ", c);
      groups.push_back(spaced);
      at = *end;
      if (text_.substr(*end, 1) != "-") break;
      ++at;
    }
    if (groups.size() < 2 || groups.back().size() != 7 || !open_at(at)) return false;
    say(join(groups, ", "), at);
    return true;
  }

  // 1990s, '80s, 80s
  bool decade() {
    if (!digit(look()) || !word_begins()) return false;
    auto end = digits(at_, 2, 4);
    if (!end || text_[*end - 1] != '0' || text_.substr(*end, 1) != "s" || !open_at(*end + 1)) return false;
    std::int64_t number = value(at_, *end);
    if (*end - at_ == 3 || (number < 1100 && *end - at_ == 4) || number < 20) return false;
    std::string words = number % 100 ? number_to_words(std::to_string(number % 100)) : "hundred";
    words = words.ends_with("y") ? words.substr(0, words.size() - 1) + "ies" : words + "s";
    if (number >= 1100)
      words = (number % 1000 == 0 ? number_to_words(std::to_string(number)) + "s"
                                  : number_to_words(std::to_string(number / 100)) + " " + words);
    if (out_.ends_with('\'')) out_.pop_back();
    say(words, *end + 1);
    return true;
  }

  // What follows a number: units, and the euro sign.
  std::size_t unit(std::size_t end, const std::string& number, std::string& words) const {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 30> kUnits = {
        {{"km/h", "kilometer per hour"},
         {"mph", "mile per hour"},
         {"km", "kilometer"},
         {"cm", "centimeter"},
         {"mm", "millimeter"},
         {"kg", "kilogram"},
         {"mg", "milligram"},
         {"lbs", "pound"},
         {"lb", "pound"},
         {"oz", "ounce"},
         {"ft", "foot"},
         {"kHz", "kilohertz"},
         {"MHz", "megahertz"},
         {"GHz", "gigahertz"},
         {"Hz", "hertz"},
         {"kB", "kilobyte"},
         {"KB", "kilobyte"},
         {"MB", "megabyte"},
         {"GB", "gigabyte"},
         {"TB", "terabyte"},
         {"kW", "kilowatt"},
         {"ml", "milliliter"},
         {"ms", "millisecond"},
         {"min", "minute"},
         {"hrs", "hour"},
         {"°C", "degree Celsius"},
         {"°F", "degree Fahrenheit"},
         {"°", "degree"},
         {"€", "euro"},
         {"µm", "micrometer"}}};
    std::size_t at = end < text_.size() && text_[end] == ' ' ? end + 1 : end;
    for (const auto& [sign, name] : kUnits) {
      if (!text_.substr(at).starts_with(sign)) continue;
      std::size_t behind = at + sign.size();
      if (letter(sign.back()) && !open_at(behind)) continue;
      bool one = number == "1";
      std::string plural(name);
      if (!one) {
        auto blank = plural.find(' ');
        std::string head = plural.substr(0, blank), tail = blank == plural.npos ? "" : plural.substr(blank);
        plural = (head == "foot" ? "feet" : head.ends_with("hertz") ? head : head + "s") + tail;
      }
      words += " " + plural;
      return behind;
    }
    return end;
  }

  // A card or account number: nobody says its quadrillions.
  bool long_number() {
    constexpr std::size_t kLongestRead = 15;
    if (!digit(look()) || !word_begins()) return false;
    std::size_t end = at_;
    while (end < text_.size() && digit(text_[end])) ++end;
    if (end - at_ <= kLongestRead) return false;
    std::string spaced;
    for (char c : text_.substr(at_, end - at_)) {
      if (!spaced.empty()) spaced += ' ';
      spaced += c;
    }
    say(spaced, end);
    return true;
  }

  bool number() {
    if (!digit(look()) || !word_begins()) return false;
    auto amount = whole(at_);
    if (!amount) return false;
    auto [number, end] = *amount;
    bool plain = end - at_ == number.size();
    std::string words = number;
    if (auto fraction = end < text_.size() && text_[end] == '.' ? digits(end + 1, 1, 30) : std::nullopt) {
      words += text_.substr(end, *fraction - end);
      number = words;
      end = *fraction;
    }
    std::size_t after = unit(end, number, words);
    if (after == end && plain && words.size() == 4 && number == words && open_at(end) && text_.substr(end, 1) != "-" &&
        (at_ == 0 || text_[at_ - 1] != '-'))
      words = year_words(value(at_, end));
    // 5–7, 5-7 → 5 to 7
    std::string_view rest = text_.substr(after);
    std::size_t dash = rest.starts_with("–") ? 3 : rest.starts_with("-") ? 1 : 0;
    if (dash && after + dash < text_.size() && digit(text_[after + dash]) && after == end && plain &&
        range_ends(after + dash)) {
      words += " to";
      after += dash;
    }
    bool suffix = !open_at(after) && after == end;  // 1st, 3D, 4x4
    if (suffix) {
      out_ += words;
      at_ = after;
    } else {
      say(words, after);
    }
    return true;
  }

  // e.g. and i.e. are read as what they stand for
  bool latin() {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kLatin = {
        {{"e.g.", "for example"}, {"i.e.", "that is"}, {"e. g.", "for example"}, {"i. e.", "that is"}}};
    for (const auto& [mark, words] : kLatin)
      if (here(mark) && word_begins()) return say(words, at_ + mark.size()), true;
    return false;
  }

  bool range_ends(std::size_t at) const {
    std::size_t end = at;
    while (end < text_.size() && digit(text_[end])) ++end;
    return open_at(end) && (end >= text_.size() || text_[end] != '-');
  }

  bool sign() {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kFractions = {
        {{"½", "one half"},
         {"⅓", "one third"},
         {"⅔", "two thirds"},
         {"¼", "one quarter"},
         {"¾", "three quarters"},
         {"⅛", "one eighth"},
         {"²", "squared"},
         {"³", "cubed"}}};
    for (const auto& [mark, name] : kFractions)
      if (here(mark)) {
        bool behind_number = !out_.empty() && digit(out_.back());
        say(behind_number && !name.ends_with("ed")
                ? fmt::format("and {}", name.starts_with("one ") ? "a " + std::string(name.substr(4)) : name)
                : std::string(name),
            at_ + mark.size());
        return true;
      }
    if (look() == '#' && digit(look(1))) return say("number", at_ + 1), true;
    if (look() == '&' && !out_.empty() && (out_.back() == ' ' || word_before(out_, out_.size())))
      return say("and", at_ + 1), true;
    if (here("×")) return say("times", at_ + 2), true;
    // *emphasis* and _emphasis_ of plain-text writing
    if ((look() == '*' || look() == '_') && (word_at(text_, at_ + 1) || word_before(out_, out_.size())))
      return ++at_, true;
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
};

}  // namespace

std::string normalize_english(std::string_view text) { return Reader(text).run(); }

}  // namespace timbre::text
