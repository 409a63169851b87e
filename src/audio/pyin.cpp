#include "audio/pyin.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "audio/fft.h"
#include "audio/pitch_path.h"
#include "base/error.h"

namespace timbre::audio {
namespace {

constexpr std::int64_t kLanes = RealFft<double>::kLanes;
constexpr double kTiny = std::numeric_limits<double>::min();
/// Sums below this are silence (librosa's choice).
constexpr double kSilence = 1e-6;
constexpr double kBetaA = 2, kBetaB = 18;

void check(const PyinOptions& o, std::int64_t rate_hz, std::size_t samples) {
  if (samples == 0) throw DataError("pitch of an empty recording");
  if (rate_hz < 1 || o.hop_samples < 1)
    throw UsageError(fmt::format("pitch at {} Hz with a hop of {} samples", rate_hz, o.hop_samples));
  if (!(o.f_min_hz > 0 && o.f_min_hz < o.f_max_hz && o.f_max_hz <= static_cast<double>(rate_hz) / 2))
    throw UsageError(fmt::format("pitch between {} and {} Hz: expected 0 < f_min < f_max ≤ half the rate ({} Hz)",
                                 o.f_min_hz, o.f_max_hz, rate_hz / 2));
  const double shortest = std::floor(static_cast<double>(rate_hz) / o.f_max_hz);
  const std::int64_t longest = o.frame_samples / 2 - 1;
  if (o.frame_samples % 2 != 0 || static_cast<double>(longest) <= shortest)
    throw UsageError(fmt::format("a pitch frame of {} samples: it must be even and its half longer than {} samples",
                                 o.frame_samples, shortest + 1));
  if (o.padding != "zero" && o.padding != "reflect")
    throw UsageError(fmt::format("pitch padding '{}': zero or reflect", o.padding));
  if (o.padding == "reflect" && static_cast<std::int64_t>(samples) <= o.frame_samples / 2)
    throw DataError(fmt::format("{} samples are too few to be reflected by {}", samples, o.frame_samples / 2));
}

std::vector<double> padded(std::span<const float> wave_N, const PyinOptions& o) {
  const auto side = static_cast<std::size_t>(o.frame_samples / 2);
  std::vector<double> out(wave_N.size() + 2 * side);
  std::copy(wave_N.begin(), wave_N.end(), out.begin() + static_cast<std::ptrdiff_t>(side));
  if (o.padding == "reflect") {
    for (std::size_t i = 1; i <= side; ++i) {
      out[side - i] = wave_N[i];
      out[side + wave_N.size() - 1 + i] = wave_N[wave_N.size() - 1 - i];
    }
  }
  return out;
}

/// YIN's cumulative mean normalised difference (de Cheveigné and Kawahara 2002, equation 8) for lags
/// min_period … max_period, four frames at a time.
class Yin {
 public:
  Yin(const PyinOptions& o, std::int64_t rate_hz)
      : frame_(o.frame_samples),
        window_(o.frame_samples / 2),
        min_period_(std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(rate_hz) / o.f_max_hz))),
        max_period_(std::min(static_cast<std::int64_t>(std::ceil(static_cast<double>(rate_hz) / o.f_min_hz)),
                             frame_ - window_ - 1)),
        fft_(frame_),
        x_(static_cast<std::size_t>(frame_ * kLanes)),
        a_re_(static_cast<std::size_t>(fft_.bins() * kLanes)),
        a_im_(a_re_.size()),
        b_re_(a_re_.size()),
        b_im_(a_re_.size()),
        scratch_(fft_.scratch_size()) {}

  std::int64_t min_period() const { return min_period_; }
  std::int64_t lags() const { return max_period_ - min_period_ + 1; }

  /// The frames that start at first_L; yin_LP: kLanes rows of lags() values.
  void operator()(std::span<const double> padded_N, std::int64_t first, std::int64_t hop, std::int64_t frames,
                  std::vector<double>& yin_LP) {
    correlate(padded_N, first, hop, frames);
    for (std::int64_t l = 0; l < kLanes && first + l < frames; ++l) {
      const double* y = padded_N.data() + (first + l) * hop;
      normalise(y, l, yin_LP.data() + l * lags());
    }
  }

