#pragma once
#include <string>
#include <string_view>
#include <vector>

/// The Chinese front ends of lifeiteng/vall-e on the dictionaries of pypinyin 0.48.0, which it pins: newer ones read
/// some two thousand phrases otherwise (text/pinyin.h).
namespace timbre::text {

/// pypinyin.pinyin(text, style=TONE3, neutral_tone_with_five=True) of 0.48.0, flattened: one syllable ("ni3") a Chinese
/// character, phrases first, other text in chunks as it is.
std::vector<std::string> pypinyin_048(std::string_view text);

/// The words that pypinyin 0.48.0 looks up one after the other: phrases of its dictionary, single Chinese characters,
/// chunks of other text.
std::vector<std::string> pypinyin_048_words(std::string_view text);

/// How a syllable is written.
enum class PinyinTokens {
  syllables,       ///< `pypinyin`: "ni3-hao3"
  initials_finals  ///< `pypinyin_initials_finals`: "n|i3-h|ao3"; what ends in no letter or digit disappears
};

/// What PypinyinBackend makes of a text: syllables joined by `-`, words (which blanks divide) by `_`, marks of
/// phonemizer's set where they stand. Two mark groups in a row, on which the reference stops, are both kept.
std::string pypinyin_text(std::string_view text, PinyinTokens how);

/// "k|a2-er3-p|u2 …" of labelled pinyin ("ka2 er2 pu3"), as pypinyin_text() writes the same syllables. Throws DataError
/// naming what is no syllable with a tone number 1 to 5.
std::string labelled_pinyin_text(std::string_view pinyin, PinyinTokens how);

}  // namespace timbre::text
