#include <algorithm>

#include "base/strings.h"
#include "text/letters.h"
#include "text/spoken_reader.h"

/// Dates, times of day, telephone numbers, decades.
namespace timbre::text {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }

bool is_day(int day) { return day >= 1 && day <= 31; }
bool is_month(int month) { return month >= 1 && month <= 12; }

}  // namespace

std::optional<std::size_t> SpokenReader::month_at(std::size_t at, int& month) const {
  std::size_t longest = 0;
  for (std::size_t m = 0; m < language_.months().size(); ++m)
    for (const std::string& name : language_.months()[m]) {
      if (name.size() <= longest || !starts(at, name)) continue;
      longest = name.size();
      month = static_cast<int>(m) + 1;
    }
  if (longest == 0) return std::nullopt;
  return at + longest;
}

// 2026-11-21, 21.11.2026, 11/21/2026, 21.11.
bool SpokenReader::numeric_date() {
  if (!digit(look()) || !word_begins()) return false;
  Date date;
  std::size_t end = 0;
  constexpr std::size_t kYear = 4;
  if (const auto y = digits(at_, kYear, kYear); y && *y < text_.size()) {
    const char mark = text_[*y];
    if (mark != '-' && mark != '/' && mark != '.') return false;
    const auto m = digits(*y + 1, 1, 2);
    const auto d = m && *m < text_.size() && text_[*m] == mark ? digits(*m + 1, 1, 2) : std::nullopt;
    if (!d) return false;
    date = {std::string(text_.substr(at_, kYear)), value(*y + 1, *m), value(*m + 1, *d)};
    end = *d;
  } else {
    const auto first = digits(at_, 1, 2);
    if (!first || *first >= text_.size()) return false;
    const char mark = text_[*first];
    if (mark != '/' && mark != '.' && mark != '-') return false;
    const auto second = digits(*first + 1, 1, 2);
    if (!second || *second >= text_.size() || text_[*second] != mark) return false;
    const auto third = digits(*second + 1, 2, kYear);
    const std::size_t length = third ? *third - *second - 1 : 0;
    int a = value(at_, *first), b = value(*first + 1, *second);
    if (language_.tables().date_order == "mdy" && a <= 12 ? true : b > 12) std::swap(a, b);  // a: day, b: month
    date.day = a, date.month = b;
    if (length == kYear || (length == 2 && mark != '-')) {
      date.year = text_.substr(*second + 1, length);
      if (length == 2) date.year = (date.year < "51" ? "20" : "19") + date.year;
      end = *third;
    } else if (!third && mark == '.' && language_.tables().ordinal_marks.starts_with(".")) {
      end = *second + 1;  // "am 21.11."
    } else {
      return false;
    }
  }
  if (!is_month(date.month) || !is_day(date.day) || !open_at(end) || language_.months().empty()) return false;
  std::size_t behind = end;
  if (date.year.empty() == false) {
    const std::string_view after = language_.word("after_year");
    for (const std::string& word : split(after, ';'))
      if (!word.empty() && starts(past_blank(end), word)) behind = std::max(behind, past_blank(end) + word.size());
  }
  say_date(date, behind);
  return true;
}

// The full stop of "1941 г." may also end the text.
void SpokenReader::say_date(const Date& date, std::size_t end) {
  const bool stop = text_[end - 1] == '.' && !date.year.empty() && past_blank(end) >= text_.size();
  say(language_.date(date, place(at_, end)) + (stop ? "." : ""), end);
}

// A year behind a month; also the words that belong to it ("г.").
std::size_t SpokenReader::year_behind(std::size_t at, Date& date) const {
  std::size_t next = at;
  if (from(next).starts_with(',')) ++next;
  next = past_blank(next);
  for (const std::string& link : split(language_.word("year_links"), ';'))
    if (!link.empty() && starts(next, link)) {
      next = past_blank(next + link.size());
      break;
    }
  const auto end = digits(next, 3, 4);
  if (!end || !open_at(*end) || next == at) return at;
  if (from(*end).starts_with(':') || (*end + 1 < text_.size() && text_[*end] == '.' && digit(text_[*end + 1])))
    return at;
  date.year = text_.substr(next, *end - next);
  std::size_t behind = *end;
  for (const std::string& word : split(language_.word("after_year"), ';'))
    if (!word.empty() && starts(past_blank(*end), word)) behind = std::max(behind, past_blank(*end) + word.size());
  return behind;
}

