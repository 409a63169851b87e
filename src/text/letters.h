#pragma once
#include <string>
#include <string_view>

/// What the front ends ask about code points: enough of Unicode for text to be read aloud, independent of the locale.
namespace timbre::text {

enum class Script {
  latin,
  greek,
  cyrillic,
  armenian,
  hebrew,
  arabic,
  devanagari,
  bengali,
  gurmukhi,
  gujarati,
  oriya,
  tamil,
  telugu,
  kannada,
  malayalam,
  sinhala,
  thai,
  lao,
  myanmar,
  georgian,
  ethiopic,
  cherokee,
  khmer,
  tibetan,
  kana,
  hangul,
  han,
  other,
  none
};

/// The script of a letter; Script::none for what is not a letter.
Script script_of(char32_t c);
/// "Cyrillic" …
std::string_view script_name(Script script);

bool is_letter(char32_t c);
bool is_digit(char32_t c);  ///< 0–9
bool is_space(char32_t c);
bool is_combining_mark(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
/// Simple lower case for Latin, Greek, Cyrillic, Armenian and Georgian; other characters as they are.
char32_t to_lower(char32_t c);
std::string to_lower(std::string_view utf8);

/// Ends a sentence: . ! ? … 。 ！ ？ ؟ । and the like.
bool is_sentence_end(char32_t c);
/// Ends a clause but not a sentence: , ; : – — 、 ， ； ： ، ؛ and the like.
bool is_clause_mark(char32_t c);
bool is_opening(char32_t c);  ///< opening quotes and brackets
bool is_closing(char32_t c);  ///< closing quotes and brackets, and the quotes that are both

/// One code point of valid UTF-8 at `at`; moves `at` behind it. An invalid byte is U+FFFD.
char32_t next_code_point(std::string_view text, std::size_t& at);

}  // namespace timbre::text
