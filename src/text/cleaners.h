#pragma once
#include <string>
#include <string_view>
#include <vector>

/// The text cleaners of keithito/tacotron as ming024/FastSpeech2 carries them.
namespace timbre::text {

/// Lower case and single spaces.
std::string basic_cleaners(std::string_view text);
/// Unidecode to ASCII, then basic.
std::string transliteration_cleaners(std::string_view text);
/// Unidecode, lower case, numbers to words, abbreviations to words, single spaces. Throws DataError for "$,5"-like
/// text, on which the reference raises.
std::string english_cleaners(std::string_view text);
/// In order, by name. Throws UsageError for an unknown name.
std::string clean_text(std::string_view text, const std::vector<std::string>& cleaners);

/// Numbers of a text to English words, as tacotron's numbers.py does it: commas, pounds, dollars, decimals, ordinals,
/// years.
std::string normalize_numbers(std::string_view text);

/// "mr." → "mister" and seventeen more; a title counts where no letter, digit or underscore stands before it.
std::string expand_abbreviations(std::string lower_case);

/// Every run of white space as one blank.
std::string collapse_whitespace(std::string_view text);

/// ASCII transliteration of Unidecode 1.4.0; a character without one disappears.
std::string unidecode(std::string_view text);

}  // namespace timbre::text
