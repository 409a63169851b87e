#include "audio/mel.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "audio/lanes.h"
#include "audio/stft.h"
#include "base/cpu_levels.h"
#include "base/error.h"
#include "base/strings.h"

namespace timbre::audio {
namespace {

constexpr std::int64_t kL = 8;                        // frames of one step
constexpr std::int64_t kHalf = Stft<double>::kLanes;  // frames of one transform

/// The nonzero part of one filter.
struct Filter {
  std::int64_t first, count;
  std::size_t weights;
};

/// Spectra of four frames → magnitudes at every other half of a row of eight, and the frames' L2 norms.
TIMBRE_INLINE void magnitudes_body(const double* re_BH, const double* im_BH, std::int64_t bins, double under_root,
                                   float* magnitude_BL, float* energy_L) {
  D4 energy{};
  for (std::int64_t b = 0; b < bins; ++b) {
    D4 re, im;
    load<double>(re, re_BH + b * kHalf);
    load<double>(im, im_BH + b * kHalf);
    const D4 power = re * re + im * im + under_root;
    energy += power;
    V4 magnitude = __builtin_convertvector(power, V4);
    square_root(magnitude);
    std::memcpy(magnitude_BL + b * kL, &magnitude, sizeof magnitude);
  }
  for (int l = 0; l < kHalf; ++l) energy_L[l] = static_cast<float>(__builtin_sqrt(energy[l]));
}

/// Magnitudes → mels × lanes, floored, and their natural logarithm when asked for.
TIMBRE_INLINE void filter_body(const float* magnitude_BL, const Filter* filters, std::int64_t mels,
                               const float* weights, float floor, bool ln, float* mel_ML) {
  for (std::int64_t m = 0; m < mels; ++m) {
    V8 sum{};
    const float* w = weights + filters[m].weights;
    for (std::int64_t i = 0; i < filters[m].count; ++i) {
      V8 x;
      load<float>(x, magnitude_BL + (filters[m].first + i) * kL);
      sum += x * w[i];
    }
    sum = sum > floor ? sum : V8{} + floor;
    if (ln) natural_log(sum);
    store<float>(mel_ML + m * kL, sum);
  }
}

/// The largest |sample|; negative when one is not finite.
TIMBRE_INLINE float peak_body(const float* wave_N, std::int64_t samples) {
  V8 top{}, odd{};
  std::int64_t i = 0;
  for (; i + 8 <= samples; i += 8) {
    V8 x;
    load_any<float>(x, wave_N + i);
    odd += x * 0.0f;  // what is not finite stays NaN
    x = x < 0.0f ? -x : x;
    top = x > top ? x : top;
  }
  float peak = 0, sum = 0;
  for (; i < samples; ++i) {
    const float x = wave_N[i] < 0 ? -wave_N[i] : wave_N[i];
    sum += x * 0.0f;
    peak = x > peak ? x : peak;
  }
  for (int l = 0; l < 8; ++l) {
    sum += odd[l];
    peak = top[l] > peak ? top[l] : peak;
  }
  return sum == 0 ? peak : -1;
}

TIMBRE_FOR_EACH_CPU(float, peak, (const float* wave_N, std::int64_t samples), (wave_N, samples))
TIMBRE_FOR_EACH_CPU(void, magnitudes,
                    (const double* re_BH, const double* im_BH, std::int64_t bins, double under_root,
                     float* magnitude_BL, float* energy_L),
                    (re_BH, im_BH, bins, under_root, magnitude_BL, energy_L))
TIMBRE_FOR_EACH_CPU(void, filter,
                    (const float* magnitude_BL, const Filter* filters, std::int64_t mels, const float* weights,
                     float floor, bool ln, float* mel_ML),
                    (magnitude_BL, filters, mels, weights, floor, ln, mel_ML))

const MelOptions& checked(const MelOptions& options) {
  const auto problems = validate(options);
  if (!problems.empty()) throw UsageError("mel settings cannot be used: " + join(problems, "; "));
  return options;
}

}  // namespace

config::Fields fields(MelOptions& o) {
  config::Fields f;
  f.add("rate_hz", o.rate_hz, "sampling rate of the audio").range(1, 768000);
  f.add("fft_samples", o.fft_samples, "length of the Fourier transform (even)").range(2, 1 << 20);
  f.add("window_samples", o.window_samples, "length of the Hann window").range(1, 1 << 20);
  f.add("hop_samples", o.hop_samples, "samples from one frame to the next").range(1, 1 << 20);
  f.add("mels", o.mels, "mel bins").range(1, 4096);
  f.add("f_min_hz", o.f_min_hz, "lower edge of the lowest filter").range(0, 384000);
  f.add("f_max_hz", o.f_max_hz, "upper edge of the highest filter; 0 = half the rate").range(0, 384000);
  f.add("preemphasis", o.preemphasis, "x[n] - preemphasis x[n-1] before the spectrum; 0 = none").range(0, 1);
  f.add("log", o.log, "logarithm of the mel").choices({"ln", "log10", "none"});
  f.add("gain", o.gain, "factor on the logarithm (20 with log10: decibels)").range(1e-6, 1e6);
  f.add("floor", o.floor, "smallest value before the logarithm").range(1e-30, 1);
  f.add("padding", o.padding, "ends: center (1 + N/hop frames), center_zero (with zeros), same (N/hop frames)")
      .choices({"center", "center_zero", "same"});
  f.add("convention", o.convention,
        "magnitude and scale; hifigan goes with padding same, coqui with floor 1e-8, vocos with floor 1e-7")
      .choices({"tacotron", "coqui", "hifigan", "vocos"});
  f.group("range", fields(o.range));
  return f;
}

MelOptions mel_preset(std::string_view convention) {
  MelOptions o;
  o.convention = convention;
  if (convention == "hifigan") {
    o.padding = "same";
  } else if (convention == "coqui") {
    o.floor = 1e-8;
  } else if (convention == "vocos") {
    o.rate_hz = 24000;
    o.mels = 100;
    o.f_max_hz = 0;
    o.floor = 1e-7;
  } else if (convention != "tacotron") {
    throw UsageError(fmt::format("mel convention '{}': tacotron, coqui, hifigan or vocos", convention));
  }
  return o;
}

std::vector<std::string> validate(const MelOptions& o) {
  std::vector<std::string> problems;
  auto need = [&](bool holds, const std::string& text) {
    if (!holds) problems.push_back(text);
  };
  need(o.rate_hz > 0, fmt::format("rate_hz is {}, must be positive", o.rate_hz));
  need(o.fft_samples >= 2 && o.fft_samples % 2 == 0, fmt::format("fft_samples is {}, must be even", o.fft_samples));
  need(o.window_samples >= 1 && o.window_samples <= o.fft_samples,
       fmt::format("window_samples is {}, must be 1 … fft_samples ({})", o.window_samples, o.fft_samples));
  need(o.hop_samples >= 1 && o.hop_samples <= o.fft_samples,
       fmt::format("hop_samples is {}, must be 1 … fft_samples ({})", o.hop_samples, o.fft_samples));
  need(o.mels >= 1, fmt::format("mels is {}, must be at least 1", o.mels));
  const double top = o.f_max_hz > 0 ? o.f_max_hz : static_cast<double>(o.rate_hz) / 2;
  need(o.f_min_hz >= 0 && o.f_min_hz < top,
       fmt::format("f_min_hz is {}, must be below f_max_hz ({})", o.f_min_hz, top));
  need(top <= static_cast<double>(o.rate_hz) / 2,
       fmt::format("f_max_hz is {}, above half the rate ({})", top, o.rate_hz / 2));
  need(o.log == "ln" || o.log == "log10" || o.log == "none",
       fmt::format("log is '{}', must be ln, log10 or none", o.log));
  need(o.floor > 1e-37, fmt::format("floor is {}, must be positive", o.floor));
  need(o.padding == "center" || o.padding == "center_zero" || o.padding == "same",
       fmt::format("padding is '{}', must be center, center_zero or same", o.padding));
  need(o.convention == "tacotron" || o.convention == "coqui" || o.convention == "hifigan" || o.convention == "vocos",
       fmt::format("convention is '{}', must be tacotron, coqui, hifigan or vocos", o.convention));
  need(o.gain > 0, fmt::format("gain is {}, must be positive", o.gain));
  need(!o.range.enabled || (o.range.min_level_db < 0 && o.range.max_norm > 0),
       fmt::format("range from {} dB to {}: the first must be negative, the second positive", o.range.min_level_db,
                   o.range.max_norm));
  return problems;
}

struct MelMaker::Tables {
  MelOptions options;
  Stft<double> stft;
  std::vector<Filter> filters;
  std::vector<float> weights;
  double under_root;

