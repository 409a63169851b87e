#include "codecs/xcodec2/features.h"

#include <cmath>
#include <complex>
#include <numbers>

#include "audio/fft.h"
#include "base/error.h"

namespace timbre::xcodec2 {
namespace {

constexpr std::int64_t kFrame = 400, kShift = 160, kFft = 512, kPad = 160;
constexpr double kPreemphasis = 0.97, kScale = 32768, kFloor = 1.192092955078125e-07;
constexpr float kPadValue = 1.0f;

/// One triangle: its weights from bin `first` on.
struct Filter {
  std::int64_t first = 0;
  std::vector<double> weights;
};

struct Tables {
  std::vector<double> window;
  std::vector<Filter> filters;

  Tables() {
    for (std::int64_t i = 0; i < kFrame; ++i) {  // Povey's: a symmetric Hann window to the power 0.85
      const double angle = 2 * std::numbers::pi * static_cast<double>(i) / (kFrame - 1);
      window.push_back(std::pow(0.5 - 0.5 * std::cos(angle), 0.85));
    }
    const auto mel = [](double hz) { return 1127.0 * std::log(1.0 + hz / 700.0); };
    const double low = mel(20), high = mel(kRateHz / 2.0), step = (high - low) / (kBanks + 1);
    for (std::int64_t m = 0; m < kBanks; ++m) {
      const double left = low + static_cast<double>(m) * step, center = low + static_cast<double>(m + 1) * step,
                   right = m + 2 == kBanks + 1 ? high : low + static_cast<double>(m + 2) * step;
      Filter filter;
      for (std::int64_t bin = 0; bin <= kFft / 2; ++bin) {
        const double at = mel(static_cast<double>(kRateHz) / kFft * static_cast<double>(bin));
        const double weight = std::min((at - left) / (center - left), (right - at) / (right - center));
        if (weight <= 0) continue;
        if (filter.weights.empty()) filter.first = bin;
        filter.weights.push_back(weight);
      }
      filters.push_back(std::move(filter));
    }
  }
};

const Tables& tables() {
  static const Tables made;
  return made;
}

/// A sum in single precision in the order NumPy adds: eight strands in blocks of 128, halves above.
float numpy_sum(const float* x, std::int64_t n) {
  if (n < 8) {
    float sum = -0.0f;
    for (std::int64_t i = 0; i < n; ++i) sum += x[i];
    return sum;
  }
  constexpr std::int64_t kBlock = 128;
  if (n > kBlock) {
    const std::int64_t half = n / 2 - n / 2 % 8;
    return numpy_sum(x, half) + numpy_sum(x + half, n - half);
  }
  float r[8];
  for (int j = 0; j < 8; ++j) r[j] = x[j];
  std::int64_t i = 8;
  for (; i < n - n % 8; i += 8)
    for (int j = 0; j < 8; ++j) r[j] += x[i + j];
  float sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
  for (; i < n; ++i) sum += x[i];
  return sum;
}

/// One frame of samples, its mean taken off, emphasised and windowed, into a lane.
void prepare(const double* from, double* lane) {
  double mean = 0;
  for (std::int64_t i = 0; i < kFrame; ++i) mean += from[i];
  mean /= kFrame;
  const std::vector<double>& window = tables().window;
  constexpr std::int64_t kLanes = audio::RealFft<double>::kLanes;
  lane[0] = (from[0] - mean) * (1 - kPreemphasis) * window[0];
  for (std::int64_t i = 1; i < kFrame; ++i)
    lane[i * kLanes] = ((from[i] - mean) - kPreemphasis * (from[i - 1] - mean)) * window[static_cast<std::size_t>(i)];
}

/// Banks × frames, so that a bank's frames lie together.
std::vector<float> log_banks(std::span<const float> wave_N, std::int64_t frames) {
  std::vector<double> x(wave_N.size() + 2 * kPad);
  for (std::size_t i = 0; i < wave_N.size(); ++i) x[i + kPad] = static_cast<double>(wave_N[i]) * kScale;
  constexpr std::int64_t kLanes = audio::RealFft<double>::kLanes;
  const audio::RealFft<double> fft(kFft);
  audio::Aligned<double> lanes(kFft * kLanes), re(static_cast<std::size_t>(fft.bins() * kLanes)), im(re.size()),
      scratch(fft.scratch_size());
  std::vector<double> power(static_cast<std::size_t>(fft.bins()));
  std::vector<float> out(static_cast<std::size_t>(kBanks * frames));
  for (std::int64_t first = 0; first < frames; first += kLanes) {
    const std::int64_t count = std::min(kLanes, frames - first);
    for (std::int64_t l = 0; l < count; ++l) prepare(x.data() + (first + l) * kShift, lanes.data() + l);
    fft.forward(lanes.data(), re.data(), im.data(), scratch.data());
    for (std::int64_t l = 0; l < count; ++l) {
      for (std::size_t b = 0; b < power.size(); ++b) {
        // The extractor stores spectra in single precision.
        const auto real = static_cast<float>(re[b * kLanes + static_cast<std::size_t>(l)]);
        const auto imaginary = static_cast<float>(im[b * kLanes + static_cast<std::size_t>(l)]);
        power[b] = static_cast<double>(real) * static_cast<double>(real) +
                   static_cast<double>(imaginary) * static_cast<double>(imaginary);
      }
      for (std::int64_t m = 0; m < kBanks; ++m) {
        const Filter& filter = tables().filters[static_cast<std::size_t>(m)];
        double sum = 0;
        for (std::size_t i = 0; i < filter.weights.size(); ++i)
          sum += filter.weights[i] * power[static_cast<std::size_t>(filter.first) + i];
        out[static_cast<std::size_t>(m * frames + first + l)] = static_cast<float>(std::log(std::max(kFloor, sum)));
      }
    }
  }
  return out;
}

void normalise(float* x, std::int64_t n) {
  const auto count = static_cast<float>(n);
  const float mean = numpy_sum(x, n) / count;
  std::vector<float> squares(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    const float d = x[i] - mean;
    squares[static_cast<std::size_t>(i)] = d * d;
  }
  const float variance = numpy_sum(squares.data(), n) / (count - 1.0f);
  const float deviation = std::sqrt(variance + 1e-7f);
  for (std::int64_t i = 0; i < n; ++i) x[i] = (x[i] - mean) / deviation;
}

}  // namespace

Features features_of(std::span<const float> wave_N) {
  const std::int64_t samples = static_cast<std::int64_t>(wave_N.size()) + 2 * kPad;
  if (samples < kFrame)
    throw UsageError(
        fmt::format("{} samples are too few for a feature frame: at least {}", wave_N.size(), kFrame - 2 * kPad));
  const std::int64_t banks = 1 + (samples - kFrame) / kShift;
  std::vector<float> log_MF = log_banks(wave_N, banks);
  for (std::int64_t m = 0; m < kBanks; ++m) normalise(log_MF.data() + m * banks, banks);
  Features out;
  out.frames = (banks + kStacked - 1) / kStacked;
  out.values_FC.assign(static_cast<std::size_t>(out.frames * kFeatureWidth), kPadValue);
  for (std::int64_t f = 0; f < banks; ++f)
    for (std::int64_t m = 0; m < kBanks; ++m)
      out.values_FC[static_cast<std::size_t>(f * kBanks + m)] = log_MF[static_cast<std::size_t>(m * banks + f)];
  return out;
}

}  // namespace timbre::xcodec2
