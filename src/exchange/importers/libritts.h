#pragma once
#include <string>
#include <string_view>

namespace timbre::exchange {

/// A line of LibriTTS's speakers.tsv (READER GENDER SUBSET NAME between tabs) or of SPEAKERS.txt (ID |SEX| SUBSET
/// |MINUTES| NAME). `id` is empty for headers, comments and what is no such line.
struct LibriSpeaker {
  std::string id, gender, name;
};
LibriSpeaker parse_libritts_speaker(std::string_view line);

/// A line of <speaker>_<chapter>.trans.tsv: id, original and normalised text. `id` is empty for what is no such line.
struct LibriText {
  std::string id, original, normalized;
};
LibriText parse_libritts_text(std::string_view line);

/// "train-clean-100" → "train", "dev-other" → "valid", "test-clean" → "test", else "".
std::string split_of_libritts_part(std::string_view part);

}  // namespace timbre::exchange
