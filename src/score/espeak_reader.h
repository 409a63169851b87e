#pragma once
#include <string>

#include "audio/decode.h"

namespace timbre::score {

/// A text read aloud by the espeak-ng program in the voice of that name ("en-us"), as a yardstick for our own voices.
/// Throws SystemError when the program is not installed or fails.
audio::Clip read_with_espeak(const std::string& text, const std::string& voice);

}  // namespace timbre::score