 private:
  /// x_[(window + lag) · lanes + l] becomes Σ_{j = 1 … window} y[j] y[j + lag].
  void correlate(std::span<const double> padded_N, std::int64_t first, std::int64_t hop, std::int64_t frames) {
    const auto fill = [&](auto value) {
      for (std::int64_t l = 0; l < kLanes; ++l) {
        const double* y = padded_N.data() + std::min(first + l, frames - 1) * hop;
        for (std::int64_t i = 0; i < frame_; ++i) x_[static_cast<std::size_t>(i * kLanes + l)] = value(y, i);
      }
    };
    fill([](const double* y, std::int64_t i) { return y[i]; });
    fft_.forward(x_.data(), a_re_.data(), a_im_.data(), scratch_.data());
    fill([this](const double* y, std::int64_t i) { return i < window_ ? y[window_ - i] : 0.0; });
    fft_.forward(x_.data(), b_re_.data(), b_im_.data(), scratch_.data());
    for (std::size_t i = 0; i < a_re_.size(); ++i) {
      const double re = a_re_[i] * b_re_[i] - a_im_[i] * b_im_[i];
      a_im_[i] = a_re_[i] * b_im_[i] + a_im_[i] * b_re_[i];
      a_re_[i] = re;
    }
    fft_.inverse(a_re_.data(), a_im_.data(), x_.data(), scratch_.data());
  }

  void normalise(const double* y, std::int64_t lane, double* yin_P) const {
    double energy = 0;  // Σ_{j = lag + 1 … lag + window} y[j]²
    for (std::int64_t j = 1; j <= window_; ++j) energy += y[j] * y[j];
    const double first = energy < kSilence ? 0 : energy;
    double sum = 0;
    for (std::int64_t lag = 1; lag <= max_period_; ++lag) {
      energy += y[lag + window_] * y[lag + window_] - y[lag] * y[lag];
      double product = x_[static_cast<std::size_t>((window_ + lag) * kLanes + lane)];
      if (std::abs(product) < kSilence) product = 0;
      const double difference = first + (std::abs(energy) < kSilence ? 0 : energy) - 2 * product;
      sum += difference;
      if (lag >= min_period_) yin_P[lag - min_period_] = difference / (sum / static_cast<double>(lag) + kTiny);
    }
  }

  std::int64_t frame_, window_, min_period_, max_period_;
  RealFft<double> fft_;
  Aligned<double> x_, a_re_, a_im_, b_re_, b_im_, scratch_;
};

/// Weight of each threshold: Beta(2, 18) between one and the next. I_x(2, 18) = 1 − (1 − x)^19 − 19 x (1 − x)^18.
std::vector<double> threshold_weights(std::int64_t thresholds) {
  const double n = kBetaA + kBetaB - 1;
  const auto cdf = [n](double x) { return 1 - std::pow(1 - x, n) - n * x * std::pow(1 - x, n - 1); };
  std::vector<double> weights;
  for (std::int64_t i = 0; i < thresholds; ++i)
    weights.push_back(cdf(static_cast<double>(i + 1) / static_cast<double>(thresholds)) -
                      cdf(static_cast<double>(i) / static_cast<double>(thresholds)));
  return weights;
}

/// From a frame's YIN curve to the probability of every pitch bin.
class Observer {
 public:
  Observer(const PyinOptions& o, std::int64_t rate_hz, std::int64_t min_period, std::int64_t bins)
      : o_(o),
        rate_(static_cast<double>(rate_hz)),
        min_period_(min_period),
        bins_(bins),
        bins_per_octave_(12 * std::ceil(1.0 / o.resolution_semitones)),
        weights_(threshold_weights(o.thresholds)) {}

  /// observed_S: `bins` voiced states. Returns the probability that the frame is voiced.
  double operator()(std::span<const double> yin_P, std::vector<double>& observed_S) {
    std::fill(observed_S.begin(), observed_S.end(), 0);
    find_troughs(yin_P);
    if (troughs_.empty()) return 0;
    weigh_troughs(yin_P);
    for (std::size_t i = 0; i < troughs_.size(); ++i) {
      if (probability_[i] == 0) continue;
      const std::size_t at = troughs_[i];
      const double period = static_cast<double>(min_period_) + static_cast<double>(at) + shift(yin_P, at);
      const double bin = std::nearbyint(bins_per_octave_ * std::log2(rate_ / period / o_.f_min_hz));
      const auto index = static_cast<std::int64_t>(std::clamp(bin, 0.0, static_cast<double>(bins_)));
      if (index < bins_) observed_S[static_cast<std::size_t>(index)] = probability_[i];
    }
    double voiced = 0;
    for (const double p : observed_S) voiced += p;
    return std::clamp(voiced, 0.0, 1.0);
  }

