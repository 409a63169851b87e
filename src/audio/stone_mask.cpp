#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>

#include "audio/dio.h"
#include "audio/dio_track.h"
#include "audio/lanes.h"
#include "base/cpu_levels.h"

namespace timbre::audio {
namespace {

constexpr double kLowestHz = 40;           ///< below, nothing is refined
constexpr double kWidestCorrection = 0.2;  ///< of the pitch; beyond, the first estimate stays
constexpr std::int64_t kFirstHarmonics = 2, kHarmonics = 6;

/// e^{i·angle·(0 … 3)} and the step to the next four.
struct Phasor {
  D4 re, im;
  double step_re, step_im;
};
TIMBRE_INLINE void start(Phasor& p, const double* cos_sin) {
  // cos_sin: of 0, 1, 2, 3 and 4 times the angle
  for (int l = 0; l < 4; ++l) p.re[l] = cos_sin[2 * l], p.im[l] = cos_sin[2 * l + 1];
  p.step_re = cos_sin[8], p.step_im = cos_sin[9];
}
TIMBRE_INLINE void advance(Phasor& p) {
  const D4 re = p.re * p.step_re - p.im * p.step_im;
  p.im = p.re * p.step_im + p.im * p.step_re;
  p.re = re;
}

/// Blackman's window around a centre, its angle from `cos_sin` (five multiples of one step) turned by (c0, s0).
TIMBRE_INLINE void blackman_body(const double* cos_sin, double c0, double s0, std::int64_t padded, double* window_N) {
  Phasor p;
  start(p, cos_sin);
  const D4 re = p.re * c0 - p.im * s0;
  p.im = p.re * s0 + p.im * c0;
  p.re = re;
  for (std::int64_t i = 0; i < padded; i += 4) {
    // cos 2a = 2 cos² a − 1
    const D4 w = 0.42 + 0.5 * p.re + 0.08 * (2.0 * p.re * p.re - 1.0);
    std::memcpy(window_N + i, &w, sizeof w);
    advance(p);
  }
}

/// Two windowed signals at two bins: sums_4[4 · bin + …] = re and im of the first, re and im of the second.
TIMBRE_INLINE void two_bins_body(const double* a_N, const double* b_N, std::int64_t padded, const double* cos_sin,
                                 double* sums) {
  Phasor p, q;
  start(p, cos_sin);
  start(q, cos_sin + 10);
  D4 s[8] = {};
  for (std::int64_t i = 0; i < padded; i += 4) {
    D4 a, b;
    load_any<double>(a, a_N + i);
    load_any<double>(b, b_N + i);
    s[0] += a * p.re, s[1] -= a * p.im, s[2] += b * p.re, s[3] -= b * p.im;
    s[4] += a * q.re, s[5] -= a * q.im, s[6] += b * q.re, s[7] -= b * q.im;
    advance(p);
    advance(q);
  }
  for (int k = 0; k < 8; ++k) sums[k] = (s[k][0] + s[k][1]) + (s[k][2] + s[k][3]);
}

TIMBRE_FOR_EACH_CPU(void, blackman,
                    (const double* cos_sin, double c0, double s0, std::int64_t padded, double* window_N),
                    (cos_sin, c0, s0, padded, window_N))
TIMBRE_FOR_EACH_CPU(void, two_bins,
                    (const double* a_N, const double* b_N, std::int64_t padded, const double* cos_sin, double* sums),
                    (a_N, b_N, padded, cos_sin, sums))

void multiples(double angle, double* cos_sin) {
  const std::complex<double> one(std::cos(angle), std::sin(angle));
  std::complex<double> power = 1;
  for (int k = 0; k < 5; ++k, power *= one) cos_sin[2 * k] = power.real(), cos_sin[2 * k + 1] = power.imag();
}

/// One frame: the signal under a window of three periods and under its derivative.
class Frame {
 public:
  Frame(std::span<const double> wave_N, const DioOptions& o, std::vector<double>& scratch)
      : wave_N_(wave_N), rate_hz_(static_cast<double>(o.rate_hz)), scratch_(scratch) {}

