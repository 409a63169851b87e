#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace timbre::text {

/// A word to be read: bytes [begin, end) without the punctuation around it.
struct WordSpan {
  std::size_t begin = 0, end = 0;
};

/// A stretch of text that is read without a pause: a comma, a stop, a dash or a bracket follows it, or the text ends.
struct Clause {
  std::size_t begin = 0, end = 0;  ///< bytes from the first word to the end of the last
  std::vector<WordSpan> words;     ///< at least one
  bool pause_before = true;        ///< false where only the length limit cut: nothing is heard there
};

/// Clauses of cleaned text (clean_unicode), in order. Stretches without a word are left out, so that a run of marks is
/// one pause. A full stop inside a number or behind an abbreviation of `language` ends nothing.
std::vector<Clause> split_clauses(std::string_view text, std::string_view language);

/// True when the full stop at `at` ends a sentence: not inside a number, an address or "…", not behind a title, and
/// behind another abbreviation or an initial only where a new sentence seems to begin.
bool is_full_stop(std::string_view text, std::size_t at, std::string_view language);

}  // namespace timbre::text
