#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/event.h"
#include "config/fields.h"
#include "corpus/corpus.h"

/// A corpus with altered copies of its clips, for networks that would learn a small corpus by heart: speed perturbation
/// (Ko et al., "Audio Augmentation for Speech Recognition", Interspeech 2015) and shifts of less than a frame.
namespace timbre::prepare {

namespace fs = std::filesystem;

struct AugmentOptions {
  std::vector<double> speed;        ///< a copy at each: faster and higher above 1; pitch and formants move along
  std::vector<double> shift_ms;     ///< a copy without its first so many milliseconds: other frames of the same sound
  std::vector<std::string> except;  ///< files of ids, one a line, whose clips get no copies: the held-out ones
  bool new_speakers = false;        ///< "Anna sp0.9": at another speed somebody else seems to speak
};
config::Fields fields(AugmentOptions& options);

struct AugmentReport {
  std::int64_t originals = 0, copies = 0;
  std::int64_t excepted = 0;   ///< originals on a list
  std::int64_t too_short = 0;  ///< copies that a shift would have left empty
  double duration_s = 0;       ///< of all
};

/// Writes `out`: every utterance as it is (its clip stays where it lies), followed by its copies, whose ids are the
/// original's with "_sp0.9" or "_sh5" behind (as lhotse names them) and whose `extra.copy_of` says of what they are
/// one: a split never holds copies out (corpus/split.h). Clips are decoded as mono and written as 16-bit WAV at their
/// own rate. Throws UsageError without a change, for a speed outside 0.5 … 2, a shift outside 0 … 1000 ms, the same
/// change twice, or an id that is not in the corpus; DataError for a clip that cannot be decoded, a corpus that has
/// copies already, or ids that would come twice.
AugmentReport augment(const corpus::Corpus& corpus, const fs::path& out, const AugmentOptions& options, bool dry_run,
                      const EventSink& events);

}  // namespace timbre::prepare
