#include "roles/code_sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"

namespace timbre::roles {
namespace {

/// Softmax of logits / temperature, in place of the logits.
void to_weights(std::span<const float> logits, double temperature, std::vector<float>& weights) {
  weights.assign(logits.begin(), logits.end());
  const float most = *std::max_element(weights.begin(), weights.end());
  if (!std::isfinite(most))
    throw DataError("the network's logits are not numbers: its weights are broken", "timbre info VOICE");
  for (float& weight : weights) weight = static_cast<float>(std::exp((weight - most) / temperature));
}

}  // namespace

std::int64_t CodeSampler::pick(const std::vector<float>& weights, double& log_probability) {
  double sum = 0;
  for (const float weight : weights) sum += static_cast<double>(weight);
  double left = random_.uniform() * sum;
  std::int64_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last = static_cast<std::int64_t>(i);
    left -= static_cast<double>(weights[i]);
    if (left < 0) break;
  }
  log_probability = std::log(static_cast<double>(weights[static_cast<std::size_t>(last)]) / sum);
  return last;
}

bool CodeSampler::is_worn(std::int64_t code) const {
  if (options_.repetition_window <= 0) return false;
  const auto window = std::min(said_.size(), static_cast<std::size_t>(options_.repetition_window));
  const auto seen = std::count(said_.end() - static_cast<std::ptrdiff_t>(window), said_.end(), code);
  return static_cast<double>(seen) / static_cast<double>(options_.repetition_window) > options_.repetition_share;
}

std::int64_t CodeSampler::draw(std::span<const float> logits) {
  if (std::any_of(logits.begin(), logits.end(), [](float v) { return std::isnan(v); }))
    throw DataError("the network's logits are not numbers: its weights are broken", "timbre info VOICE");
  if (!options_.draws()) return std::max_element(logits.begin(), logits.end()) - logits.begin();
  to_weights(logits, options_.temperature, weights_);
  if (options_.top_k > 0 && options_.top_k < static_cast<std::int64_t>(weights_.size())) {
    sorted_ = weights_;
    const auto kth = sorted_.begin() + options_.top_k - 1;
    std::nth_element(sorted_.begin(), kth, sorted_.end(), std::greater<>());
    for (float& weight : weights_)
      if (weight < *kth) weight = 0;
  }
  if (options_.top_p < 1) {
    order_.resize(weights_.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [this](std::size_t a, std::size_t b) { return weights_[a] > weights_[b]; });
    const double sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
    double before = 0;
    for (const std::size_t i : order_) {
      const double weight = static_cast<double>(weights_[i]);
      if (before > options_.top_p * sum) weights_[i] = 0;
      before += weight;
    }
  }
  double log_probability = 0;
  std::int64_t drawn = pick(weights_, log_probability);
  if (is_worn(drawn)) {
    to_weights(logits, options_.temperature, weights_);
    drawn = pick(weights_, log_probability);
  }
  log_probability_ += log_probability;
  return drawn;
}

std::size_t CodeSampler::loop_begin() const {
  const auto span = static_cast<std::size_t>(std::max<std::int64_t>(0, options_.loop_frames));
  if (span == 0) return said_.size();
  for (std::size_t cycle = 1; cycle <= kLongestCycle; ++cycle) {
    if (said_.size() < std::max(span, 3 * cycle)) break;
    std::size_t same = cycle;  // frames at the end that are in a cycle of this length
    while (same < said_.size() && said_[said_.size() - 1 - same] == said_[said_.size() - 1 - same + cycle]) ++same;
    if (same >= std::max(span, 3 * cycle)) return said_.size() - same + cycle;
  }
  return said_.size();
}

}  // namespace timbre::roles
