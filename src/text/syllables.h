#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Syllables of English texts, estimated from their letters: what speaking rates of the speed-control fine-tune are
/// measured in. Its thresholds were set on the estimates of the Python package `syllables` (GPL-3), which is far from a
/// pronouncing dictionary (79 % of CMUdict's words) but steady; this is a rule of our own that was fitted to what that
/// package answers, not to its tables, and agrees with it on 99.6 % of CMUdict's 117,493 words of plain letters.
/// Real syllables, of any language, are the vowels of a front end's phones: count_nuclei().
namespace timbre::text {

/// At least 1 for a word with a letter, 0 for one without. Letters a–z in either case; all others part nothing.
std::int64_t estimate_syllables(std::string_view word);

/// What is counted of a caption: everything but a–z, A–Z and blanks is deleted ("don't" → "dont", figures vanish), runs
/// of blanks become one. Blanks are Unicode's, as Python's re and str.split know them.
std::string letters_and_blanks(std::string_view caption);

/// str.isspace(): blanks of any script, and four control characters.
bool is_blank(char32_t c);

/// Words between blanks, as Python's str.split().
std::vector<std::string> split_blanks(std::string_view text);

/// Sum over the words of letters_and_blanks(). 0 for captions without a letter (figures, Chinese).
std::int64_t syllables_of_caption(std::string_view caption);

/// Syllables of phones in IPA: vowels, and consonants marked as syllabic (U+0329). Diphthongs are one phone.
std::int64_t count_nuclei(const std::vector<std::string>& phones);

}  // namespace timbre::text
