#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "align/textgrid.h"

namespace timbre::parity {

/// A TextGrid as ming024's get_alignment sees it through tgt, which drops what has no label: silences at the ends are
/// left out, those inside are phones, and pauses that MFA 2 left empty are missing from the durations.
struct TgtAlignment {
  std::vector<std::string> phones;
  std::vector<std::int64_t> durations_P;  ///< frames
  double start_s = 0, end_s = 0;          ///< equal when all is silence: the reference skips the clip
};

/// Throws DataError when there is no tier named exactly "phones".
TgtAlignment tgt_alignment(const align::TextGrid& grid, std::int64_t rate_hz, std::int64_t hop_samples);

}  // namespace timbre::parity