// 21 November 2026, 1er mai, 3 de mayo de 2020
bool SpokenReader::written_date(const Found& found) {
  if (!found.amount.fraction.empty() || found.grouped || found.amount.whole.size() > 2 || found.amount.negative)
    return false;
  Date date;
  date.day = value(at_, at_ + found.amount.whole.size());
  if (!is_day(date.day)) return false;
  std::size_t at = found.end;
  for (const std::string& mark : language_.ordinal_marks())
    if (from(at).starts_with(mark)) {
      at += mark.size();
      date.ordinal = true;
      break;
    }
  const bool spaced = from(at).starts_with(' ');
  at = past_blank(at);
  for (const std::string& link : split(language_.word("month_links"), ';'))
    if (!link.empty() && starts(at, link)) at = past_blank(at + link.size());
  const auto end = month_at(at, date.month);
  if (!end || !spaced) return false;
  date.style = Date::Style::day_first;
  say_date(date, year_behind(*end, date));
  return true;
}

// November 21, 2026; Nov. 3rd
bool SpokenReader::month_first() {
  if (language_.tables().date_order != "mdy" || !word_begins()) return false;
  Date date;
  const auto name = month_at(at_, date.month);
  if (!name || !from(*name).starts_with(' ')) return false;
  const auto day = digits(*name + 1, 1, 2);
  if (!day) return false;
  date.day = value(*name + 1, *day);
  std::size_t end = *day;
  for (const std::string& mark : language_.ordinal_marks())
    if (from(end).starts_with(mark)) {
      end += mark.size();
      break;
    }
  if (!is_day(date.day) || !open_at(end) || from(end).starts_with(':') || from(end).starts_with('%')) return false;
  date.style = Date::Style::month_first;
  say_date(date, year_behind(end, date));
  return true;
}

std::size_t SpokenReader::half_behind(std::size_t at, ClockTime& time) const {
  std::size_t longest = 0, end = at;
  for (const auto& [sign, words] : language_.halves()) {
    const std::size_t begin = past_blank(at);
    if (sign.size() <= longest || !starts(begin, sign)) continue;
    longest = sign.size();
    time.half = words;
    end = begin + sign.size();
    // The full stop of "p.m." may also end the sentence.
    if (sign.ends_with('.') && past_blank(end) >= text_.size()) time.half += '.';
  }
  return end;
}

std::optional<std::size_t> SpokenReader::clock_at(std::size_t at, ClockTime& time) const {
  const auto hours = digits(at, 1, 2);
  if (!hours) return std::nullopt;
  time.hour = value(at, *hours);
  constexpr int kHours = 24, kMinutes = 59;
  if (time.hour > kHours) return std::nullopt;
  const auto word_behind = [&](std::size_t end) {
    std::size_t longest = 0;
    for (const std::string& word : language_.clock_words())
      if (word.size() > longest && starts(past_blank(end), word)) longest = word.size();
    return longest == 0 ? end : past_blank(end) + longest;
  };
  for (const std::string& mark : split_whitespace(language_.tables().clock_marks)) {
    const bool letters = mark != ":" && mark != ".";
    const std::size_t before = letters ? past_blank(*hours) : *hours;
    if (!from(before).starts_with(mark)) continue;
    const std::size_t after = letters ? past_blank(before + mark.size()) : before + mark.size();
    auto end = digits(after, 2, 2);
    if (!end || value(after, *end) > kMinutes) continue;
    time.minute = value(after, *end);
    if (mark == ":" && from(*end).starts_with(':')) {
      const auto seconds = digits(*end + 1, 2, 2);
      if (!seconds || value(*end + 1, *seconds) > kMinutes) return std::nullopt;
      time.second = value(*end + 1, *seconds);
      end = seconds;
    }
    const bool glued = !open_at(*end) && word_behind(*end) == *end && half_behind(*end, time) == *end;
    if (glued) continue;
    const std::size_t half_end = half_behind(*end, time);
    const std::size_t word_end = word_behind(half_end);
    time.named = word_end != half_end;
    // "15.30" is a time only beside a word that says so.
    if (mark == "." && !time.named && !listed(place(at, *end).before, language_.word("clock_before"))) continue;
    return word_end;
  }
  if (time.hour <= 12 && time.hour > 0) {  // 7 pm
    const std::size_t end = half_behind(*hours, time);
    if (end != *hours) return end;
  }
  return std::nullopt;
}

