#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "audio/mel.h"

namespace timbre::roles {

/// What a listener may ask for. Factors of 1 are the voice as trained.
struct Controls {
  double speed = 1;                   ///< > 1 is faster; durations are divided by it
  double pitch = 1;                   ///< factor on the model's pitch (normalised pitch when the model was trained so)
  double energy = 1;                  ///< factor on the model's energy
  std::uint64_t seed = 0;             ///< for models that draw random numbers
  std::string speaker;                ///< name; empty = the voice's first
  std::vector<float> speaker_vector;  ///< of a voice that takes speaker vectors: whom to sound like instead
};

/// One utterance of mel frames.
struct MelUtterance {
  std::vector<float> mel_FM;  ///< frames × bins, row-major, in the scale of mel()
  std::int64_t frames = 0;
  std::int64_t bins = 0;
  std::vector<std::int64_t> durations_P;  ///< frames of each given phone; their sum is `frames`
  std::vector<std::string> unknown;       ///< phones that the voice has no symbol for, left out (duration 0)
};

/// Phones → mel spectrogram. Not thread-safe: one object a thread.
class Synthesizer {
 public:
  virtual ~Synthesizer() = default;
  /// Throws UsageError for an unknown speaker or a factor that is not positive, DataError when no phone is known.
  virtual MelUtterance synthesize(std::span<const std::string> phones, const Controls& controls) = 0;
  virtual const audio::MelOptions& mel() const = 0;
  /// The phones this voice knows.
  virtual const std::vector<std::string>& symbols() const = 0;
  /// Speaker names; one entry for a single-speaker voice.
  virtual const std::vector<std::string>& speakers() const = 0;
};

}  // namespace timbre::roles
