#pragma once
#include <cstdint>
#include <string>
#include <string_view>

/// English number words as the Python package inflect spells them.
namespace timbre::text {

struct NumberStyle {
  std::string and_word = "and";  ///< between hundreds and tens; "" for none
  std::string comma = ",";       ///< after each power of a thousand; "" for none
  std::string zero = "zero";     ///< in groups
  int group = 0;                 ///< 0 = whole number; 1, 2, 3 = digits read in groups of so many
};

/// Words of a string of decimal digits (leading zeros as inflect treats them). Throws UsageError for other characters.
std::string number_to_words(std::string_view digits, const NumberStyle& style = {});

/// "3rd" → "third", "21st" → "twenty-first"; takes digits with or without the suffix.
std::string ordinal_words(std::string_view digits, const NumberStyle& style = {});

}  // namespace timbre::text
