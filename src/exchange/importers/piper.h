#pragma once
#include "exchange/rows.h"

namespace timbre::exchange {

/// A line "id|text", or with `speakers` "id|speaker|text", of Piper's metadata.csv.
Row parse_piper_line(std::string_view line, bool speakers);

}  // namespace timbre::exchange
