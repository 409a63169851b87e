#include "audio/fbank.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "audio/fft.h"
#include "base/error.h"

namespace timbre::audio {
namespace {

constexpr std::int64_t kLanes = RealFft<double>::kLanes;
/// Keeps the logarithm of silence finite (lhotse's constant).
constexpr double kEnergyOffset = 1e-15;

std::int64_t frame_samples(const FbankOptions& o) {
  return static_cast<std::int64_t>(std::floor(o.frame_s * static_cast<double>(o.rate_hz)));
}
std::int64_t shift_samples(const FbankOptions& o) {
  return static_cast<std::int64_t>(std::floor(o.shift_s * static_cast<double>(o.rate_hz)));
}

double high_edge(const FbankOptions& o) {
  return o.high_hz > 0 ? o.high_hz : static_cast<double>(o.rate_hz) / 2 + o.high_hz;
}

void check(const FbankOptions& o) {
  if (o.rate_hz < 1 || frame_samples(o) < 2 || shift_samples(o) < 1)
    throw UsageError(fmt::format("frames of {} s every {} s at {} Hz", o.frame_s, o.shift_s, o.rate_hz));
  if (o.filters < 3) throw UsageError(fmt::format("{} mel filters: at least 3 are needed", o.filters));
  const double top = high_edge(o), half = static_cast<double>(o.rate_hz) / 2;
  if (!(o.low_hz >= 0 && o.low_hz < top && top <= half))
    throw UsageError(fmt::format("filters from {} to {} Hz: expected 0 ≤ low < high ≤ {} Hz", o.low_hz, top, half));
}

/// The recording with ends mirrored (the edge sample repeated), so that frame f begins at f · shift.
std::vector<double> mirrored(std::span<const float> wave_N, const FbankOptions& o, std::int64_t& frames) {
  const auto n = static_cast<std::int64_t>(wave_N.size());
  const std::int64_t length = frame_samples(o), shift = shift_samples(o);
  if (o.snip_edges) {
    frames = n < length ? 0 : 1 + (n - length) / shift;
    return {wave_N.begin(), wave_N.end()};
  }
  frames = (n + shift / 2) / shift;
  if (frames == 0) return {};
  const std::int64_t left = (length - shift) / 2, right = (frames - 1) * shift + length - n - left;
  if (left > n || right > n)
    throw DataError(
        fmt::format("a recording of {} samples is too short to be mirrored by {}", n, std::max(left, right)));
  std::vector<double> out(wave_N.begin(), wave_N.end());
  out.insert(out.begin(), wave_N.rend() - left, wave_N.rend());
  for (std::int64_t i = 0; i < right; ++i) out.push_back(wave_N[static_cast<std::size_t>(n - 1 - i)]);
  return out;
}

/// NumPy's single-precision logarithm: a rational function of the mantissa. lhotse makes its filters with it, so their
/// weights carry its last bit, which near the edge of a filter is 1e-5 of a weight.
float numpy_log(float x) {
  constexpr float kP[] = {0.0f,
                          1.0f,
                          2.112677543073053063722f,
                          1.480000633576506585156f,
                          3.808837741388407920751e-01f,
                          2.589979117907922693523e-02f};
  constexpr float kQ[] = {1.0f,
                          2.612677543073109236779f,
                          2.453006071784736363091f,
                          9.864942958519418960339e-01f,
                          1.546476374983906719538e-01f,
                          5.875095403124574342950e-03f};
  int exponent = 0;
  float mantissa = std::frexp(x, &exponent);
  if (mantissa <= std::numbers::sqrt2_v<float> / 2) mantissa += mantissa, --exponent;
  const float z = mantissa - 1.0f;
  float p = kP[5], q = kQ[5];
  for (int i = 4; i >= 0; --i) p = std::fma(p, z, kP[i]), q = std::fma(q, z, kQ[i]);
  return std::fma(static_cast<float>(exponent), std::numbers::ln2_v<float>, p / q);
}

double log_energy(std::span<const double> x_N, double floor) {
  double sum = kEnergyOffset;
  for (const double x : x_N) sum += x * x;
  return floor > 0 ? std::max(std::log(sum), std::log(floor)) : std::log(sum);
}

}  // namespace

config::Fields fields(FbankOptions& o) {
  config::Fields f;
  f.add("rate_hz", o.rate_hz, "sampling rate of the audio").range(1, 768000);
  f.add("frame_s", o.frame_s, "seconds of a frame").range(1e-4, 10);
  f.add("shift_s", o.shift_s, "seconds from one frame to the next").range(1e-4, 10);
  f.add("filters", o.filters, "mel filters").range(3, 4096);
  f.add("low_hz", o.low_hz, "lower edge of the lowest filter").range(0, 384000);
  f.add("high_hz", o.high_hz, "upper edge of the highest filter; 0 or below: under half the rate")
      .range(-384000, 384000);
  f.add("preemphasis", o.preemphasis, "coefficient within a frame; 0 = none").range(0, 1);
  f.add("remove_dc", o.remove_dc, "subtract each frame's mean");
  f.add("snip_edges", o.snip_edges, "only frames that lie wholly inside");
  f.add("energy", o.energy, "the frame's log energy as first column");
  f.add("raw_energy", o.raw_energy, "that energy before pre-emphasis and window");
  f.add("energy_floor", o.energy_floor, "smallest energy; 0 = none").range(0, 1e9);
  f.add("window", o.window, "shape of a frame").choices({"povey", "hanning", "hamming", "rectangular"});
  return f;
}

std::int64_t fbank_fft_samples(const FbankOptions& o) {
  return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(frame_samples(o))));
}

