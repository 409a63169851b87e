#pragma once
#include <string>
#include <vector>

#include "voice/speech.h"

namespace timbre::voice {

/// "json", "srt" or "textgrid", from the ending of a file's name or as given. Throws UsageError otherwise.
std::string timestamp_format(const std::string& file_name);

/// What was said when: JSON {pieces: [{text, start_s, end_s, words: [{word, start_s, end_s}], phones}]}, SubRip with
/// one entry a piece, or a TextGrid with tiers words and phones.
std::string format_timestamps(const std::vector<SpokenPiece>& pieces, const std::string& format);

}  // namespace timbre::voice
