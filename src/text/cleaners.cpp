#include "text/cleaners.h"

#include <array>
#include <functional>

#include "base/error.h"
#include "base/strings.h"
#include "text/data_table.h"
#include "text/letters.h"
#include "text/number_words.h"
#include "text/unicode_forms.h"

namespace timbre::text {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool word_character(char c) { return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// End of the longest run from `begin` of digits and `others` that closes with a digit; `begin` when there is none.
std::size_t run_to_digit(std::string_view text, std::size_t begin, std::string_view others) {
  std::size_t end = begin;
  for (std::size_t i = begin; i < text.size() && (digit(text[i]) || others.find(text[i]) != others.npos); ++i)
    if (digit(text[i])) end = i + 1;
  return end;
}

std::string remove_commas(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = digit(text[at]) ? run_to_digit(text, at, ",") : at;
    if (end < at + 3) {
      out += text[at++];
      continue;
    }
    for (; at < end; ++at)
      if (text[at] != ',') out += text[at];
  }
  return out;
}

std::string expand_pounds(std::string_view text) {
  constexpr std::string_view kSign = "£";
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t begin = at + kSign.size(),
                end = text.substr(at).starts_with(kSign) ? run_to_digit(text, begin, ",") : begin;
    if (end == begin) {
      out += text[at++];
      continue;
    }
    out += fmt::format("{} pounds", text.substr(begin, end - begin));
    at = end;
  }
  return out;
}

std::string without_leading_zeros(std::string_view digits) {
  auto first = digits.find_first_not_of('0');
  return first == digits.npos ? "0" : std::string(digits.substr(first));
}

std::string dollars_in_words(const std::string& amount) {
  std::vector<std::string> parts = split(amount, '.');
  if (parts.size() > 2) return amount + " dollars";
  parts.resize(2);
  for (const std::string& part : parts)
    if (part.find(',') != part.npos)
      throw DataError(fmt::format("'${}' is not an amount of money: the comma does not separate thousands", amount),
                      "write it as $1,234.56");
  std::string dollars = without_leading_zeros(parts[0]), cents = without_leading_zeros(parts[1]);
  std::string dollars_words = fmt::format("{} {}", dollars, dollars == "1" ? "dollar" : "dollars");
  std::string cents_words = fmt::format("{} {}", cents, cents == "1" ? "cent" : "cents");
  if (dollars != "0" && cents != "0") return fmt::format("{}, {}", dollars_words, cents_words);
  if (dollars != "0") return dollars_words;
  return cents != "0" ? cents_words : "zero dollars";
}

std::string expand_dollars(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = text[at] == '$' ? run_to_digit(text, at + 1, ".,") : at + 1;
    if (end == at + 1) {
      out += text[at++];
      continue;
    }
    out += dollars_in_words(std::string(text.substr(at + 1, end - at - 1)));
    at = end;
  }
  return out;
}

std::size_t digits_end(std::string_view text, std::size_t at) {
  while (at < text.size() && digit(text[at])) ++at;
  return at;
}

// Calls `expand` for every run of digits; it appends words and returns where reading goes on, or `begin` to copy the
// run.
std::string for_each_number(
    std::string_view text,
    const std::function<std::size_t(std::size_t begin, std::size_t end, std::string& out)>& expand) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (!digit(text[at])) {
      out += text[at++];
      continue;
    }
    std::size_t end = digits_end(text, at), next = expand(at, end, out);
    if (next == at) {
      out += text.substr(at, end - at);
      next = end;
    }
    at = next;
  }
  return out;
}

std::string expand_number(std::string_view digits) {
  std::string number = without_leading_zeros(digits);
  NumberStyle plain{.and_word = ""};
  if (number.size() != 4 || number <= "1000" || number >= "3000") return number_to_words(number, plain);
  if (number == "2000") return "two thousand";
  if (number > "2000" && number < "2010") return "two thousand " + number_to_words(number.substr(3));
  if (number.ends_with("00")) return number_to_words(number.substr(0, 2)) + " hundred";
  std::string words = number_to_words(number, {.and_word = "", .zero = "oh", .group = 2});
  words.erase(words.find(','), 1);
  return words;
}

}  // namespace

