#pragma once
#include <string>
#include <vector>

#include "align/textgrid.h"

namespace timbre::exchange {

/// One speaker's tiers of a TextGrid that the Montreal Forced Aligner wrote: "words" and "phones", or "Ada - words" and
/// "Ada - phones" where a recording has several speakers.
struct MfaTiers {
  std::string speaker;  ///< "" where the tiers carry none
  const align::Tier* words = nullptr;
  const align::Tier* phones = nullptr;  ///< may be null
};
/// In the order of the file; points into `grid`.
std::vector<MfaTiers> mfa_tiers(const align::TextGrid& grid);

/// Words in order, without silences. `unknown` is set where a spoken word has no label (spn, <unk>).
std::string mfa_text(const align::Tier& words, bool& unknown);

/// A stretch of speech between pauses of at least `pause_s`, with the words in it.
struct MfaStretch {
  double start_s = 0, end_s = 0;
  std::string text;
  bool unknown = false;
};
std::vector<MfaStretch> mfa_stretches(const align::Tier& words, double pause_s);

/// What lies in [start_s, end_s], as a TextGrid that begins at 0 with tiers "words" and "phones".
align::TextGrid mfa_piece(const MfaTiers& tiers, double start_s, double end_s);

}  // namespace timbre::exchange
