#pragma once
#include "exchange/rows.h"

namespace timbre::exchange {

/// A line "path|text|speaker" of a StyleTTS 2 list; the speaker may be missing.
Row parse_styletts2_line(std::string_view line);

/// True when the text holds signs that only phonetic writing has (ɹ, ə, ˈ, ː …).
bool is_phonetic(std::string_view text);

}  // namespace timbre::exchange
