#pragma once
#include <string>
#include <string_view>

namespace timbre::exchange {

/// A line of AISHELL-3's content.txt: "SSB00050001.wav<tab>广 guang3 州 zhou1 …", characters and pinyin in turn.
struct Aishell3Text {
  std::string id, text, pinyin;
  std::string fault, detail;  ///< fault not empty: the line is broken
};
Aishell3Text parse_aishell3_content(std::string_view line);

/// A line of label_train-set.txt: "SSB00050001|guang3 zhou1 …|广州%女大学生%…$". Empty for comments and other lines.
struct Aishell3Label {
  std::string id, marked;  ///< text with % and $ where the reader paused
};
Aishell3Label parse_aishell3_label(std::string_view line);

/// A line of spk-info.txt: speaker, age group (A < 14, B 14 to 25, C 26 to 40, D > 41), gender, accent.
struct Aishell3Speaker {
  std::string id, age_group, gender, accent;
};
Aishell3Speaker parse_aishell3_speaker(std::string_view line);

}  // namespace timbre::exchange
