#pragma once
#include "exchange/rows.h"

namespace timbre::exchange {

/// A line "path|speaker|language|text" of a .list. Languages as its authors write them (zh, ZH, JP, ja, en, ko, yue).
Row parse_gpt_sovits_line(std::string_view line);

}  // namespace timbre::exchange
