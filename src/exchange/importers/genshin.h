#pragma once
#include "exchange/rows.h"

namespace timbre::exchange {

/// A line "name|caption" of metadata.csv. The caption may hold further bars; the speaker is what stands before the
/// first
/// '_' of the name, nobody where there is none.
Row parse_genshin_line(std::string_view line);

}  // namespace timbre::exchange
