#pragma once
#include <cstdint>
#include <functional>
#include <span>

#include "roles/vocoder.h"

/// Mel → waveform in pieces, so that the first can be heard while the others are being made.
namespace timbre::voice {

struct ChunkOptions {
  std::int64_t first_frames = 16;  ///< of the first piece; each next is twice as long
  std::int64_t most_frames = 512;  ///< until they are this long: a seam costs the context on both sides
};

/// Calls `each` with one stretch of samples after the other, frames · hop in all: those of the whole within
/// rounding where the vocoder is local (roles::Vocoder::context_frames()); else everything in one stretch.
void synthesize_in_chunks(roles::Vocoder& vocoder, std::span<const float> mel_FM, std::int64_t frames,
                          const std::function<void(std::span<const float>)>& each, const ChunkOptions& options = {});

}  // namespace timbre::voice
