// Mel filter matrices and windows, from their definitions: Slaney's Auditory Toolbox scale (linear below 1 kHz, 27
// steps for each factor 6.4 above) and the HTK scale 2595·log10(1 + f/700).
#include <algorithm>
#include <cmath>
#include <numbers>

#include "audio/mel.h"
#include "base/error.h"

namespace timbre::audio {
namespace {

constexpr double kSlaneyStepHz = 200.0 / 3.0, kSlaneyKneeHz = 1000.0, kSlaneyKnee = kSlaneyKneeHz / kSlaneyStepHz;
const double kSlaneyLogStep = std::log(6.4) / 27.0;

double hz_to_mel(double hz, MelScale scale) {
  if (scale == MelScale::htk) return 2595.0 * std::log10(1.0 + hz / 700.0);
  return hz < kSlaneyKneeHz ? hz / kSlaneyStepHz : kSlaneyKnee + std::log(hz / kSlaneyKneeHz) / kSlaneyLogStep;
}

double mel_to_hz(double mel, MelScale scale) {
  if (scale == MelScale::htk) return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0);
  return mel < kSlaneyKnee ? mel * kSlaneyStepHz : kSlaneyKneeHz * std::exp(kSlaneyLogStep * (mel - kSlaneyKnee));
}

}  // namespace

std::vector<float> mel_filters(std::int64_t rate_hz, std::int64_t fft_samples, std::int64_t mels, double f_min_hz,
                               double f_max_hz, MelScale scale, MelNorm norm) {
  if (f_max_hz <= 0) f_max_hz = static_cast<double>(rate_hz) / 2;
  if (mels < 1 || fft_samples < 2 || f_min_hz < 0 || f_min_hz >= f_max_hz) {
    throw UsageError(fmt::format("{} mel filters from {} to {} Hz over an FFT of {} cannot be made", mels, f_min_hz,
                                 f_max_hz, fft_samples));
  }
  const std::int64_t bins = fft_samples / 2 + 1;
  std::vector<double> edges(static_cast<std::size_t>(mels + 2));
  const double low = hz_to_mel(f_min_hz, scale), high = hz_to_mel(f_max_hz, scale);
  for (std::size_t i = 0; i < edges.size(); ++i) {
    edges[i] = mel_to_hz(low + (high - low) * static_cast<double>(i) / static_cast<double>(mels + 1), scale);
  }
  std::vector<float> out(static_cast<std::size_t>(mels * bins));
  for (std::size_t m = 0; m < static_cast<std::size_t>(mels); ++m) {
    const double left = edges[m], top = edges[m + 1], right = edges[m + 2];
    const double area = norm == MelNorm::slaney_area ? 2.0 / (right - left) : 1.0;
    for (std::int64_t b = 0; b < bins; ++b) {
      const double hz = static_cast<double>(b) * static_cast<double>(rate_hz) / static_cast<double>(fft_samples);
      const double height = std::min((hz - left) / (top - left), (right - hz) / (right - top));
      // librosa keeps the triangles in single precision before it normalises them.
      const auto triangle = static_cast<float>(std::max(0.0, height));
      out[m * static_cast<std::size_t>(bins) + static_cast<std::size_t>(b)] = static_cast<float>(triangle * area);
    }
  }
  return out;
}

std::vector<double> hann_window(std::int64_t window_samples, std::int64_t fft_samples) {
  std::vector<double> out(static_cast<std::size_t>(fft_samples));
  const auto first = static_cast<std::size_t>((fft_samples - window_samples) / 2);
  for (std::int64_t i = 0; i < window_samples; ++i) {
    out[first + static_cast<std::size_t>(i)] =
        0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(window_samples));
  }
  return out;
}

}  // namespace timbre::audio
