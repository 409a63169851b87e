#include "audio/pitch_path.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "audio/lanes.h"
#include "base/cpu_levels.h"

namespace timbre::audio {
namespace {

constexpr double kTiny = std::numeric_limits<double>::min();

/// best_S[j] = max over |d| ≤ half of from_S[half + j − d] + log_triangle[d + half], and the d that gave it.
TIMBRE_INLINE void spread_body(const double* from_S, std::int64_t states, const double* log_triangle, std::int64_t half,
                               double* best_S, double* offset_S) {
  for (std::int64_t j = 0; j < states; j += 4) {
    D4 best, offset;
    load_any<double>(best, from_S + j + half + half);  // d = −half
    best += log_triangle[0];
    offset = D4{} - static_cast<double>(half);
    for (std::int64_t d = 1 - half; d <= half; ++d) {
      D4 value;
      load_any<double>(value, from_S + j + half - d);
      value += log_triangle[d + half];
      const auto better = value > best;
      best = better ? value : best;
      offset = better ? D4{} + static_cast<double>(d) : offset;
    }
    std::memcpy(best_S + j, &best, sizeof best);
    std::memcpy(offset_S + j, &offset, sizeof offset);
  }
}

TIMBRE_FOR_EACH_CPU(void, spread,
                    (const double* from_S, std::int64_t states, const double* log_triangle, std::int64_t half,
                     double* best_S, double* offset_S),
                    (from_S, states, log_triangle, half, best_S, offset_S))

}  // namespace

PitchPath::PitchPath(std::int64_t bins, double switch_probability, std::int64_t widest_bins)
    : bins_(bins),
      half_(widest_bins / 2),
      stay_(std::log(1 - switch_probability)),
      change_(std::log(switch_probability)) {
  std::vector<double> triangle;
  for (std::int64_t d = -half_; d <= half_; ++d) triangle.push_back(static_cast<double>(half_ + 1 - std::abs(d)));
  for (const double weight : triangle) log_triangle_.push_back(std::log(weight));
  for (std::int64_t k = 0; k < bins; ++k) {
    double sum = 0;
    for (std::int64_t d = -half_; d <= half_; ++d)
      if (k + d >= 0 && k + d < bins) sum += triangle[static_cast<std::size_t>(d + half_)];
    log_norm_.push_back(std::log(sum));
  }
  // −∞ on both sides of the grid, and room for the last vector.
  from_.assign(static_cast<std::size_t>(bins + 2 * half_ + 8), -std::numeric_limits<double>::infinity());
  best_.resize(static_cast<std::size_t>(bins + 4));
  offset_.resize(best_.size());
  value_.resize(static_cast<std::size_t>(2 * bins));
  next_.resize(value_.size());
}

void PitchPath::push(std::span<const double> voiced_S, double unvoiced) {
  const auto n = static_cast<std::size_t>(bins_);
  std::vector<double> log_voiced_S(n);
  for (std::size_t j = 0; j < n; ++j) log_voiced_S[j] = std::log(voiced_S[j] + kTiny);
  const double log_unvoiced = std::log(unvoiced + kTiny);
  if (pointers_.empty()) {
    for (std::size_t j = 0; j < n; ++j) {
      value_[j] = log_voiced_S[j] + std::log(kTiny);
      value_[n + j] = log_unvoiced - std::log(static_cast<double>(bins_));
    }
    pointers_.emplace_back(2 * n, 0);
    return;
  }
  std::vector<std::int32_t>& pointers = pointers_.emplace_back(2 * n);
  const auto top = std::max_element(value_.begin(), value_.end());
  const double jump = *top + std::log(kTiny);
  const auto jump_from = static_cast<std::int32_t>(top - value_.begin());
  move(true, log_voiced_S, jump, jump_from, pointers);
  move(false, std::vector<double>(n, log_unvoiced), jump, jump_from, pointers);
  value_.swap(next_);
}

void PitchPath::move(bool to_voiced, std::span<const double> log_observed_S, double log_jump, std::int32_t jump_from,
                     std::vector<std::int32_t>& pointers) {
  const auto n = static_cast<std::size_t>(bins_), half = static_cast<std::size_t>(half_);
  const double from_voiced = to_voiced ? stay_ : change_, from_unvoiced = to_voiced ? change_ : stay_;
  for (std::size_t k = 0; k < n; ++k)
    from_[half + k] = std::max(value_[k] + from_voiced, value_[n + k] + from_unvoiced) - log_norm_[k];
  spread(from_.data(), bins_, log_triangle_.data(), half_, best_.data(), offset_.data());
  const std::size_t base = to_voiced ? 0 : n;
  for (std::size_t j = 0; j < n; ++j) {
    double best = best_[j];
    const auto k = static_cast<std::size_t>(static_cast<double>(j) - offset_[j]);
    const bool was_voiced = value_[k] + from_voiced >= value_[n + k] + from_unvoiced;
    auto from = static_cast<std::int32_t>(was_voiced ? k : n + k);
    if (log_jump > best) {
      best = log_jump;
      from = jump_from;
    }
    pointers[base + j] = from;
    next_[base + j] = best + log_observed_S[j];
  }
}

std::vector<std::int32_t> PitchPath::states() const {
  std::vector<std::int32_t> states(pointers_.size());
  auto state = static_cast<std::int32_t>(std::max_element(value_.begin(), value_.end()) - value_.begin());
  for (std::size_t f = states.size(); f-- > 0;) {
    states[f] = state;
    state = pointers_[f][static_cast<std::size_t>(state)];
  }
  return states;
}

}  // namespace timbre::audio