bool SpokenReader::clock() {
  if (!digit(look()) || !word_begins()) return false;
  ClockTime time;
  const auto end = clock_at(at_, time);
  if (!end) return false;
  ClockTime until;
  if (const auto dash = dash_at(*end)) {
    if (const auto last = clock_at(*dash, until)) {
      until.named = until.named || time.named;
      say(language_.joined({language_.clock(time, place(at_, *end)), language_.word("to"),
                            language_.clock(until, place(*dash, *last))}),
          *last);
      return true;
    }
  }
  say(language_.clock(time, place(at_, *end)), *end);
  return true;
}

// +49 30 1234567, 212-555-1234, (212) 555-1234, 0171/1234567
bool SpokenReader::telephone() {
  const bool plus = look() == '+' && digit(look(1)), bracket = look() == '(' && digit(look(1));
  if (!plus && !bracket && (!digit(look()) || !word_begins())) return false;
  std::vector<std::string> groups;
  std::string marks;
  std::size_t at = at_, count = 0;
  if (plus) groups.emplace_back("+");
  if (plus || bracket) ++at;
  bool open = bracket;
  while (at < text_.size()) {
    const auto end = digits(at, 1, 15);
    if (!end) break;
    groups.emplace_back(text_.substr(at, *end - at));
    count += *end - at;
    at = *end;
    std::size_t next = at;
    if (open && from(next).starts_with(')')) ++next, open = false;
    if (from(next).starts_with(" (") || from(next).starts_with('('))
      next += text_[next] == ' ' ? 2 : 1, open = true;
    else if (next < text_.size() && std::string_view(" -./").find(text_[next]) != std::string_view::npos)
      ++next;
    if (next == at || next >= text_.size() || !digit(text_[next])) break;
    marks += text_[next - 1];
    at = next;
  }
  if (!open_at(at) || open) return false;
  const std::size_t pieces = groups.size() - (plus ? 1 : 0);
  const auto all = [&](char c) { return std::all_of(marks.begin(), marks.end(), [&](char m) { return m == c; }); };
  const auto size = [&](std::size_t i) { return groups[i + (plus ? 1 : 0)].size(); };
  constexpr std::size_t kLeast = 7, kMost = 15;
  if (count > kMost) return false;
  const Place here = place(at_, at);
  const bool called = listed(here.before, language_.word("phone_words")) && (here.after.empty() || count > 4);
  const bool american = pieces >= 2 && all('-') && size(pieces - 1) == 4 && size(pieces - 2) == 3;
  const bool zero = groups[0].starts_with('0') && pieces >= 2 && size(0) >= 2 && count >= kLeast && !all('.');
  const bool pairs = groups[0].starts_with('0') && pieces == 5 && size(0) == 2;
  const bool many = pieces >= 4 && !plus && all('-') && count >= kLeast + 2;
  const bool mobile = language_.code() == "zh" && pieces == 1 && count == 11 && groups[0][0] == '1';
  const bool known = (plus && count >= kLeast) || (bracket && count >= kLeast) || american || zero || pairs || many ||
                     mobile || (called && count >= 3);
  if (!known) return false;
  say(language_.telephone(groups), at);
  return true;
}

// 1990s, '80s: English
bool SpokenReader::decade() {
  if (language_.code() != "en" || !digit(look()) || !word_begins()) return false;
  const auto end = digits(at_, 2, 4);
  if (!end || text_[*end - 1] != '0' || !from(*end).starts_with('s') || !open_at(*end + 1)) return false;
  const int number = value(at_, *end);
  if (number == 10 || number == 100 || number == 1000) {  // 100s of people
    say(number == 10 ? "tens" : number == 100 ? "hundreds" : "thousands", *end + 1);
    return true;
  }
  if (*end - at_ == 3 || (number < 1100 && *end - at_ == 4) || number < 20) return false;
  std::string words = number % 1000 == 0 ? language_.cardinal(static_cast<std::uint64_t>(number))
                                         : language_.year(text_.substr(at_, *end - at_), {});
  words = words.ends_with('y') ? words.substr(0, words.size() - 1) + "ies" : words + "s";
  if (out_.ends_with('\'')) out_.pop_back();
  say(words, *end + 1);
  return true;
}

}  // namespace timbre::text