  explicit Tables(const MelOptions& o)
      : options(checked(o)),
        stft(o.fft_samples, o.window_samples, o.hop_samples, padding_named(o.padding)),
        under_root(o.convention == "hifigan" ? 1e-9 : 0.0) {
    const bool htk = o.convention == "vocos";
    const auto matrix = mel_filters(o.rate_hz, o.fft_samples, o.mels, o.f_min_hz, o.f_max_hz,
                                    htk ? MelScale::htk : MelScale::slaney, htk ? MelNorm::none : MelNorm::slaney_area);
    const auto bins = static_cast<std::size_t>(stft.bins());
    for (std::size_t m = 0; m < static_cast<std::size_t>(o.mels); ++m) {
      const auto row = matrix.begin() + static_cast<std::ptrdiff_t>(m * bins);
      std::size_t first = 0, end = bins;
      while (first < end && row[static_cast<std::ptrdiff_t>(first)] == 0) ++first;
      while (end > first && row[static_cast<std::ptrdiff_t>(end - 1)] == 0) --end;
      filters.push_back({static_cast<std::int64_t>(first), static_cast<std::int64_t>(end - first), weights.size()});
      weights.insert(weights.end(), row + static_cast<std::ptrdiff_t>(first), row + static_cast<std::ptrdiff_t>(end));
    }
  }
};

MelMaker::MelMaker(const MelOptions& options) : tables_(std::make_unique<Tables>(options)) {}
MelMaker::~MelMaker() = default;
const MelOptions& MelMaker::options() const { return tables_->options; }

Mel MelMaker::operator()(std::span<const float> wave_N) const {
  const Tables& t = *tables_;
  const float top = peak(wave_N.data(), static_cast<std::int64_t>(wave_N.size()));
  if (top < 0) {
    const auto odd = std::find_if(wave_N.begin(), wave_N.end(), [](float x) { return !std::isfinite(x); });
    throw DataError(fmt::format("sample {} of the recording is not a finite number", odd - wave_N.begin()));
  }
  std::vector<float> emphasised_N;
  if (t.options.preemphasis != 0) {
    emphasised_N.assign(wave_N.begin(), wave_N.end());
    pre_emphasise(emphasised_N, t.options.preemphasis);
    wave_N = emphasised_N;
  }
  std::vector<double> padded = t.stft.padded(wave_N);
  // TacotronSTFT's callers clip first; resampled audio can overshoot.
  if (t.options.convention == "tacotron" && (top > 1 || t.options.preemphasis != 0)) {
    for (double& x : padded) x = std::clamp(x, -1.0, 1.0);
  }
  Mel mel;
  mel.frames = t.stft.frames(static_cast<std::int64_t>(wave_N.size()));
  mel.bins = t.options.mels;
  mel.values_FM.resize(static_cast<std::size_t>(mel.frames * mel.bins));
  mel.energy_F.resize(static_cast<std::size_t>(mel.frames));
  Stft<double>::Scratch scratch = t.stft.scratch();
  Aligned<double> re(static_cast<std::size_t>(t.stft.bins() * kHalf)), im(re.size());
  Aligned<float> magnitude(static_cast<std::size_t>(t.stft.bins() * kL)),
      mel_ML(static_cast<std::size_t>(mel.bins * kL)), energy(kL);
  const bool ln = t.options.log == "ln", log10 = t.options.log == "log10";
  for (std::int64_t first = 0; first < mel.frames; first += kL) {
    for (std::int64_t half = 0; half < kL; half += kHalf) {
      t.stft.block(padded, first + half, re.data(), im.data(), scratch);
      magnitudes(re.data(), im.data(), t.stft.bins(), t.under_root, magnitude.data() + half, energy.data() + half);
    }
    filter(magnitude.data(), t.filters.data(), mel.bins, t.weights.data(), static_cast<float>(t.options.floor), ln,
           mel_ML.data());
    if (log10) std::transform(mel_ML.begin(), mel_ML.end(), mel_ML.begin(), [](float x) { return std::log10(x); });
    const std::int64_t count = std::min(kL, mel.frames - first);
    for (std::int64_t l = 0; l < count; ++l) {
      float* row = mel.values_FM.data() + (first + l) * mel.bins;
      for (std::int64_t m = 0; m < mel.bins; ++m) row[m] = mel_ML[static_cast<std::size_t>(m * kL + l)];
      mel.energy_F[static_cast<std::size_t>(first + l)] = energy[static_cast<std::size_t>(l)];
    }
  }
  if (t.options.gain != 1 && t.options.log != "none") {
    const auto gain = static_cast<float>(t.options.gain);
    for (float& v : mel.values_FM) v *= gain;
  }
  if (t.options.range.enabled) to_range(mel.values_FM, t.options.range);
  return mel;
}

std::int64_t mel_frames(std::int64_t samples, const MelOptions& o) {
  return Stft<double>(checked(o).fft_samples, o.window_samples, o.hop_samples, padding_named(o.padding))
      .frames(samples);
}

Mel mel_spectrogram(std::span<const float> wave_N, const MelOptions& options) { return MelMaker(options)(wave_N); }

}  // namespace timbre::audio
