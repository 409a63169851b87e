#pragma once
#include <string>
#include <string_view>

namespace timbre::exchange {

/// A line of aishell_transcript_v0.8.txt: "BAC009S0002W0122 而 对 楼市 成交 …". The blanks between words are taken out
/// of `text` and kept in `words`. Both are empty where the line has only an id.
struct Aishell1Text {
  std::string id, text, words;
};
Aishell1Text parse_aishell1_transcript(std::string_view line);

}  // namespace timbre::exchange
