#pragma once
#include <cstdint>
#include <span>
#include <vector>

/// Recordings as a network wants them: other rates and numbers of channels, computed the way torchaudio and EnCodec's
/// convert_audio do, because codes depend on the filter. For ordinary listening and features there is resample.h.
namespace timbre::audio {

/// torchaudio.transforms.Resample with its defaults: a sinc of width 6 at 0.99 of the lower Nyquist frequency under a
/// squared cosine. Returns ⌈samples · to / from⌉ samples; equal rates return the input. Throws UsageError for rates
/// outside 1 … 10,000,000 Hz.
std::vector<float> sinc_resample(std::span<const float> samples_N, std::int64_t from_hz, std::int64_t to_hz);

struct ConvertOptions {
  std::int64_t from_hz = 0, to_hz = 0;
  std::int64_t from_channels = 1, to_channels = 1;
};

/// Planar channels × samples → planar channels × samples. To one channel: the mean of all; from one to several: copies;
/// then resampled. Throws UsageError for other changes of channels, and when the samples do not divide into channels.
std::vector<float> convert_audio(std::span<const float> wave_CN, const ConvertOptions& options);

}  // namespace timbre::audio