std::string expand_abbreviations(std::string text) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 18> kAbbreviations = {
      {{"mrs", "misess"},
       {"mr", "mister"},
       {"dr", "doctor"},
       {"st", "saint"},
       {"co", "company"},
       {"jr", "junior"},
       {"maj", "major"},
       {"gen", "general"},
       {"drs", "doctors"},
       {"rev", "reverend"},
       {"lt", "lieutenant"},
       {"hon", "honorable"},
       {"sgt", "sergeant"},
       {"capt", "captain"},
       {"esq", "esquire"},
       {"ltd", "limited"},
       {"col", "colonel"},
       {"ft", "fort"}}};
  for (const auto& [from, to] : kAbbreviations) {
    std::string out;
    std::size_t at = 0, found;
    for (std::size_t search = 0; (found = text.find(from, search)) != text.npos;) {
      std::size_t end = found + from.size();
      bool whole = (found == 0 || !word_character(text[found - 1])) && end < text.size() && text[end] == '.';
      search = whole ? end + 1 : found + 1;
      if (!whole) continue;
      out += text.substr(at, found - at);
      out += to;
      at = search;
    }
    if (at > 0) text = out + text.substr(at);
  }
  return text;
}

std::string collapse_whitespace(std::string_view text) {
  std::string out;
  bool gap = false;
  for (char32_t c : to_code_points(text)) {
    if (!is_space(c))
      append_utf8(out, c);
    else if (!gap)
      out += ' ';
    gap = is_space(c);
  }
  return out;
}

std::string unidecode(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t begin = at;
    char32_t c = next_code_point(text, at);
    if (c < 0x80)
      out += static_cast<char>(c);
    else if (auto found = unidecode_table().find(text.substr(begin, at - begin)))
      out += *found;
  }
  return out;
}

std::string normalize_numbers(std::string_view text) {
  std::string step = expand_dollars(expand_pounds(remove_commas(text)));
  step = for_each_number(step, [&](std::size_t begin, std::size_t end, std::string& out) {  // 1.5
    if (end + 1 >= step.size() || step[end] != '.' || !digit(step[end + 1])) return begin;
    std::size_t last = digits_end(step, end + 1);
    out += fmt::format("{} point {}", step.substr(begin, end - begin), step.substr(end + 1, last - end - 1));
    return last;
  });
  step = for_each_number(step, [&](std::size_t begin, std::size_t end, std::string& out) {  // 21st
    std::string suffix = step.substr(end, 2);
    if (suffix != "st" && suffix != "nd" && suffix != "rd" && suffix != "th") return begin;
    out += ordinal_words(step.substr(begin, end - begin));
    return end + 2;
  });
  return for_each_number(step, [&](std::size_t begin, std::size_t end, std::string& out) {
    out += expand_number(std::string_view(step).substr(begin, end - begin));
    return end;
  });
}

std::string basic_cleaners(std::string_view text) {
  return collapse_whitespace(to_utf8(python_lower(to_code_points(text))));
}

std::string transliteration_cleaners(std::string_view text) {
  return collapse_whitespace(ascii_lower(unidecode(text)));
}

std::string english_cleaners(std::string_view text) {
  return collapse_whitespace(expand_abbreviations(normalize_numbers(ascii_lower(unidecode(text)))));
}

std::string clean_text(std::string_view text, const std::vector<std::string>& cleaners) {
  static const std::vector<std::string> kKnown = {"basic_cleaners", "transliteration_cleaners", "english_cleaners"};
  std::string out(text);
  for (const std::string& name : cleaners) {
    if (name == kKnown[0]) {
      out = basic_cleaners(out);
    } else if (name == kKnown[1]) {
      out = transliteration_cleaners(out);
    } else if (name == kKnown[2]) {
      out = english_cleaners(out);
    } else {
      std::string near = did_you_mean(name, kKnown);
      throw UsageError(fmt::format("there is no text cleaner '{}'{}", name, near.empty() ? "" : "; " + near),
                       "one of: " + join(kKnown, ", "));
    }
  }
  return out;
}

}  // namespace timbre::text
