#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace timbre::text {

/// pypinyin.pinyin(text, style=TONE3, strict=False, neutral_tone_with_five=True) flattened, as ming024's front end
/// calls it: one syllable ("ni3", "lv4") a Chinese character, phrases first; other text in chunks as it is.
std::vector<std::string> pinyin_tone3(std::string_view text);

}  // namespace timbre::text
