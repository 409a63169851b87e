#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audio/mel_scaling.h"
#include "config/fields.h"

/// Mel spectrograms as the text-to-speech systems make them.
///
/// A mel is only meaningful together with the settings it was made with: two networks fit together when their
/// MelOptions are equal.
namespace timbre::audio {

/// Everything that decides the numbers of a mel spectrogram.
struct MelOptions {
  std::int64_t rate_hz = 22050;
  std::int64_t fft_samples = 1024;
  std::int64_t window_samples = 1024;  ///< periodic Hann, centred in the FFT
  std::int64_t hop_samples = 256;
  std::int64_t mels = 80;
  double f_min_hz = 0;
  double f_max_hz = 8000;  ///< 0 = half the rate
  double preemphasis = 0;  ///< x[n] − preemphasis · x[n − 1] before the spectrum; 0 = none
  std::string log = "ln";  ///< ln, log10, none
  double gain = 1;         ///< factor on the logarithm: 20 with log10 gives decibels
  double floor = 1e-5;     ///< values below become this, before the logarithm
  /// center: reflect fft/2, 1 + N/hop frames; center_zero: the same with zeros; same: reflect (fft − hop)/2, N/hop
  /// frames
  std::string padding = "center";
  std::string convention = "tacotron";  ///< tacotron, coqui, hifigan, vocos (see below)
  MelRange range;                       ///< what happens to the logarithm last
  bool operator==(const MelOptions&) const = default;
};

/// The conventions, with what goes with them (mel_preset):
///   tacotron  samples clipped to ±1, magnitude √(re² + im²), Slaney mel scale with area norm (ming024, torphix,
///             Glow-TTS)
///   coqui     the same without clipping; goes with floor 1e-8
///   hifigan   magnitude √(re² + im² + 1e-9), Slaney scale with area norm (jik876/hifi-gan); goes with padding "same"
///   vocos     magnitude √(re² + im²), HTK scale without norm (torchaudio's default); 24 kHz, 100 mels, floor 1e-7
config::Fields fields(MelOptions& options);

/// All settings of a system by its convention's name. Throws UsageError with the known names.
MelOptions mel_preset(std::string_view convention);

/// All problems of the settings, in words; empty when they can be used.
std::vector<std::string> validate(const MelOptions& options);

/// A spectrogram, row = frame.
struct Mel {
  std::int64_t frames = 0, bins = 0;
  std::vector<float> values_FM;  ///< after the logarithm
  std::vector<float> energy_F;   ///< L2 norm over the fft/2 + 1 magnitudes of the frame
};

/// Frames of a recording of that many samples. 0 when it is too short to pad (see mel_spectrogram).
std::int64_t mel_frames(std::int64_t samples, const MelOptions& options);

/// One call for one recording. Throws DataError when it is too short for reflect padding (needs more samples than the
/// padding), UsageError for settings that cannot be used.
Mel mel_spectrogram(std::span<const float> wave_N, const MelOptions& options);

/// The same with tables made once, for many recordings. Safe to use from several threads.
class MelMaker {
 public:
  explicit MelMaker(const MelOptions& options);
  ~MelMaker();
  Mel operator()(std::span<const float> wave_N) const;
  const MelOptions& options() const;

 private:
  struct Tables;
  std::unique_ptr<const Tables> tables_;
};

/// mels × (fft/2 + 1), row-major: triangles on the mel scale.
enum class MelScale { slaney, htk };
enum class MelNorm { slaney_area, none };
std::vector<float> mel_filters(std::int64_t rate_hz, std::int64_t fft_samples, std::int64_t mels, double f_min_hz,
                               double f_max_hz, MelScale scale = MelScale::slaney, MelNorm norm = MelNorm::slaney_area);

/// Periodic Hann of `window_samples`, zero-padded on both sides to `fft_samples`.
std::vector<double> hann_window(std::int64_t window_samples, std::int64_t fft_samples);

}  // namespace timbre::audio
