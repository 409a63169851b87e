#include "audio/stft.h"

#include <algorithm>
#include <cstring>

#include "audio/cpu_levels.h"
#include "audio/lanes.h"
#include "audio/mel.h"
#include "base/error.h"

namespace timbre::audio {
namespace {

constexpr std::int64_t kL = RealFft::kLanes;

/// Samples of up to `columns` hops, transposed: hop position i of hop number c lies at [i · columns + c]. Eight neighbouring
/// frames at the same offset are then eight neighbouring floats, for one unaligned load.
TIMBRE_INLINE void transpose_hops_body(const float* from, std::int64_t available, std::int64_t hop, std::int64_t columns, float* to) {
  for (std::int64_t c = 0; c < columns; ++c) {
    const float* row = from + c * hop;
    const std::int64_t here = available - c * hop;
    const std::int64_t whole = here < 0 ? 0 : here < hop ? here : hop;
    float* column = to + c;
    for (std::int64_t i = 0; i < whole; ++i) column[i * columns] = row[i];
    for (std::int64_t i = whole; i < hop; ++i) column[i * columns] = 0;
  }
}

TIMBRE_INLINE void apply_window_body(const float* hops, const float* window, std::int64_t first, std::int64_t end, std::int64_t size, std::int64_t hop,
                                     std::int64_t columns, float* x_NL) {
  const V8 zero{};
  for (std::int64_t i = 0; i < first; ++i) store(x_NL + i * kL, zero);
  std::int64_t column = first / hop, within = first % hop;
  for (std::int64_t i = first; i < end; ++i) {
    V8 v;
    load_any(v, hops + within * columns + column);
    store(x_NL + i * kL, v * window[i]);
    if (++within == hop) within = 0, ++column;
  }
  for (std::int64_t i = end; i < size; ++i) store(x_NL + i * kL, zero);
}

TIMBRE_INLINE void overlap_add_body(const float* x_NL, const float* window, std::int64_t first, std::int64_t end, std::int64_t hop, std::int64_t count,
                                    float* to) {
  for (std::int64_t l = 0; l < count; ++l) {
    float* out = to + l * hop;
    for (std::int64_t i = first; i < end; ++i) out[i] += x_NL[i * kL + l] * window[i];
  }
}

TIMBRE_FOR_EACH_CPU(void, transpose_hops, (const float* from, std::int64_t available, std::int64_t hop, std::int64_t columns, float* to),
                    (from, available, hop, columns, to))
TIMBRE_FOR_EACH_CPU(void, apply_window,
                    (const float* hops, const float* window, std::int64_t first, std::int64_t end, std::int64_t size, std::int64_t hop,
                     std::int64_t columns, float* x_NL),
                    (hops, window, first, end, size, hop, columns, x_NL))
TIMBRE_FOR_EACH_CPU(void, overlap_add,
                    (const float* x_NL, const float* window, std::int64_t first, std::int64_t end, std::int64_t hop, std::int64_t count, float* to),
                    (x_NL, window, first, end, hop, count, to))

/// Hops that eight frames touch.
std::int64_t hop_columns(std::int64_t size, std::int64_t hop) { return (size + hop - 1) / hop + kL - 1; }

}  // namespace

Stft::Stft(std::int64_t fft_samples, std::int64_t window_samples, std::int64_t hop_samples, Padding padding)
    : fft_(fft_samples), hop_(hop_samples), padding_(padding) {
  if (window_samples < 1 || window_samples > fft_samples || hop_samples < 1 || hop_samples > fft_samples) {
    throw UsageError(fmt::format("a window of {} and a hop of {} samples do not fit an FFT of {}", window_samples, hop_samples, fft_samples),
                     "1 ≤ window ≤ fft and 1 ≤ hop ≤ fft");
  }
  pad_ = padding == Padding::center ? fft_samples / 2 : (fft_samples - hop_samples) / 2;
  const std::vector<double> hann = hann_window(window_samples, fft_samples);
  window_.assign(hann.begin(), hann.end());
  window_first_ = (fft_samples - window_samples) / 2;
  window_end_ = window_first_ + window_samples;
}

std::int64_t Stft::frames(std::int64_t samples) const {
  if (samples <= pad_) return 0;
  const std::int64_t all = samples + 2 * pad_;
  return all < fft_.size() ? 0 : 1 + (all - fft_.size()) / hop_;
}

std::int64_t Stft::samples(std::int64_t frames) const { return padded_samples(frames) - 2 * pad_; }

std::vector<float> Stft::padded(std::span<const float> wave_N) const {
  const auto n = static_cast<std::int64_t>(wave_N.size());
  if (frames(n) == 0) {
    throw DataError(fmt::format("a recording of {} samples is too short for a spectrum (at least {} are needed)", n,
                                std::max(pad_ + 1, fft_.size() - 2 * pad_)));
  }
  std::vector<float> out(static_cast<std::size_t>(n + 2 * pad_));
  std::copy(wave_N.begin(), wave_N.end(), out.begin() + pad_);
  for (std::int64_t i = 0; i < pad_; ++i) {
    out[static_cast<std::size_t>(pad_ - 1 - i)] = wave_N[static_cast<std::size_t>(i + 1)];
    out[static_cast<std::size_t>(pad_ + n + i)] = wave_N[static_cast<std::size_t>(n - 2 - i)];
  }
  return out;
}

Stft::Scratch Stft::scratch() const {
  Scratch s;
  s.hops.resize(static_cast<std::size_t>(hop_ * hop_columns(fft_.size(), hop_)));
  s.frames.resize(static_cast<std::size_t>(fft_.size() * kL));
  s.fft.resize(fft_.scratch_floats());
  return s;
}

void Stft::block(std::span<const float> padded_N, std::int64_t first, float* re_BL, float* im_BL, Scratch& scratch) const {
  const std::int64_t columns = hop_columns(fft_.size(), hop_), start = first * hop_;
  transpose_hops(padded_N.data() + start, static_cast<std::int64_t>(padded_N.size()) - start, hop_, columns, scratch.hops.data());
  apply_window(scratch.hops.data(), window_.data(), window_first_, window_end_, fft_.size(), hop_, columns, scratch.frames.data());
  fft_.forward(scratch.frames.data(), re_BL, im_BL, scratch.fft.data());
}

void Stft::add_block(const float* re_BL, const float* im_BL, std::int64_t first, std::int64_t count, std::span<float> padded_N, Scratch& scratch) const {
  fft_.inverse(re_BL, im_BL, scratch.frames.data(), scratch.fft.data());
  overlap_add(scratch.frames.data(), window_.data(), window_first_, window_end_, hop_, count, padded_N.data() + first * hop_);
}

std::vector<float> Stft::overlap_weights(std::int64_t frames) const {
  std::vector<double> sum(static_cast<std::size_t>(padded_samples(frames)));
  for (std::int64_t f = 0; f < frames; ++f) {
    for (std::int64_t i = 0; i < fft_.size(); ++i) {
      const double w = window_[static_cast<std::size_t>(i)];
      sum[static_cast<std::size_t>(f * hop_ + i)] += w * w;
    }
  }
  std::vector<float> out(sum.size());
  // Where hardly any window reaches (the outermost samples, cut off afterwards) nothing can be recovered.
  std::transform(sum.begin(), sum.end(), out.begin(), [](double s) { return s > 1e-3 ? static_cast<float>(1 / s) : 0.0f; });
  return out;
}

}  // namespace timbre::audio
