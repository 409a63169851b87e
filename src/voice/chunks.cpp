#include "voice/chunks.h"

#include <algorithm>

namespace timbre::voice {

void synthesize_in_chunks(roles::Vocoder& vocoder, std::span<const float> mel_FM, std::int64_t frames,
                          const std::function<void(std::span<const float>)>& each, const ChunkOptions& options) {
  const std::optional<std::int64_t> context = vocoder.context_frames();
  if (!context || frames <= options.first_frames) return each(vocoder.synthesize(mel_FM, frames));
  const std::int64_t bins = static_cast<std::int64_t>(mel_FM.size()) / frames, hop = vocoder.mel().hop_samples;
  std::int64_t length = options.first_frames;
  for (std::int64_t at = 0; at < frames; length = std::min(2 * length, options.most_frames)) {
    // A rest that is shorter than its context goes with this piece.
    const std::int64_t end = frames - (at + length) <= *context ? frames : at + length;
    const std::int64_t from = std::max<std::int64_t>(at - *context, 0), to = std::min(end + *context, frames);
    const auto given =
        mel_FM.subspan(static_cast<std::size_t>(from * bins), static_cast<std::size_t>((to - from) * bins));
    const auto wave_N = vocoder.synthesize(given, to - from);
    each(std::span(wave_N).subspan(static_cast<std::size_t>((at - from) * hop),
                                   static_cast<std::size_t>((end - at) * hop)));
    at = end;
  }
}

}  // namespace timbre::voice
