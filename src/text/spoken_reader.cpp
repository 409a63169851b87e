#include "text/spoken_reader.h"

#include <algorithm>

#include "base/strings.h"
#include "text/letters.h"
#include "text/spoken.h"

namespace timbre::text {
namespace {

// Han and kana are written without blanks: a number may stand right beside them.
bool joins(char32_t c) {
  const Script script = script_of(c);
  return is_digit(c) || (script != Script::none && script != Script::han && script != Script::kana);
}

// Where the code point that ends at `at` begins; at > 0.
std::size_t step_back(std::string_view text, std::size_t at) {
  do --at;
  while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

bool joins_before(std::string_view text, std::size_t at) {
  if (at == 0) return false;
  std::size_t begin = step_back(text, at);
  return joins(next_code_point(text, begin));
}

std::string lower_first(std::string_view text) {
  std::size_t at = 0;
  std::string out;
  if (!text.empty()) append_utf8(out, to_lower(next_code_point(text, at)));
  return out.append(text.substr(at));
}

std::optional<std::uint64_t> roman_value(std::string_view letters) {
  static constexpr std::pair<std::string_view, int> kSteps[] = {
      {"M", 1000}, {"CM", 900}, {"D", 500}, {"CD", 400}, {"C", 100}, {"XC", 90}, {"L", 50},
      {"XL", 40},  {"X", 10},   {"IX", 9},  {"V", 5},    {"IV", 4},  {"I", 1}};
  std::uint64_t value = 0;
  for (const auto& [sign, worth] : kSteps) {
    for (int times = 0;
         letters.starts_with(sign) &&
         times < (sign.size() == 2 || std::string_view("VLD").find(sign) != std::string_view::npos ? 1 : 3);
         ++times) {
      value += static_cast<std::uint64_t>(worth);
      letters.remove_prefix(sign.size());
    }
  }
  if (!letters.empty() || value == 0) return std::nullopt;
  return value;
}

}  // namespace

std::string SpokenReader::run() {
  static constexpr bool (SpokenReader::*kRules[])() = {&SpokenReader::address,      &SpokenReader::telephone,
                                                       &SpokenReader::money,        &SpokenReader::numeric_date,
                                                       &SpokenReader::clock,        &SpokenReader::month_first,
                                                       &SpokenReader::abbreviation, &SpokenReader::dotted_letters,
                                                       &SpokenReader::decade,       &SpokenReader::vulgar_fraction,
                                                       &SpokenReader::number,       &SpokenReader::roman,
                                                       &SpokenReader::acronym,      &SpokenReader::sign};
  while (at_ < text_.size()) {
    const std::size_t before = at_;
    const bool taken = std::any_of(std::begin(kRules), std::end(kRules), [this](auto rule) { return (this->*rule)(); });
    if (taken && at_ > before) continue;  // whatever a rule says, the text ends
    const std::size_t begin = at_;
    next_code_point(text_, at_);
    out_ += text_.substr(begin, at_ - begin);
  }
  return out_;
}

bool SpokenReader::word_begins() const { return !joins_before(text_, at_); }

bool SpokenReader::open_at(std::size_t at) const { return at >= text_.size() || !joins(next_code_point(text_, at)); }

bool SpokenReader::starts(std::size_t at, std::string_view sign) const {
  if (sign.empty() || !from(at).starts_with(sign)) return false;
  const std::size_t end = at + sign.size();
  return !joins_before(text_, end) || open_at(end);
}

std::optional<std::size_t> SpokenReader::digits(std::size_t at, std::size_t least, std::size_t most) const {
  std::size_t end = at;
  while (end < text_.size() && is_digit(static_cast<unsigned char>(text_[end]))) ++end;
  if (end - std::min(at, end) < least || end - at > most) return std::nullopt;
  return end;
}

int SpokenReader::value(std::size_t begin, std::size_t end) const {
  return static_cast<int>(parse_int(text_.substr(begin, end - begin)).value_or(0));
}

Place SpokenReader::place(std::size_t begin, std::size_t end) const {
  Place place;
  const auto skipped = [](char32_t c) { return c == U' ' || c == U'"' || c == U'(' || c == U')'; };
  const auto inner = [](char32_t c) { return joins(c) || c == U'.' || c == U'\'' || script_of(c) == Script::han; };
  std::size_t at = begin;
  const auto before = [&] {
    std::size_t start = step_back(text_, at);
    return next_code_point(text_, start);
  };
  while (at > 0 && skipped(before())) at = step_back(text_, at);
  const std::size_t stop = at;
  while (at > 0 && inner(before())) at = step_back(text_, at);
  place.before = to_lower(text_.substr(at, stop - at));
  place.starts = place.before.empty();
  at = end;
  const auto next = [&] {
    std::size_t ahead = at;
    return next_code_point(text_, ahead);
  };
  while (at < text_.size() && skipped(next())) ++at;
  const std::size_t first = at;
  while (at < text_.size() && (joins(next()) || script_of(next()) == Script::han)) next_code_point(text_, at);
  place.after = to_lower(text_.substr(first, at - first));
  std::size_t again = first;
  place.after_capital = first < at && is_upper(next_code_point(text_, again));
  return place;
}

void SpokenReader::say(std::string_view words, std::size_t end) {
  const bool spaced = language_.tables().spaced;
  const auto latin = [](char c) { return c > ' ' && static_cast<unsigned char>(c) < 0x80; };
  if (joins_before(out_, out_.size()) && (spaced || (!words.empty() && latin(words[0])))) out_ += ' ';
  out_ += words;
  at_ = end;
  if (!open_at(at_) && spaced && !words.ends_with('-')) out_ += ' ';
  // "1,2": the comma between two numbers is a comma between two words now.
  if (spaced && (look() == ',' || look() == ';') && at_ + 1 < text_.size() && text_[at_ + 1] != ' ' &&
      !open_at(at_ + 1)) {
    out_ += look();
    out_ += ' ';
    ++at_;
  }
}

// https://www.example.com/path, name@example.com, example.com
bool SpokenReader::address() {
  static constexpr std::string_view kEndings = "com org net edu gov io de fr es it ru cn uk co.uk eu at ch info com.cn";
  if (!word_begins()) return false;
  std::size_t end = at_;
  while (end < text_.size() && text_[end] > ' ' && static_cast<unsigned char>(text_[end]) < 0x80) ++end;
  while (end > at_ && std::string_view(".,;:!?)]\"'").find(text_[end - 1]) != std::string_view::npos) --end;
  std::string_view token = text_.substr(at_, end - at_);
  const auto at_sign = token.find('@');
  const bool mail = at_sign != token.npos && at_sign > 0 && token.find('.', at_sign) != token.npos;
  const bool link = token.starts_with("http://") || token.starts_with("https://") || token.starts_with("www.");
  const std::string_view host = token.substr(0, token.find('/'));
  const auto dot = host.find('.');
  const bool bare = dot != host.npos && dot > 1 && listed(host.substr(host.rfind('.') + 1), kEndings) &&
                    std::all_of(host.begin(), host.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
                    });
  if (!mail && !link && !bare) return false;
  if (const auto scheme = token.find("://"); scheme != token.npos) token.remove_prefix(scheme + 3);
  while (token.ends_with('/')) token.remove_suffix(1);
  std::string words;
  const auto add = [&](std::string_view word) {
    if (!words.empty() && !words.ends_with(' ')) words += ' ';
    words += word;
    words += ' ';
  };
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token.substr(i).starts_with("www.")) {
      add("w w w");
      i += 2;
      continue;
    }
    const char c = token[i];
    static constexpr std::pair<char, std::string_view> kNames[] = {
        {'.', "dot"},          {'/', "slash"}, {'@', "at"},   {'-', "dash"},  {'_', "underscore"},
        {'?', "question"},     {'=', "="},     {'&', "&"},    {':', "colon"}, {'#', "hash"},
        {'%', "percent_sign"}, {'+', "+"},     {'~', "tilde"}};
    const auto name = std::find_if(std::begin(kNames), std::end(kNames), [&](auto& n) { return n.first == c; });
    if (is_digit(static_cast<unsigned char>(c))) {
      add(language_.digit_by_digit(token.substr(i, 1)));
    } else if (name != std::end(kNames)) {
      add(language_.word(name->second));
    } else {
      words += c;
    }
  }
  say(trim(words), end);
  return true;
}

