#include "audio/convert.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "base/error.h"

namespace timbre::audio {
namespace {

constexpr double kZeros = 6, kRolloff = 0.99;
constexpr std::int64_t kMostHz = 10'000'000;

/// The taps of one phase that are not zero: those within the window.
struct Phase {
  std::int64_t first = 0;  ///< index of the first tap, relative to the sample the frame begins at
  std::vector<float> taps;
};

/// Phase j of `up`: output sample j of every frame, with `down` input samples a frame.
Phase phase_of(std::int64_t j, std::int64_t down, std::int64_t up) {
  const double base = kRolloff * static_cast<double>(std::min(down, up));
  const double rate = static_cast<double>(down);
  // torchaudio divides integers here, which makes a float32, and adds it to a float64 grid. Rounding it the same way is
  // worth a factor of 40 in accuracy at 22.05 kHz.
  const double shift = static_cast<double>(static_cast<float>(-j) / static_cast<float>(up));
  const auto time = [&](std::int64_t i) { return (shift + static_cast<double>(i) / rate) * base; };
  const auto width = static_cast<std::int64_t>(std::ceil(kZeros * rate / base));
  const double middle = -shift * rate, reach = kZeros * rate / base;
  Phase phase;
  phase.first = std::max(-width, static_cast<std::int64_t>(std::floor(middle - reach)));
  const std::int64_t last = std::min(width + down - 1, static_cast<std::int64_t>(std::ceil(middle + reach)));
  for (std::int64_t i = phase.first; i <= last; ++i) {
    const double t = std::clamp(time(i), -kZeros, kZeros);
    const double window = std::pow(std::cos(t * std::numbers::pi / kZeros / 2), 2);
    const double x = t * std::numbers::pi, sinc = x == 0 ? 1 : std::sin(x) / x;
    phase.taps.push_back(static_cast<float>(sinc * window * (base / rate)));
  }
  return phase;
}

}  // namespace

std::vector<float> sinc_resample(std::span<const float> samples_N, std::int64_t from_hz, std::int64_t to_hz) {
  if (std::min(from_hz, to_hz) < 1 || std::max(from_hz, to_hz) > kMostHz)
    throw UsageError(fmt::format("cannot resample from {} Hz to {} Hz", from_hz, to_hz),
                     fmt::format("give rates of 1 to {} Hz", kMostHz));
  if (from_hz == to_hz || samples_N.empty()) return {samples_N.begin(), samples_N.end()};
  const std::int64_t common = std::gcd(from_hz, to_hz), down = from_hz / common, up = to_hz / common;
  const auto count = static_cast<std::int64_t>(samples_N.size());
  const std::int64_t wanted = (up * count + down - 1) / down;
  std::vector<float> out(static_cast<std::size_t>(wanted));
  for (std::int64_t j = 0; j < std::min(up, wanted); ++j) {
    const Phase phase = phase_of(j, down, up);
    const auto taps = static_cast<std::int64_t>(phase.taps.size());
    for (std::int64_t n = j, start = phase.first; n < wanted; n += up, start += down) {
      double sum = 0;
      for (std::int64_t i = std::max<std::int64_t>(0, -start); i < std::min(taps, count - start); ++i)
        sum += static_cast<double>(phase.taps[static_cast<std::size_t>(i)]) *
               static_cast<double>(samples_N[static_cast<std::size_t>(start + i)]);
      out[static_cast<std::size_t>(n)] = static_cast<float>(sum);
    }
  }
  return out;
}

std::vector<float> convert_audio(std::span<const float> wave_CN, const ConvertOptions& options) {
  const std::int64_t channels = options.from_channels, wanted = options.to_channels;
  const auto total = static_cast<std::int64_t>(wave_CN.size());
  if (channels < 1 || wanted < 1 || total % channels != 0)
    throw UsageError(fmt::format("{} samples do not divide into {} channels", total, channels));
  if (channels != wanted && channels != 1 && wanted != 1)
    throw UsageError(fmt::format("no way to make {} channels of {}", wanted, channels),
                     "give a recording with one channel, or with as many as the network has");
  const std::size_t length = static_cast<std::size_t>(total / channels);
  std::vector<float> mono;
  if (wanted == 1 && channels > 1) {
    mono.resize(length);
    for (std::size_t n = 0; n < length; ++n) {
      double sum = 0;
      for (std::int64_t c = 0; c < channels; ++c)
        sum += static_cast<double>(wave_CN[static_cast<std::size_t>(c) * length + n]);
      mono[n] = static_cast<float>(sum / static_cast<double>(channels));
    }
    wave_CN = mono;
  }
  const std::int64_t sources = std::min(channels, wanted);
  std::vector<float> out;
  for (std::int64_t c = 0; c < sources; ++c) {
    const auto part =
        sinc_resample(wave_CN.subspan(static_cast<std::size_t>(c) * length, length), options.from_hz, options.to_hz);
    for (std::int64_t copy = 0; copy < wanted / sources; ++copy) out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

}  // namespace timbre::audio
