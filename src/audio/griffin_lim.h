#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "audio/mel.h"

namespace timbre::audio {

struct GriffinLimOptions {
  std::int64_t iterations = 60;
  double momentum = 0.99;  ///< 0 = the plain algorithm of Griffin & Lim 1984
  std::uint64_t seed = 0;  ///< of the random start phases
  bool operator==(const GriffinLimOptions&) const = default;
};
config::Fields fields(GriffinLimOptions& options);

/// A waveform from a mel spectrogram by the fast Griffin-Lim algorithm (Perraudin, Balazs, Søndergaard 2013).
/// The magnitudes are the non-negative least-squares solution of filters · x = mel (multiplicative updates from a
/// smooth start). Tables are made once; safe to use from several threads.
class GriffinLim {
 public:
  explicit GriffinLim(const MelOptions& mel, const GriffinLimOptions& options = {});
  ~GriffinLim();
  GriffinLim(GriffinLim&&) noexcept;

  struct Result {
    std::vector<float> wave_N;
    double convergence_db = 0;  ///< spectral convergence 20·log10(‖|STFT(x)| − S‖ / ‖S‖); lower is better
  };
  /// mel_FM: frames × mels after the logarithm. Samples: (frames − 1) · hop for padding "center" (none for a single
  /// frame), frames · hop for "same". Throws DataError when the size is not frames × mels or a value is not finite.
  Result run(std::span<const float> mel_FM, std::int64_t frames) const;
  /// As above with another seed.
  Result run(std::span<const float> mel_FM, std::int64_t frames, std::uint64_t seed) const;

 private:
  struct Tables;
  std::unique_ptr<const Tables> tables_;
};

/// One call for one utterance.
std::vector<float> griffin_lim(std::span<const float> mel_FM, std::int64_t frames, const MelOptions& mel,
                               const GriffinLimOptions& options = {});

}  // namespace timbre::audio