  /// Refines `f0_hz` of the frame at `centre` (a sample).
  double refine(std::int64_t centre, double f0_hz) {
    if (f0_hz <= kLowestHz || f0_hz > rate_hz_ / 12.0) return 0;
    cut(centre, static_cast<std::int64_t>(1.5 * rate_hz_ / f0_hz + 1.0));
    double refined = from_harmonics(f0_hz, kFirstHarmonics);
    refined = refined <= 0 || refined > 2 * f0_hz ? 0 : from_harmonics(refined, kHarmonics);
    return std::fabs(refined - f0_hz) > f0_hz * kWidestCorrection ? f0_hz : refined;
  }

 private:
  void cut(std::int64_t centre, std::int64_t half) {
    const std::int64_t n = 2 * half + 1, count = static_cast<std::int64_t>(wave_N_.size());
    padded_ = (n + 3) / 4 * 4;
    transform_ = 4;
    while (transform_ * 2 <= 4 * n) transform_ *= 2;  // 4 · 2^⌊log2 n⌋
    scratch_.resize(static_cast<std::size_t>(3 * padded_ + 4));
    double *window = scratch_.data() + 1, *main = window + padded_ + 1, *slope = main + padded_;
    double steps[10], first[10];
    const double step = 2 * std::numbers::pi / static_cast<double>(n);
    multiples(step, steps);
    multiples(-step * static_cast<double>(half + 1), first);  // the window's centre is a sample late, as in WORLD
    blackman(steps, first[2], first[3], padded_, window);
    window[-1] = window[n] = 0;
    // The ends of the derivative are one-sided, of what is inside.
    for (std::int64_t i = 0; i < padded_; ++i) {
      if (i >= n) {
        main[i] = slope[i] = 0;
        continue;
      }
      const double x = wave_N_[static_cast<std::size_t>(std::clamp<std::int64_t>(centre - half + i - 1, 0, count - 1))];
      main[i] = x * window[i];
      slope[i] = x * -(window[i + 1] - window[i - 1]) / 2.0;
    }
    main_ = main, slope_ = slope;
  }

  /// Instantaneous frequency of the harmonics' bins, weighted by their amplitudes.
  double from_harmonics(double f0_hz, std::int64_t harmonics) const {
    const double size = static_cast<double>(transform_);
    double numerator = 0, denominator = 0;
    for (std::int64_t h = 0; h < harmonics; h += 2) {
      double cos_sin[20], sums[8], bin[2];
      for (std::int64_t k = 0; k < 2; ++k) {
        bin[k] = std::min(std::floor(f0_hz * size / rate_hz_ * static_cast<double>(h + k + 1) + 0.5), size / 2);
        multiples(2 * std::numbers::pi * bin[k] / size, cos_sin + 10 * k);
      }
      two_bins(main_, slope_, padded_, cos_sin, sums);
      for (std::int64_t k = 0; k < 2; ++k) {
        const double* s = sums + 4 * k;
        const double power = s[0] * s[0] + s[1] * s[1];
        const double hz = power == 0 ? 0
                                     : bin[k] * rate_hz_ / size +
                                           (s[0] * s[3] - s[1] * s[2]) / power * rate_hz_ / 2.0 / std::numbers::pi;
        const double amplitude = std::sqrt(power);
        numerator += amplitude * hz;
        denominator += amplitude * static_cast<double>(h + k + 1);
      }
    }
    return numerator / (denominator + kNearlyZero);
  }

  std::span<const double> wave_N_;
  double rate_hz_;
  std::vector<double>& scratch_;
  std::int64_t padded_ = 0, transform_ = 0;
  const double *main_ = nullptr, *slope_ = nullptr;
};

}  // namespace

std::vector<double> stone_mask(std::span<const double> wave_N, std::span<const double> f0_F, const DioOptions& o) {
  std::vector<double> refined_F(f0_F.size()), scratch;
  Frame frame(wave_N, o, scratch);
  for (std::size_t f = 0; f < f0_F.size(); ++f)
    refined_F[f] = frame.refine(static_cast<std::int64_t>(f) * o.hop_samples, f0_F[f]);
  return refined_F;
}

}  // namespace timbre::audio
