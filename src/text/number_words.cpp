#include "text/number_words.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::text {
namespace {

constexpr std::array<std::string_view, 10> kUnits = {"",     "one", "two",   "three", "four",
                                                     "five", "six", "seven", "eight", "nine"};
constexpr std::array<std::string_view, 10> kTeens = {"ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                                     "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
constexpr std::array<std::string_view, 10> kTens = {"",      "",      "twenty",  "thirty", "forty",
                                                    "fifty", "sixty", "seventy", "eighty", "ninety"};
constexpr std::array<std::string_view, 12> kPowers = {"",           "thousand",    "million",     "billion",
                                                      "trillion",   "quadrillion", "quintillion", "sextillion",
                                                      "septillion", "octillion",   "nonillion",   "decillion"};

std::string below_hundred(int tens, int units) {
  if (tens == 1) return std::string(kTeens[units]);
  return fmt::format("{}{}{}", kTens[tens], tens && units ? "-" : "", kUnits[units]);
}

std::string below_thousand(int number, const std::string& and_word) {
  std::string rest = number % 100 ? below_hundred(number % 100 / 10, number % 10) : "";
  if (number < 100) return rest;
  std::string out = fmt::format("{} hundred", kUnits[number / 100]);
  if (!rest.empty()) out += and_word.empty() ? " " + rest : fmt::format(" {} {}", and_word, rest);
  return out;
}

// Whole number → its powers of a thousand, highest first.
std::vector<std::string> whole(std::string_view digits, const NumberStyle& style) {
  std::size_t start = std::min(digits.find_first_not_of('0'), digits.size());
  digits.remove_prefix(start);
  if (digits.empty()) return {style.zero};
  if ((digits.size() + 2) / 3 > kPowers.size())
    throw UsageError(fmt::format("a number of {} digits has no name", digits.size()),
                     "write it in words or shorten it (36 digits at most)");
  std::vector<std::string> parts;
  int last = 0;
  for (std::size_t power = (digits.size() + 2) / 3; power-- > 0;) {
    std::size_t end = digits.size() - 3 * power, begin = end < 3 ? 0 : end - 3;
    int number = 0;
    for (char c : digits.substr(begin, end - begin)) number = number * 10 + (c - '0');
    last = number;
    if (number == 0) continue;
    std::string words = below_thousand(number, style.and_word);
    parts.push_back(power ? fmt::format("{} {}", words, kPowers[power]) : words);
  }
  // "one thousand and five": what is below a hundred is bound to what stands before it instead of listed.
  if (last > 0 && last < 100 && parts.size() > 1) {
    std::string low = parts.back();
    parts.pop_back();
    parts.back() += style.and_word.empty() ? " " + low : fmt::format(" {} {}", style.and_word, low);
  }
  return parts;
}

// Digits read in groups of style.group from the left, as telephone numbers and years are.
std::vector<std::string> grouped(std::string_view digits, const NumberStyle& style) {
  std::vector<std::string> parts;
  auto digit = [&](char c) { return c == '0' ? style.zero : std::string(kUnits[c - '0']); };
  auto pair = [&](char t, char u) { return t == '0' ? style.zero + " " + digit(u) : below_hundred(t - '0', u - '0'); };
  std::size_t at = 0;
  for (std::size_t size = style.group; size > 0; --size) {
    for (; at + size <= digits.size(); at += size) {
      if (size == 1) parts.push_back(digit(digits[at]));
      if (size == 2) parts.push_back(pair(digits[at], digits[at + 1]));
      if (size == 3) parts.push_back(digit(digits[at]) + " " + pair(digits[at + 1], digits[at + 2]));
    }
  }
  return parts.empty() ? std::vector<std::string>{style.zero} : parts;
}

void check_digits(std::string_view digits) {
  for (char c : digits)
    if (c < '0' || c > '9') throw UsageError(fmt::format("'{}' is not a number", digits), "give decimal digits only");
}

}  // namespace

std::string number_to_words(std::string_view digits, const NumberStyle& style) {
  check_digits(digits);
  if (style.group > 0) return join(grouped(digits, style), ", ");
  return join(whole(digits, style), style.comma + " ");
}

std::string ordinal_words(std::string_view digits, const NumberStyle& style) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kIrregular = {{{"ty", "tieth"},
                                                                                               {"one", "first"},
                                                                                               {"two", "second"},
                                                                                               {"three", "third"},
                                                                                               {"five", "fifth"},
                                                                                               {"eight", "eighth"},
                                                                                               {"nine", "ninth"},
                                                                                               {"twelve", "twelfth"}}};
  std::string words = number_to_words(digits.substr(0, digits.find_first_not_of("0123456789")), style);
  for (const auto& [ending, ordinal] : kIrregular)
    if (words.ends_with(ending)) return words.substr(0, words.size() - ending.size()) + std::string(ordinal);
  return words + "th";
}

}  // namespace timbre::text