 private:
  void find_troughs(std::span<const double> y) {
    troughs_.clear();
    const std::size_t last = y.size() - 1;
    if (y.size() > 1 && y[0] < y[1]) troughs_.push_back(0);
    for (std::size_t i = 1; i < last; ++i)
      if (y[i] < y[i - 1] && y[i] <= y[i + 1]) troughs_.push_back(i);
    if (last > 0 && y[last] < y[last - 1]) troughs_.push_back(last);
  }

  /// Σ over thresholds of their weight × the Boltzmann weight of the trough's place among those below the threshold.
  void weigh_troughs(std::span<const double> yin_P) {
    probability_.assign(troughs_.size(), 0);
    std::size_t deepest = 0;
    for (std::size_t i = 1; i < troughs_.size(); ++i)
      if (yin_P[troughs_[i]] < yin_P[troughs_[deepest]]) deepest = i;
    double nothing_below = 0;
    for (std::size_t t = 0; t < weights_.size(); ++t) {
      const double threshold = static_cast<double>(t + 1) / static_cast<double>(weights_.size());
      below_.clear();
      for (std::size_t i = 0; i < troughs_.size(); ++i)
        if (yin_P[troughs_[i]] < threshold) below_.push_back(i);
      if (below_.empty()) {
        nothing_below += weights_[t];
        continue;
      }
      const double scale =
          -std::expm1(-o_.boltzmann) / -std::expm1(-o_.boltzmann * static_cast<double>(below_.size())) * weights_[t];
      double place = 1;
      for (const std::size_t i : below_) {
        probability_[i] += scale * place;
        place *= std::exp(-o_.boltzmann);
      }
    }
    probability_[deepest] += o_.no_trough_probability * nothing_below;
  }

  /// Vertex of the parabola through three neighbours, relative to the middle one.
  static double shift(std::span<const double> y, std::size_t at) {
    if (at == 0 || at + 1 == y.size()) return 0;
    const double a = y[at + 1] + y[at - 1] - 2 * y[at], b = (y[at + 1] - y[at - 1]) / 2;
    return std::abs(b) >= std::abs(a) ? 0 : -b / a;
  }

  const PyinOptions& o_;
  double rate_;
  std::int64_t min_period_, bins_;
  double bins_per_octave_;
  std::vector<double> weights_, probability_;
  std::vector<std::size_t> troughs_, below_;
};

/// Semitones that the pitch may move from one frame to the next.
std::int64_t widest_move(const PyinOptions& o, std::int64_t rate_hz) {
  return static_cast<std::int64_t>(std::nearbyint(o.max_transition_octaves_s * 12 * static_cast<double>(o.hop_samples) /
                                                  static_cast<double>(rate_hz)));
}

}  // namespace

PyinTrack pitch_pyin(std::span<const float> wave_N, std::int64_t rate_hz, const PyinOptions& options) {
  check(options, rate_hz, wave_N.size());
  const std::vector<double> padded_N = padded(wave_N, options);
  const std::int64_t frames =
      1 + (static_cast<std::int64_t>(padded_N.size()) - options.frame_samples) / options.hop_samples;
  const double bins_per_octave = 12 * std::ceil(1.0 / options.resolution_semitones);
  const std::int64_t bins =
      static_cast<std::int64_t>(std::floor(bins_per_octave * std::log2(options.f_max_hz / options.f_min_hz))) + 1;
  Yin yin(options, rate_hz);
  Observer observe(options, rate_hz, yin.min_period(), bins);
  PitchPath path(
      bins, options.switch_probability,
      1 + widest_move(options, rate_hz) * static_cast<std::int64_t>(std::ceil(1.0 / options.resolution_semitones)));
  std::vector<double> yin_LP(static_cast<std::size_t>(kLanes * yin.lags())), observed_S(static_cast<std::size_t>(bins));
  PyinTrack track;
  for (std::int64_t f = 0; f < frames; ++f) {
    const std::int64_t lane = f % kLanes;
    if (lane == 0) yin(padded_N, f, options.hop_samples, frames, yin_LP);
    const double voiced =
        observe({yin_LP.data() + lane * yin.lags(), static_cast<std::size_t>(yin.lags())}, observed_S);
    path.push(observed_S, (1 - voiced) / static_cast<double>(bins));
    track.probability_F.push_back(voiced);
  }
  for (const std::int32_t state : path.states()) {
    track.voiced_F.push_back(state < bins);
    track.f0_F.push_back(state < bins ? options.f_min_hz * std::exp2(state / bins_per_octave) : 0);
  }
  return track;
}

}  // namespace timbre::audio
