#include "models/speaker_encoder/slices.h"

#include <algorithm>
#include <cmath>

namespace timbre::speaker_encoder {

std::vector<Range> overlapping_windows(std::int64_t frames, std::int64_t size, double overlap) {
  const std::int64_t step =
      std::max<std::int64_t>(1, size - static_cast<std::int64_t>(static_cast<double>(size) * overlap));
  std::vector<Range> windows;
  for (std::int64_t begin = 0; begin < frames; begin += step)
    windows.push_back({begin, std::min(frames, begin + size)});
  return windows;
}

std::vector<Range> partial_slices(std::int64_t samples, const PartialOptions& o) {
  const std::int64_t frames = (samples + 1 + o.hop_samples - 1) / o.hop_samples;
  // rint: half to even, as Python rounds.
  const auto step = std::max<std::int64_t>(
      1, std::llrint(static_cast<double>(o.rate_hz) / o.per_s / static_cast<double>(o.hop_samples)));
  const std::int64_t end = std::max<std::int64_t>(1, frames - o.size + step + 1);
  std::vector<Range> slices;
  for (std::int64_t begin = 0; begin < end; begin += step) slices.push_back({begin, begin + o.size});
  const double covered =
      static_cast<double>(samples - slices.back().begin * o.hop_samples) / static_cast<double>(o.size * o.hop_samples);
  if (covered < o.min_coverage && slices.size() > 1) slices.pop_back();
  return slices;
}

}  // namespace timbre::speaker_encoder