std::vector<double> fbank_window(const FbankOptions& o) {
  const std::int64_t n = frame_samples(o);
  std::vector<double> window(static_cast<std::size_t>(n), 1.0);
  for (std::int64_t i = 0; i < n; ++i) {
    const double cosine = std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(n - 1));
    double& w = window[static_cast<std::size_t>(i)];
    if (o.window == "povey") w = std::pow(0.5 - 0.5 * cosine, 0.85);
    if (o.window == "hanning") w = 0.5 - 0.5 * cosine;
    if (o.window == "hamming") w = 0.54 - 0.46 * cosine;
  }
  return window;
}

std::vector<float> fbank_filters(const FbankOptions& o) {
  check(o);
  const auto mel = [](double hz) { return 1127.0 * std::log1p(hz / 700); };
  const std::int64_t fft = fbank_fft_samples(o), bins = fft / 2 + 1;
  const double low = mel(o.low_hz), step = (mel(high_edge(o)) - low) / static_cast<double>(o.filters + 1);
  std::vector<float> filters(static_cast<std::size_t>(o.filters * bins));
  // The slopes in single precision, as lhotse and torchaudio have them: near an edge that is 1e-5 of a weight, and
  // models were trained on it.
  const auto edge = [&](std::int64_t i) {
    return static_cast<float>(low) + static_cast<float>(i) * static_cast<float>(step);
  };
  const auto bin_hz = static_cast<float>(static_cast<double>(o.rate_hz) / static_cast<double>(fft));
  for (std::int64_t m = 0; m < o.filters; ++m) {
    const float left = edge(m), center = edge(m + 1), right = edge(m + 2);
    for (std::int64_t b = 0; b + 1 < bins; ++b) {
      const float at = 1127.0f * numpy_log(1.0f + bin_hz * static_cast<float>(b) / 700.0f);
      const float weight = std::min((at - left) / (center - left), (right - at) / (right - center));
      filters[static_cast<std::size_t>(m * bins + b)] = std::max(0.0f, weight);
    }
  }
  return filters;
}

Fbank fbank(std::span<const float> wave_N, const FbankOptions& o) {
  check(o);
  Fbank out;
  const std::vector<double> x_N = mirrored(wave_N, o, out.frames);
  const std::int64_t length = frame_samples(o), shift = shift_samples(o), fft = fbank_fft_samples(o),
                     bins = fft / 2 + 1;
  const std::vector<double> window = fbank_window(o);
  const std::vector<float> filters = fbank_filters(o);
  const std::int64_t first_column = o.energy ? 1 : 0;
  out.columns = o.filters + first_column;
  out.values_FC.resize(static_cast<std::size_t>(out.frames * out.columns));
  const RealFft<double> transform(fft);
  Aligned<double> lanes(static_cast<std::size_t>(fft * kLanes)), re(static_cast<std::size_t>(bins * kLanes)),
      im(re.size()), scratch(transform.scratch_size());
  std::vector<double> frame(static_cast<std::size_t>(length));
  for (std::int64_t first = 0; first < out.frames; first += kLanes) {
    const std::int64_t count = std::min(kLanes, out.frames - first);
    std::fill(lanes.begin(), lanes.end(), 0);
    for (std::int64_t l = 0; l < count; ++l) {
      const auto from = x_N.begin() + (first + l) * shift;
      std::copy(from, from + length, frame.begin());
      float* row = out.values_FC.data() + (first + l) * out.columns;
      if (o.remove_dc) {
        double mean = 0;
        for (const double x : frame) mean += x;
        mean /= static_cast<double>(length);
        for (double& x : frame) x -= mean;
      }
      if (o.energy && o.raw_energy) row[0] = static_cast<float>(log_energy(frame, o.energy_floor));
      for (std::size_t i = frame.size(); i-- > 0;) frame[i] -= o.preemphasis * frame[i > 0 ? i - 1 : 0];
      for (std::size_t i = 0; i < frame.size(); ++i) {
        frame[i] *= window[i];
        lanes[i * kLanes + static_cast<std::size_t>(l)] = frame[i];
      }
      if (o.energy && !o.raw_energy) row[0] = static_cast<float>(log_energy(frame, o.energy_floor));
    }
    transform.forward(lanes.data(), re.data(), im.data(), scratch.data());
    for (std::int64_t l = 0; l < count; ++l) {
      float* row = out.values_FC.data() + (first + l) * out.columns + first_column;
      for (std::int64_t m = 0; m < o.filters; ++m) {
        double sum = 0;
        for (std::int64_t b = 0; b < bins; ++b) {
          const float weight = filters[static_cast<std::size_t>(m * bins + b)];
          if (weight == 0) continue;
          const auto at = static_cast<std::size_t>(b * kLanes + l);
          sum += weight * (re[at] * re[at] + im[at] * im[at]);
        }
        row[m] =
            static_cast<float>(std::log(std::max(sum, static_cast<double>(std::numeric_limits<float>::epsilon()))));
      }
    }
  }
  return out;
}

}  // namespace timbre::audio
