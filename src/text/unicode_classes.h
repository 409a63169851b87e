#pragma once

/// Classes of code points as Python's str methods have them, for texts that a Python program was trained on.
namespace timbre::text {

bool is_alnum(char32_t c);           ///< str.isalnum: letters and whatever has a value as a number
bool is_word_character(char32_t c);  ///< \w of re: is_alnum or "_"
bool is_digit_sign(char32_t c);      ///< str.isdigit: decimal digits of any script, raised ones, circled ones
bool is_decimal(char32_t c);         ///< \d of re: decimal digits of any script

}  // namespace timbre::text
