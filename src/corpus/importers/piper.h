#pragma once
#include "corpus/rows.h"

namespace timbre::corpus {

/// A line "id|text", or with `speakers` "id|speaker|text", of Piper's metadata.csv.
Row parse_piper_line(std::string_view line, bool speakers);

}  // namespace timbre::corpus
