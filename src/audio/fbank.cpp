#include "audio/fbank.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

#include "audio/fft.h"
#include "audio/lanes.h"
#include "base/cpu_levels.h"
#include "base/error.h"

namespace timbre::audio {
namespace {

constexpr std::int64_t kLanes = RealFft<double>::kLanes;
constexpr float kFloor = std::numeric_limits<float>::epsilon();  ///< of a filter's energy
/// Keeps the logarithm of silence finite (lhotse's constant).
constexpr double kEnergyOffset = 1e-15;

/// The nonzero part of one filter.
struct BankFilter {
  std::int64_t first, count, weights;
};

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
std::vector<float> mirrored(std::span<const float> wave_N, const FbankOptions& o, std::int64_t& frames) {
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
  std::vector<float> out(wave_N.begin(), wave_N.end());
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

float log_energy(std::span<const float> x_N, double floor) {
  double sum = kEnergyOffset;
  for (const float x : x_N) sum += static_cast<double>(x) * x;
  return static_cast<float>(floor > 0 ? std::max(std::log(sum), std::log(floor)) : std::log(sum));
}

/// x[i] − coefficient · x[i − 1] (the first against itself), windowed: each step rounded to single precision, as lhotse
/// computes it. `x_N` has a sample before its first.
TIMBRE_INLINE void emphasise_body(const float* x_N, std::int64_t samples, float coefficient, const float* window_N,
                                  float* out_N) {
  std::int64_t i = 0;
  for (; i + 8 <= samples; i += 8) {
    V8 here, before, window;
    load_any<float>(here, x_N + i);
    load_any<float>(before, x_N + i - 1);
    load_any<float>(window, window_N + i);
    V8 product = before * coefficient;
    // A barrier: contracted into one operation the product would not be rounded.
    asm("" : "+m"(product));
    const V8 out = (here - product) * window;
    std::memcpy(out_N + i, &out, sizeof out);
  }
  for (; i < samples; ++i) {
    float product = x_N[i - 1] * coefficient;
    asm("" : "+m"(product));
    out_N[i] = (x_N[i] - product) * window_N[i];
  }
}

/// Spectra of four frames → log filter energies, filters × lanes.
TIMBRE_INLINE void bank_body(const double* re_BL, const double* im_BL, std::int64_t bins, const BankFilter* filters,
                             std::int64_t count, const float* weights, double* power_BL, float* log_ML) {
  for (std::int64_t b = 0; b < bins; ++b) {
    D4 re, im;
    load<double>(re, re_BL + b * kLanes);
    load<double>(im, im_BL + b * kLanes);
    store<double>(power_BL + b * kLanes, re * re + im * im);
  }
  for (std::int64_t m = 0; m < count; ++m) {
    D4 sum{};
    for (std::int64_t i = 0; i < filters[m].count; ++i) {
      D4 power;
      load<double>(power, power_BL + (filters[m].first + i) * kLanes);
      sum += power * static_cast<double>(weights[filters[m].weights + i]);
    }
    for (int l = 0; l < kLanes; ++l) {
      const auto x = static_cast<float>(sum[l]);
      log_ML[m * kLanes + l] = x > kFloor ? x : kFloor;
    }
  }
  const std::int64_t all = count * kLanes;  // two filters a step; the buffer has room for an odd last one
  for (std::int64_t i = 0; i < all; i += 8) {
    V8 v;
    load<float>(v, log_ML + i);
    natural_log(v);
    store<float>(log_ML + i, v);
  }
}

TIMBRE_FOR_EACH_CPU(void, emphasise,
                    (const float* x_N, std::int64_t samples, float coefficient, const float* window_N, float* out_N),
                    (x_N, samples, coefficient, window_N, out_N))
TIMBRE_FOR_EACH_CPU(void, bank,
                    (const double* re_BL, const double* im_BL, std::int64_t bins, const BankFilter* filters,
                     std::int64_t count, const float* weights, double* power_BL, float* log_ML),
                    (re_BL, im_BL, bins, filters, count, weights, power_BL, log_ML))

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

std::vector<float> fbank_window(const FbankOptions& o) {
  const std::int64_t n = frame_samples(o);
  std::vector<float> window(static_cast<std::size_t>(n), 1.0f);
  const auto step = static_cast<float>(2 * std::numbers::pi / static_cast<double>(n - 1));
  for (std::int64_t i = 0; i < n; ++i) {
    // In single precision throughout, as PyTorch makes it: that is part of what lhotse's features are.
    const float angle = static_cast<float>(i) * step;
    const auto cosine = static_cast<float>(std::cos(static_cast<double>(angle)));
    const double hann = cosine * -0.5f + 0.5f;
    float& w = window[static_cast<std::size_t>(i)];
    if (o.window == "povey") w = static_cast<float>(std::pow(hann, static_cast<double>(0.85f)));
    if (o.window == "hanning") w = static_cast<float>(hann);
    if (o.window == "hamming") w = cosine * -0.46f + 0.54f;
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
  std::vector<float> mel_B;
  for (std::int64_t b = 0; b + 1 < bins; ++b)
    mel_B.push_back(1127.0f * numpy_log(1.0f + bin_hz * static_cast<float>(b) / 700.0f));
  for (std::int64_t m = 0; m < o.filters; ++m) {
    const float left = edge(m), center = edge(m + 1), right = edge(m + 2);
    for (std::int64_t b = 0; b + 1 < bins; ++b) {
      const float at = mel_B[static_cast<std::size_t>(b)];
      const float weight = std::min((at - left) / (center - left), (right - at) / (right - center));
      filters[static_cast<std::size_t>(m * bins + b)] = std::max(0.0f, weight);
    }
  }
  return filters;
}

struct FbankMaker::Tables {
  FbankOptions options;
  std::int64_t length, shift;
  RealFft<double> fft;
  std::vector<float> window, weights;
  std::vector<BankFilter> filters;

  explicit Tables(const FbankOptions& o)
      : options((check(o), o)),
        length(frame_samples(o)),
        shift(shift_samples(o)),
        fft(fbank_fft_samples(o)),
        window(fbank_window(o)) {
    const std::vector<float> matrix = fbank_filters(o);
    const std::int64_t bins = fft.bins();
    for (std::int64_t m = 0; m < o.filters; ++m) {
      const float* row = matrix.data() + m * bins;
      std::int64_t first = 0, end = bins;
      while (first < end && row[first] == 0) ++first;
      while (end > first && row[end - 1] == 0) --end;
      filters.push_back({first, end - first, static_cast<std::int64_t>(weights.size())});
      weights.insert(weights.end(), row + first, row + end);
    }
  }

  /// One frame into a lane of `lanes`; returns its log energy. `scratch` holds twice the frame and a sample more.
  float prepare(const float* from, std::vector<float>& scratch, double* lane) const {
    float* x = scratch.data() + 1;
    float* y = x + length;
    float mean = 0;
    if (options.remove_dc) {
      double sum = 0;
      for (std::int64_t i = 0; i < length; ++i) sum += static_cast<double>(from[i]);
      mean = static_cast<float>(sum / static_cast<double>(length));
    }
    for (std::int64_t i = 0; i < length; ++i) x[i] = from[i] - mean;
    x[-1] = x[0];
    const auto samples = static_cast<std::size_t>(length);
    const bool raw = options.energy && options.raw_energy;
    float energy = raw ? log_energy({x, samples}, options.energy_floor) : 0;
    emphasise(x, length, static_cast<float>(options.preemphasis), window.data(), y);
    if (options.energy && !raw) energy = log_energy({y, samples}, options.energy_floor);
    for (std::int64_t i = 0; i < length; ++i) lane[i * kLanes] = static_cast<double>(y[i]);
    return energy;
  }
};

FbankMaker::FbankMaker(const FbankOptions& options) : tables_(std::make_unique<Tables>(options)) {}
FbankMaker::~FbankMaker() = default;

Fbank FbankMaker::operator()(std::span<const float> wave_N) const {
  const Tables& t = *tables_;
  Fbank out;
  const std::vector<float> x_N = mirrored(wave_N, t.options, out.frames);
  const std::int64_t first_column = t.options.energy ? 1 : 0, filters = t.options.filters;
  out.columns = filters + first_column;
  out.values_FC.resize(static_cast<std::size_t>(out.frames * out.columns));
  Aligned<double> lanes(static_cast<std::size_t>(t.fft.size() * kLanes)),
      re(static_cast<std::size_t>(t.fft.bins() * kLanes)), im(re.size()), power(re.size()),
      scratch(t.fft.scratch_size());
  Aligned<float> log_ML(static_cast<std::size_t>((filters + 1) * kLanes), 1.0f);
  std::vector<float> frame(static_cast<std::size_t>(2 * t.length + 1));
  for (std::int64_t first = 0; first < out.frames; first += kLanes) {
    const std::int64_t count = std::min(kLanes, out.frames - first);
    for (std::int64_t l = 0; l < count; ++l) {
      const float energy = t.prepare(x_N.data() + (first + l) * t.shift, frame, lanes.data() + l);
      if (t.options.energy) out.values_FC[static_cast<std::size_t>((first + l) * out.columns)] = energy;
    }
    t.fft.forward(lanes.data(), re.data(), im.data(), scratch.data());
    bank(re.data(), im.data(), t.fft.bins(), t.filters.data(), filters, t.weights.data(), power.data(), log_ML.data());
    for (std::int64_t l = 0; l < count; ++l) {
      float* row = out.values_FC.data() + (first + l) * out.columns + first_column;
      for (std::int64_t m = 0; m < filters; ++m) row[m] = log_ML[static_cast<std::size_t>(m * kLanes + l)];
    }
  }
  return out;
}

Fbank fbank(std::span<const float> wave_N, const FbankOptions& options) { return FbankMaker(options)(wave_N); }

}  // namespace timbre::audio
