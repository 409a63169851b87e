#include "align/mfcc.h"

#include <kissfft/kiss_fftr.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <numbers>

#include "base/error.h"

namespace timbre::align {
namespace {

constexpr double kPowerFloor = 1e-7;  // below 16-bit quantisation noise; keeps digital silence finite

double to_mel(double hz) { return 1127.0 * std::log1p(hz / 700.0); }

// Triangles with equal spacing on the mel scale, kept as runs of weights: most bins belong to two.
struct Band {
  std::int64_t first = 0;
  std::vector<float> weights;
};

std::vector<Band> make_bands(const MfccOptions& o, std::int64_t fft) {
  const double low = to_mel(o.low_hz), high = to_mel(std::min(o.high_hz, o.rate_hz / 2));
  const double step = (high - low) / static_cast<double>(o.mels + 1);
  std::vector<Band> bands(static_cast<std::size_t>(o.mels));
  for (std::int64_t m = 0; m < o.mels; ++m) {
    Band& band = bands[static_cast<std::size_t>(m)];
    for (std::int64_t bin = 0; bin <= fft / 2; ++bin) {
      const double position = (to_mel(static_cast<double>(bin) * o.rate_hz / static_cast<double>(fft)) - low) / step -
                              static_cast<double>(m);
      const double weight = 1.0 - std::abs(position - 1.0);
      if (weight <= 0) continue;
      if (band.weights.empty()) band.first = bin;
      band.weights.push_back(static_cast<float>(weight));
    }
    // At low rates a triangle may fall between two bins; it then takes the nearest one.
    if (band.weights.empty()) {
      const double hz = 700.0 * std::expm1((low + step * static_cast<double>(m + 1)) / 1127.0);
      band.first = std::min<std::int64_t>(fft / 2, std::llround(hz / o.rate_hz * static_cast<double>(fft)));
      band.weights.push_back(1.0f);
    }
  }
  return bands;
}

std::vector<float> make_dct(const MfccOptions& o) {
  std::vector<float> dct_CM(static_cast<std::size_t>(o.coefficients * o.mels));
  for (std::int64_t c = 0; c < o.coefficients; ++c)
    for (std::int64_t m = 0; m < o.mels; ++m)
      dct_CM[static_cast<std::size_t>(c * o.mels + m)] =
          static_cast<float>(std::sqrt(2.0 / static_cast<double>(o.mels)) *
                             std::cos(std::numbers::pi * static_cast<double>(c) * (static_cast<double>(m) + 0.5) /
                                      static_cast<double>(o.mels)));
  return dct_CM;
}

// Regression slope over ±half frames (HTK Book eq. 5.16), edges repeated: columns [from, from+count) to [to, to+count).
void add_deltas(Features& x, std::int64_t from, std::int64_t to, std::int64_t count, std::int64_t half) {
  double norm = 0;
  for (std::int64_t k = 1; k <= half; ++k) norm += 2.0 * static_cast<double>(k * k);
  const auto scale = static_cast<float>(1.0 / norm);
  for (std::int64_t f = 0; f < x.frames; ++f) {
    float* out = x.values_FD.data() + f * x.width + to;
    for (std::int64_t k = 1; k <= half; ++k) {
      const float* after = x.values_FD.data() + std::min(f + k, x.frames - 1) * x.width + from;
      const float* before = x.values_FD.data() + std::max<std::int64_t>(f - k, 0) * x.width + from;
      const float weight = scale * static_cast<float>(k);
      for (std::int64_t d = 0; d < count; ++d) out[d] += weight * (after[d] - before[d]);
    }
  }
}

struct FreeFft {
  void operator()(kiss_fftr_state* plan) const { kiss_fftr_free(plan); }
};

}  // namespace

Features mfcc(std::span<const float> wave_N, const MfccOptions& o) {
  const auto window = static_cast<std::int64_t>(std::llround(o.window_s * o.rate_hz));
  const auto samples = static_cast<std::int64_t>(wave_N.size());
  const double hop = o.hop_s * o.rate_hz;
  if (window < 4 || hop < 1 || o.coefficients > o.mels)
    throw UsageError("MFCC options: window ≥ 4 samples, hop ≥ 1 sample, coefficients ≤ mels");
  std::int64_t fft = 2;
  while (fft < window) fft *= 2;

  const std::vector<Band> bands = make_bands(o, fft);
  const std::vector<float> dct_CM = make_dct(o);
  std::vector<float> hamming(static_cast<std::size_t>(window));
  for (std::int64_t i = 0; i < window; ++i)
    hamming[static_cast<std::size_t>(i)] = static_cast<float>(
        0.54 - 0.46 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(window - 1)));

  Features x;
  x.frames = std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(samples) / hop));
  x.width = 3 * o.coefficients;
  x.values_FD.assign(static_cast<std::size_t>(x.frames * x.width), 0.0f);

  const std::unique_ptr<kiss_fftr_state, FreeFft> plan(kiss_fftr_alloc(static_cast<int>(fft), 0, nullptr, nullptr));
  std::vector<float> frame(static_cast<std::size_t>(fft), 0.0f), log_mel(static_cast<std::size_t>(o.mels));
  std::vector<kiss_fft_cpx> spectrum(static_cast<std::size_t>(fft / 2 + 1));
  const auto sample = [&](std::int64_t n) {
    return n >= 0 && n < samples ? wave_N[static_cast<std::size_t>(n)] : 0.0f;
  };
  const auto emphasis = static_cast<float>(o.preemphasis);
  for (std::int64_t f = 0; f < x.frames; ++f) {
    const std::int64_t first = std::llround((static_cast<double>(f) + 0.5) * hop) - window / 2;
    for (std::int64_t i = 0; i < window; ++i)
      frame[static_cast<std::size_t>(i)] =
          (sample(first + i) - emphasis * sample(first + i - 1)) * hamming[static_cast<std::size_t>(i)];
    kiss_fftr(plan.get(), frame.data(), spectrum.data());
    for (std::size_t m = 0; m < bands.size(); ++m) {
      double power = 0;
      const kiss_fft_cpx* bin = spectrum.data() + bands[m].first;
      for (const float weight : bands[m].weights) {
        power += static_cast<double>(weight * (bin->r * bin->r + bin->i * bin->i));
        ++bin;
      }
      log_mel[m] = static_cast<float>(std::log(power + kPowerFloor));
    }
    float* out = x.values_FD.data() + f * x.width;
    for (std::int64_t c = 0; c < o.coefficients; ++c) {
      float sum = 0;
      for (std::int64_t m = 0; m < o.mels; ++m)
        sum += dct_CM[static_cast<std::size_t>(c * o.mels + m)] * log_mel[static_cast<std::size_t>(m)];
      out[c] = sum;
    }
  }
  add_deltas(x, 0, o.coefficients, o.coefficients, o.delta_frames);
  add_deltas(x, o.coefficients, 2 * o.coefficients, o.coefficients, o.delta_frames);
  return x;
}

}  // namespace timbre::align
