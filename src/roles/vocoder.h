#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "audio/mel.h"

namespace timbre::roles {

/// Mel spectrogram → waveform.
class Vocoder {
 public:
  virtual ~Vocoder() = default;
  /// "griffin-lim", "hifigan" …
  virtual std::string name() const = 0;
  /// The mels it understands; a synthesizer with others is refused by name of the field that differs.
  virtual const audio::MelOptions& mel() const = 0;
  /// Frames on either side of one that its samples depend on: a stretch that is given with so many around it comes out
  /// as in the whole, within rounding. Nothing when samples depend on the whole utterance (Griffin-Lim).
  virtual std::optional<std::int64_t> context_frames() const { return std::nullopt; }
  /// mel_FM: frames × bins. Returns samples in [-1, 1] at mel().rate_hz, frames × hop long.
  virtual std::vector<float> synthesize(std::span<const float> mel_FM, std::int64_t frames) = 0;
};

/// Throws DataError unless mel_FM holds `frames` ≥ 1 frames of `bins` finite numbers.
void expect_mel(std::span<const float> mel_FM, std::int64_t frames, std::int64_t bins);

/// Calls `make(mel_FM, frames, wave_N)` for stretches of at most `piece` frames, each with `context` frames around it
/// where there are some, and joins what belongs to them: memory stays bounded, samples are those of the whole within
/// rounding. `make` writes frames · hop samples.
std::vector<float> synthesize_in_pieces(
    std::span<const float> mel_FM, std::int64_t frames, const audio::MelOptions& mel, std::int64_t piece,
    std::int64_t context, const std::function<void(const float* mel_FM, std::int64_t frames, float* wave_N)>& make);

}  // namespace timbre::roles
