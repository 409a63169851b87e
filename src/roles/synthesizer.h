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

/// A recording as the columns of its corpus have it.
struct Recorded {
  std::vector<std::string> phones;        ///< in time, silences included
  std::vector<std::int64_t> durations_P;  ///< frames of each
  std::vector<float> pitch, energy;       ///< as measured, of phones or of frames, whichever the voice was trained on
  std::string speaker;
};

/// Phones → mel spectrogram. Not thread-safe but for follow(): one object a thread.
class Synthesizer {
 public:
  virtual ~Synthesizer() = default;
  /// Throws UsageError for an unknown speaker or a factor that is not positive, DataError when no phone is known.
  virtual MelUtterance synthesize(std::span<const std::string> phones, const Controls& controls) = 0;
  /// The mel that the voice makes of a recording's own durations, pitch and energy (teacher-forced): as many frames as
  /// the durations have, each at its time in the recording. May be called from several threads; computes on the calling
  /// one. Throws UsageError for a kind of voice that cannot and for an unknown speaker, DataError for phones that the
  /// voice has no symbol for and for numbers that do not fit together.
  virtual MelUtterance follow(const Recorded& clip) const;
  virtual const audio::MelOptions& mel() const = 0;
  /// The phones this voice knows.
  virtual const std::vector<std::string>& symbols() const = 0;
  /// Speaker names; one entry for a single-speaker voice.
  virtual const std::vector<std::string>& speakers() const = 0;
};

}  // namespace timbre::roles
