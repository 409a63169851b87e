#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace timbre::text {

/// pypinyin.pinyin(text, style=TONE3, strict=False, neutral_tone_with_five=True) flattened, as ming024's front end
/// calls it: one syllable ("ni3", "lv4") a Chinese character, phrases first; other text in chunks as it is.
std::vector<std::string> pinyin_tone3(std::string_view text);

/// pypinyin's options for initials and finals.
struct PinyinStyle {
  bool strict = true;        ///< the scheme of 1958: y and w are no initials, "you" is "iou", "xu" is "xü"
  bool neutral_five = true;  ///< the neutral tone written 5, else without a number
  bool v_to_u = false;       ///< "ü", else "v"
};

/// One character read, or a stretch of other text.
struct PinyinPart {
  std::string initial;  ///< "zh", "" when there is none
  std::string final;    ///< with its tone number: "ong1"
  std::string text;     ///< what is no Chinese character, or one without a reading, as it is; "" else
};

/// A syllable with its tone number ("zhong1", "lv4") in two.
PinyinPart split_syllable(std::string_view syllable, const PinyinStyle& style);

/// pypinyin's Style.INITIALS and Style.FINALS_TONE3 of a text, phrases first.
std::vector<PinyinPart> pinyin_initials_finals(std::string_view text, const PinyinStyle& style);

}  // namespace timbre::text