bool SpokenReader::abbreviation() {
  if (at_ >= text_.size() || !word_begins() || open_at(at_)) return false;
  const std::string here = lower_first(from(at_).substr(0, 40));
  const std::string *words = nullptr, *conditional = nullptr;
  std::size_t length = 0, conditional_length = 0;
  for (const auto& [key, said] : language_.abbreviations()) {
    const auto mark = key.rfind('>');
    const std::string_view shortened = std::string_view(key).substr(0, mark);
    if (!from(at_).starts_with(shortened) && !here.starts_with(shortened)) continue;
    const std::size_t end = at_ + shortened.size();
    if (joins_before(text_, end) && !open_at(end)) continue;
    if (mark == std::string::npos) {
      if (shortened.size() > length) words = &said, length = shortened.size();
      continue;
    }
    std::size_t next = past_blank(end);
    const char32_t c = next < text_.size() ? next_code_point(text_, next) : U'\0';
    const char wanted = key[mark + 1];
    const bool holds = wanted == 'A' ? is_upper(c) : wanted == 'a' ? is_lower(c) : is_digit(c);
    if (holds && shortened.size() > conditional_length) conditional = &said, conditional_length = shortened.size();
  }
  if (conditional && conditional_length >= length) words = conditional, length = conditional_length;
  if (!words) return false;
  const std::size_t end = at_ + length, next = past_blank(end);
  std::string said = *words;
  if (text_[end - 1] == '.') {
    std::size_t ahead = next;
    const bool last = next >= text_.size() || text_[next] == '\n' || text_[next] == '"' || text_[next] == ')';
    const bool capital = !last && next > end && is_upper(next_code_point(text_, ahead));
    const bool may_end = said.ends_with('.');
    if (may_end) said.pop_back();
    if (last || (may_end && capital)) said += '.';
  }
  say(said, end);
  return true;
}

