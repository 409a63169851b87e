#pragma once
#include <cstdint>
#include <vector>

/// How a recording is cut into the pieces that are embedded one by one.
namespace timbre::speaker_encoder {

/// Half-open, in frames or samples.
struct Range {
  std::int64_t begin = 0, end = 0;
  bool operator==(const Range&) const = default;
};

/// Windows of `size` frames, each starting `size` − ⌊size · overlap⌋ after the one before, as long as one starts
/// within the recording; the last ones are shorter (HamedHemati, Mozilla TTS).
std::vector<Range> overlapping_windows(std::int64_t frames, std::int64_t size, double overlap);

/// Pieces of `size` frames, `per_s` a second; beyond the end there is silence. The last one is left out when less than
/// `min_coverage` of it is sound, unless it is the only one (Resemblyzer).
struct PartialOptions {
  std::int64_t size = 160;
  double per_s = 1.3;
  double min_coverage = 0.75;
  std::int64_t rate_hz = 16000;
  std::int64_t hop_samples = 160;
};
std::vector<Range> partial_slices(std::int64_t samples, const PartialOptions& options);

}  // namespace timbre::speaker_encoder
