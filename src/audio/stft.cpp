#include "audio/stft.h"

#include <algorithm>
#include <cstring>

#include "audio/lanes.h"
#include "audio/mel.h"
#include "base/cpu_levels.h"
#include "base/error.h"

namespace timbre::audio {
namespace {

template <class T>
constexpr std::int64_t kLanesOf = RealFft<T>::kLanes;

/// Where the window is not zero, the transform's size, the hop.
struct Extent {
  std::int64_t first, end, size, hop;
};

/// Samples of up to `columns` hops, transposed: hop position i of hop number c lies at [i · columns + c]. Neighbouring
/// frames at the same offset are then neighbours in memory, for one unaligned load.
template <class T>
TIMBRE_INLINE void transpose_any(const T* from, std::int64_t available, std::int64_t hop, std::int64_t columns, T* to) {
  for (std::int64_t c = 0; c < columns; ++c) {
    const T* row = from + c * hop;
    const std::int64_t here = available - c * hop;
    const std::int64_t whole = here < 0 ? 0 : here < hop ? here : hop;
    T* column = to + c;
    for (std::int64_t i = 0; i < whole; ++i) column[i * columns] = row[i];
    for (std::int64_t i = whole; i < hop; ++i) column[i * columns] = 0;
  }
}

template <class T>
TIMBRE_INLINE void window_any(const T* hops, const T* window, const Extent& e, std::int64_t columns, T* x_NL) {
  const Lanes<T> zero{};
  for (std::int64_t i = 0; i < e.first; ++i) store<T>(x_NL + i * kLanesOf<T>, zero);
  std::int64_t column = e.first / e.hop, within = e.first % e.hop;
  for (std::int64_t i = e.first; i < e.end; ++i) {
    Lanes<T> v;
    load_any<T>(v, hops + within * columns + column);
    store<T>(x_NL + i * kLanesOf<T>, v * window[i]);
    if (++within == e.hop) within = 0, ++column;
  }
  for (std::int64_t i = e.end; i < e.size; ++i) store<T>(x_NL + i * kLanesOf<T>, zero);
}

template <class T>
TIMBRE_INLINE void overlap_any(const T* x_NL, const T* window, const Extent& e, std::int64_t count, T* to) {
  for (std::int64_t l = 0; l < count; ++l) {
    T* out = to + l * e.hop;
    for (std::int64_t i = e.first; i < e.end; ++i) out[i] += x_NL[i * kLanesOf<T> + l] * window[i];
  }
}

#define TIMBRE_STFT_LOOPS(name, T)                                                                              \
  TIMBRE_INLINE void transpose##name##_body(const T* from, std::int64_t available, std::int64_t hop,            \
                                            std::int64_t columns, T* to) {                                      \
    transpose_any<T>(from, available, hop, columns, to);                                                        \
  }                                                                                                             \
  TIMBRE_FOR_EACH_CPU(void, transpose##name,                                                                    \
                      (const T* from, std::int64_t available, std::int64_t hop, std::int64_t columns, T* to),   \
                      (from, available, hop, columns, to))                                                      \
  TIMBRE_INLINE void window##name##_body(const T* hops, const T* window, const Extent& e, std::int64_t columns, \
                                         T* x_NL) {                                                             \
    window_any<T>(hops, window, e, columns, x_NL);                                                              \
  }                                                                                                             \
  TIMBRE_FOR_EACH_CPU(void, window##name,                                                                       \
                      (const T* hops, const T* window, const Extent& e, std::int64_t columns, T* x_NL),         \
                      (hops, window, e, columns, x_NL))                                                         \
  TIMBRE_INLINE void overlap##name##_body(const T* x_NL, const T* window, const Extent& e, std::int64_t count,  \
                                          T* to) {                                                              \
    overlap_any<T>(x_NL, window, e, count, to);                                                                 \
  }                                                                                                             \
  TIMBRE_FOR_EACH_CPU(void, overlap##name,                                                                      \
                      (const T* x_NL, const T* window, const Extent& e, std::int64_t count, T* to),             \
                      (x_NL, window, e, count, to))
TIMBRE_STFT_LOOPS(32, float)
TIMBRE_STFT_LOOPS(64, double)
#undef TIMBRE_STFT_LOOPS

/// The loop of T's size.
#define TIMBRE_BY_SIZE(name, ...) \
  do {                            \
    if constexpr (sizeof(T) == 4) \
      name##32(__VA_ARGS__);      \
    else                          \
      name##64(__VA_ARGS__);      \
  } while (false)

/// Hops that one block of frames touches.
template <class T>
std::int64_t hop_columns(std::int64_t size, std::int64_t hop) {
  return (size + hop - 1) / hop + RealFft<T>::kLanes - 1;
}

}  // namespace

Padding padding_named(std::string_view name) {
  if (name == "center") return Padding::center;
  if (name == "center_zero") return Padding::center_zero;
  if (name == "same") return Padding::same;
  throw UsageError(fmt::format("padding '{}': center, center_zero or same", name));
}

