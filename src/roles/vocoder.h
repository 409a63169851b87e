#pragma once
#include <cstdint>
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

}  // namespace timbre::roles
