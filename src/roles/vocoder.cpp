#include "roles/vocoder.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace timbre::roles {

void expect_mel(std::span<const float> mel_FM, std::int64_t frames, std::int64_t bins) {
  if (frames < 1 || static_cast<std::int64_t>(mel_FM.size()) != frames * bins)
    throw DataError(fmt::format("a mel of {} numbers is not {} frames of {}", mel_FM.size(), frames, bins));
  const auto odd = std::find_if(mel_FM.begin(), mel_FM.end(), [](float x) { return !std::isfinite(x); });
  if (odd != mel_FM.end())
    throw DataError(fmt::format("frame {} of the mel has a number that is not finite", (odd - mel_FM.begin()) / bins));
}

std::vector<float> synthesize_in_pieces(
    std::span<const float> mel_FM, std::int64_t frames, const audio::MelOptions& mel, std::int64_t piece,
    std::int64_t context, const std::function<void(const float* mel_FM, std::int64_t frames, float* wave_N)>& make) {
  expect_mel(mel_FM, frames, mel.mels);
  const std::int64_t hop = mel.hop_samples;
  std::vector<float> wave_N(static_cast<std::size_t>(frames * hop)), part_N;
  if (frames <= piece + 2 * context) {  // what the cuts would cost is more than they spare
    make(mel_FM.data(), frames, wave_N.data());
    return wave_N;
  }
  for (std::int64_t from = 0; from < frames; from += piece) {
    const std::int64_t to = std::min(frames, from + piece);
    const std::int64_t first = std::max<std::int64_t>(0, from - context), last = std::min(frames, to + context);
    part_N.resize(static_cast<std::size_t>((last - first) * hop));
    make(mel_FM.data() + first * mel.mels, last - first, part_N.data());
    std::copy_n(part_N.begin() + (from - first) * hop, (to - from) * hop, wave_N.begin() + from * hop);
  }
  return wave_N;
}

}  // namespace timbre::roles