// U.S., J.R.R.
bool SpokenReader::dotted_letters() {
  if (!word_begins()) return false;
  std::size_t at = at_;
  std::string letters;
  while (at < text_.size()) {
    std::size_t end = at;
    const char32_t c = next_code_point(text_, end);
    if (!is_upper(c) || end >= text_.size() || text_[end] != '.') break;
    append_utf8(letters, c);
    at = end + 1;
  }
  if (to_code_points(letters).size() < 2 || !open_at(at)) return false;
  std::size_t ahead = past_blank(at);
  const bool last = ahead >= text_.size() || text_[ahead] == '\n' || text_[ahead] == '"';
  say(language_.letters(letters) + (last ? "." : ""), at);
  return true;
}

bool SpokenReader::roman() {
  if (!word_begins()) return false;
  std::size_t end = at_;
  while (end < text_.size() && std::string_view("IVXLCDM").find(text_[end]) != std::string_view::npos) ++end;
  if (end == at_) return false;
  const std::size_t letters_end = end;
  if (from(end).starts_with('.') && language_.tables().ordinal_marks.starts_with(".")) ++end;
  const std::string_view letters = text_.substr(at_, letters_end - at_);
  const auto number = roman_value(letters);
  // "Part C", "Type D" are letters; "Le", "De" are words.
  if (!number || (letters.size() == 1 && std::string_view("IVX").find(letters) == std::string_view::npos)) return false;
  for (const std::string& mark : language_.ordinal_marks()) {  // XIXe, XX-го
    if (letters.find_first_not_of("IVX") != std::string_view::npos) break;
    if (mark == "." || !from(end).starts_with(mark) || !open_at(end + mark.size())) continue;
    const Place here = place(at_, end + mark.size());
    if (const std::string form = language_.ordinal_form(mark, here); !form.empty()) {
      say(language_.ordinal(*number, form), end + mark.size());
      return true;
    }
  }
  if (!open_at(end)) return false;
  const std::string words = language_.roman(*number, place(at_, end));
  if (words.empty()) return false;
  const std::size_t ahead = past_blank(end);
  say(words + (end > letters_end && ahead >= text_.size() ? "." : ""), end);
  return true;
}

// FBI, CDs
bool SpokenReader::acronym() {
  if (!word_begins()) return false;
  std::size_t end = at_;
  bool vowel = false;
  std::size_t count = 0;
  while (end < text_.size()) {
    std::size_t next = end;
    const char32_t c = next_code_point(text_, next);
    if (!is_upper(c)) break;
    vowel = vowel || std::u32string_view(U"AEIOUYÄÖÜАЕЁИОУЫЭЮЯ").find(c) != std::u32string_view::npos;
    end = next;
    ++count;
  }
  constexpr std::size_t kLongestSpelt = 5;
  if (count < 2 || count > kLongestSpelt) return false;
  const std::string_view capitals = text_.substr(at_, end - at_);
  const bool plural = from(end).starts_with('s') && open_at(end + 1);
  const bool numbered = end < text_.size() && is_digit(static_cast<unsigned char>(text_[end]));  // MP3
  if (!open_at(end) && !plural && !numbered) return false;
  if (vowel && !language_.is_spelt(capitals)) return false;
  if (!vowel && listed(capitals, language_.word("not_spelt"))) return false;
  say(language_.letters(capitals) + (plural ? "s" : ""), end + (plural ? 1 : 0));
  return true;
}

bool SpokenReader::sign() {
  std::size_t end = at_;
  const char32_t c = next_code_point(text_, end);
  if (is_digit(c) || is_letter(c) || c <= U' ') return false;
  // *emphasis* and _emphasis_ of plain-text writing
  const auto word_here = [&](std::size_t at) { return at < text_.size() && !open_at(at); };
  if ((c == U'*' || c == U'_') && (word_here(end) || joins_before(out_, out_.size()))) {
    if (word_here(end) && joins_before(out_, out_.size())) out_ += ' ';  // two_words
    at_ = end;
    return true;
  }
  if (c == U'\'' && digits(end, 2, 2) && (at_ == 0 || text_[at_ - 1] == ' ')) {  // '90
    at_ = end;
    return true;
  }
  const std::string_view words = language_.word(text_.substr(at_, end - at_));
  if (words.empty()) return false;
  const std::size_t next = past_blank(end);
  const bool digit_next = next < text_.size() && is_digit(static_cast<unsigned char>(text_[next]));
  if ((c == U'#' || c == U'№' || c == U'§' || c == U'~' || c == U'-') && !digit_next) return false;
  if (c == U'-' && (end != next || (at_ > 0 && text_[at_ - 1] != ' '))) return false;
  if (c == U'&' && !(at_ > 0 && (text_[at_ - 1] == ' ' || joins_before(text_, at_)))) return false;
  if ((c == U'<' || c == U'>' || c == U'/') && !digit_next) return false;
  say(words, end);
  return true;
}

std::string speak_out(std::string_view text, std::string_view language) {
  const Language* known = find_language(language);
  return known ? SpokenReader(text, *known).run() : std::string(text);
}

}  // namespace timbre::text
