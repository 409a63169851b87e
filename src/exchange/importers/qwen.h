#pragma once
#include "exchange/rows.h"

namespace timbre::exchange {

/// A line of a Qwen-TTS training list: audio, text, ref_audio (as written, in extra), and where they are speaker,
/// language, instruct and other short keys.
Row parse_qwen_line(std::string_view line);

}  // namespace timbre::exchange