template <class T>
Stft<T>::Stft(std::int64_t fft_samples, std::int64_t window_samples, std::int64_t hop_samples, Padding padding)
    : fft_(fft_samples), hop_(hop_samples), padding_(padding) {
  if (window_samples < 1 || window_samples > fft_samples || hop_samples < 1 || hop_samples > fft_samples) {
    throw UsageError(fmt::format("a window of {} and a hop of {} samples do not fit an FFT of {}", window_samples,
                                 hop_samples, fft_samples),
                     "1 ≤ window ≤ fft and 1 ≤ hop ≤ fft");
  }
  pad_ = padding == Padding::same ? (fft_samples - hop_samples) / 2 : fft_samples / 2;
  const std::vector<double> hann = hann_window(window_samples, fft_samples);
  window_.assign(hann.begin(), hann.end());
  window_first_ = (fft_samples - window_samples) / 2;
  window_end_ = window_first_ + window_samples;
}

template <class T>
std::int64_t Stft<T>::frames(std::int64_t samples) const {
  if (padding_ == Padding::center_zero) return samples < 1 ? 0 : 1 + samples / hop_;
  if (samples <= pad_) return 0;
  const std::int64_t all = samples + 2 * pad_;
  return all < fft_.size() ? 0 : 1 + (all - fft_.size()) / hop_;
}

template <class T>
std::int64_t Stft<T>::samples(std::int64_t frames) const {
  return padded_samples(frames) - 2 * pad_;
}

template <class T>
std::vector<T> Stft<T>::padded(std::span<const float> wave_N) const {
  const auto n = static_cast<std::int64_t>(wave_N.size());
  if (frames(n) == 0) {
    throw DataError(fmt::format("a recording of {} samples is too short for a spectrum (at least {} are needed)", n,
                                std::max(pad_ + 1, fft_.size() - 2 * pad_)));
  }
  std::vector<T> out(static_cast<std::size_t>(n + 2 * pad_));
  std::copy(wave_N.begin(), wave_N.end(), out.begin() + pad_);
  if (padding_ == Padding::center_zero) return out;
  for (std::int64_t i = 0; i < pad_; ++i) {
    out[static_cast<std::size_t>(pad_ - 1 - i)] = wave_N[static_cast<std::size_t>(i + 1)];
    out[static_cast<std::size_t>(pad_ + n + i)] = wave_N[static_cast<std::size_t>(n - 2 - i)];
  }
  return out;
}

template <class T>
typename Stft<T>::Scratch Stft<T>::scratch() const {
  Scratch s;
  s.hops.resize(static_cast<std::size_t>(hop_ * hop_columns<T>(fft_.size(), hop_)));
  s.frames.resize(static_cast<std::size_t>(fft_.size() * kLanes));
  s.fft.resize(fft_.scratch_size());
  return s;
}

template <class T>
void Stft<T>::block(std::span<const T> padded_N, std::int64_t first, T* re_BL, T* im_BL, Scratch& scratch) const {
  const Extent extent{window_first_, window_end_, fft_.size(), hop_};
  const std::int64_t columns = hop_columns<T>(fft_.size(), hop_), start = first * hop_;
  TIMBRE_BY_SIZE(transpose, padded_N.data() + start, static_cast<std::int64_t>(padded_N.size()) - start, hop_, columns,
                 scratch.hops.data());
  TIMBRE_BY_SIZE(window, scratch.hops.data(), window_.data(), extent, columns, scratch.frames.data());
  fft_.forward(scratch.frames.data(), re_BL, im_BL, scratch.fft.data());
}

template <class T>
void Stft<T>::add_block(const T* re_BL, const T* im_BL, std::int64_t first, std::int64_t count, std::span<T> padded_N,
                        Scratch& scratch) const {
  fft_.inverse(re_BL, im_BL, scratch.frames.data(), scratch.fft.data());
  const Extent extent{window_first_, window_end_, fft_.size(), hop_};
  TIMBRE_BY_SIZE(overlap, scratch.frames.data(), window_.data(), extent, count, padded_N.data() + first * hop_);
}

template <class T>
std::vector<T> Stft<T>::overlap_weights(std::int64_t frames) const {
  std::vector<double> sum(static_cast<std::size_t>(padded_samples(frames)));
  for (std::int64_t f = 0; f < frames; ++f) {
    for (std::int64_t i = 0; i < fft_.size(); ++i) {
      const double w = window_[static_cast<std::size_t>(i)];
      sum[static_cast<std::size_t>(f * hop_ + i)] += w * w;
    }
  }
  std::vector<T> out(sum.size());
  // Where hardly any window reaches (the outermost samples, cut off afterwards) nothing can be recovered.
  std::transform(sum.begin(), sum.end(), out.begin(), [](double s) { return s > 1e-3 ? static_cast<T>(1 / s) : T(0); });
  return out;
}

template class Stft<float>;
template class Stft<double>;

}  // namespace timbre::audio
