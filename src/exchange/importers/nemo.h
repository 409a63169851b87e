#pragma once
#include "exchange/rows.h"

namespace timbre::exchange {

/// A line of a NeMo manifest: audio_filepath, text, duration, and where they are speaker, lang, offset. With
/// `normalized` the text is normalized_text (or text_normalized) where there is one.
Row parse_nemo_line(std::string_view line, bool normalized);

}  // namespace timbre::exchange
