#include "audio/mel_inverse.h"

#include <algorithm>
#include <cmath>

#include "audio/lanes.h"
#include "base/cpu_levels.h"

namespace timbre::audio {
namespace {

constexpr std::int64_t kL = 8;

/// out[i] = Σ weights · x over the nonzero part of row i.
TIMBRE_INLINE void multiply(const FilterStrip* parts, std::int64_t rows, const float* weights, const float* x_L,
                            float* out_L) {
  for (std::int64_t i = 0; i < rows; ++i) {
    V8 sum{};
    const float* w = weights + parts[i].weights;
    for (std::int64_t k = 0; k < parts[i].count; ++k) {
      V8 x;
      load<float>(x, x_L + (parts[i].first + k) * kL);
      sum += x * w[k];
    }
    store<float>(out_L + i * kL, sum);
  }
}

/// The matrices and buffers of one solution.
struct Problem {
  const FilterStrip* rows;
  const FilterStrip* columns;
  const float* row_weights;
  const float* column_weights;
  std::int64_t mels, bins, iterations;
  const float* mel_L;  ///< y
  float* target_L;     ///< Fᵀy
  float* model_L;      ///< Fx, mels
  float* back_L;       ///< FᵀFx, bins
  float* x_L;
};

TIMBRE_INLINE void solve_body(const Problem& p) {
  multiply(p.columns, p.bins, p.column_weights, p.mel_L, p.target_L);
  // Start: every bin its filters' mean level, which is y where filters have unit sum.
  for (std::int64_t b = 0; b < p.bins; ++b) {
    V8 start{};
    float norm = 0;
    const float* w = p.column_weights + p.columns[b].weights;
    for (std::int64_t k = 0; k < p.columns[b].count; ++k) {
      const FilterStrip& row = p.rows[p.columns[b].first + k];
      float sum = 0;
      for (std::int64_t i = 0; i < row.count; ++i) sum += p.row_weights[row.weights + static_cast<std::size_t>(i)];
      V8 y;
      load<float>(y, p.mel_L + (p.columns[b].first + k) * kL);
      start += y * (w[k] / sum);
      norm += w[k];
    }
    store<float>(p.x_L + b * kL, norm > 0 ? start * (1 / norm) : start);
  }
  for (std::int64_t i = 0; i < p.iterations; ++i) {
    multiply(p.rows, p.mels, p.row_weights, p.x_L, p.model_L);
    multiply(p.columns, p.bins, p.column_weights, p.model_L, p.back_L);
    for (std::int64_t b = 0; b < p.bins; ++b) {
      V8 x, want, have;
      load<float>(x, p.x_L + b * kL);
      load<float>(want, p.target_L + b * kL);
      load<float>(have, p.back_L + b * kL);
      store<float>(p.x_L + b * kL, x * want / (have + 1e-20f));
    }
  }
}

TIMBRE_FOR_EACH_CPU(void, solve, (const Problem& p), (p))

}  // namespace

MelInverse::MelInverse(const MelOptions& o, std::int64_t iterations)
    : mels_(o.mels),
      bins_(o.fft_samples / 2 + 1),
      iterations_(iterations),
      log_(o.log),
      gain_(o.gain),
      range_(o.range) {
  const bool htk = o.convention == "vocos";
  const auto filters = mel_filters(o.rate_hz, o.fft_samples, o.mels, o.f_min_hz, o.f_max_hz,
                                   htk ? MelScale::htk : MelScale::slaney, htk ? MelNorm::none : MelNorm::slaney_area);
  auto strips = [](std::int64_t rows, std::int64_t columns, auto weight, std::vector<FilterStrip>& parts,
                   std::vector<float>& weights) {
    for (std::int64_t r = 0; r < rows; ++r) {
      std::int64_t first = 0, end = columns;
      while (first < end && weight(r, first) == 0) ++first;
      while (end > first && weight(r, end - 1) == 0) --end;
      parts.push_back({first, end - first, weights.size()});
      for (std::int64_t c = first; c < end; ++c) weights.push_back(weight(r, c));
    }
  };
  const auto at = [&](std::int64_t m, std::int64_t b) { return filters[static_cast<std::size_t>(m * bins_ + b)]; };
  strips(mels_, bins_, at, rows_, row_weights_);
  strips(
      bins_, mels_, [&](std::int64_t b, std::int64_t m) { return at(m, b); }, columns_, column_weights_);
}

void MelInverse::block(const float* mel_FM, std::int64_t count, float* magnitude_BL) const {
  Aligned<float> mel(static_cast<std::size_t>(mels_ * kL)), model(mel.size()),
      target(static_cast<std::size_t>(bins_ * kL)), back(target.size());
  std::vector<float> level_FM(mel_FM, mel_FM + count * mels_);
  if (range_.enabled) from_range(level_FM, range_);
  for (std::int64_t l = 0; l < count; ++l) {
    for (std::int64_t m = 0; m < mels_; ++m) {
      float v = level_FM[static_cast<std::size_t>(l * mels_ + m)];
      if (log_ != "none") v /= static_cast<float>(gain_);
      mel[static_cast<std::size_t>(m * kL + l)] = log_ == "ln"      ? std::exp(v)
                                                  : log_ == "log10" ? std::pow(10.0f, v)
                                                                    : std::max(v, 0.0f);
    }
  }
  solve({rows_.data(), columns_.data(), row_weights_.data(), column_weights_.data(), mels_, bins_, iterations_,
         mel.data(), target.data(), model.data(), back.data(), magnitude_BL});
}

}  // namespace timbre::audio
