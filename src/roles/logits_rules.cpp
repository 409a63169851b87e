#include "roles/logits_rules.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace timbre::roles {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

float highest(std::span<const float> scores) {
  float most = kNever;
  for (const float score : scores) {
    if (std::isnan(score)) throw DataError("the network's logits are not numbers: its weights are broken");
    most = std::max(most, score);
  }
  if (!std::isfinite(most)) throw DataError("the network's logits are not numbers, or no token is allowed");
  return most;
}

/// e^(score − most), and their sum.
double to_weights(std::span<float> scores, float most) {
  double sum = 0;
  for (float& score : scores) {
    score = score == kNever ? 0.0f : std::exp(score - most);
    sum += static_cast<double>(score);
  }
  return sum;
}

}  // namespace

void LogitsBender::repetition(std::span<float> scores, std::span<const std::int32_t> history) {
  if (rules_.repetition_penalty == 1) return;
  const auto penalty = static_cast<float>(rules_.repetition_penalty);
  met_.assign(scores.size(), 0);
  for (const std::int32_t said : history) {
    if (said < 0 || static_cast<std::size_t>(said) >= scores.size()) continue;
    const auto i = static_cast<std::size_t>(said);
    if (met_[i]) continue;
    met_[i] = 1;
    scores[i] = scores[i] < 0 ? scores[i] * penalty : scores[i] / penalty;
  }
}

void LogitsBender::ngrams(std::span<float> scores, std::span<const std::int32_t> history) const {
  const auto n = static_cast<std::size_t>(rules_.no_repeat_ngram);
  if (n == 0 || history.size() + 1 < n) return;
  const auto last = history.last(n - 1);
  if (std::any_of(last.begin(), last.end(), [](std::int32_t id) { return id < 0; })) return;
  for (std::size_t i = 0; i + n <= history.size(); ++i) {
    const std::int32_t next = history[i + n - 1];
    if (next < 0 || static_cast<std::size_t>(next) >= scores.size()) continue;
    if (std::equal(last.begin(), last.end(), history.begin() + static_cast<std::ptrdiff_t>(i)))
      scores[static_cast<std::size_t>(next)] = kNever;
  }
}

void LogitsBender::keep_top_k(std::span<float> scores) {
  if (rules_.top_k <= 0 || rules_.top_k >= static_cast<std::int64_t>(scores.size())) return;
  sorted_.assign(scores.begin(), scores.end());
  const auto kth = sorted_.begin() + rules_.top_k - 1;
  std::nth_element(sorted_.begin(), kth, sorted_.end(), std::greater<>());
  for (float& score : scores)
    if (score < *kth) score = kNever;
}

void LogitsBender::keep_top_p(std::span<float> scores) {
  if (rules_.top_p >= 1) return;
  order_.clear();
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (scores[i] != kNever) order_.push_back(static_cast<std::int32_t>(i));
  // Indices break ties, so that the sort needs no memory of its own; transformers' sort leaves them to chance.
  std::sort(order_.begin(), order_.end(), [&](std::int32_t a, std::int32_t b) {
    const float x = scores[static_cast<std::size_t>(a)], y = scores[static_cast<std::size_t>(b)];
    return x != y ? x < y : a < b;
  });
  const float most = scores[static_cast<std::size_t>(order_.back())];
  double sum = 0, before = 0;
  for (const std::int32_t i : order_) sum += static_cast<double>(std::exp(scores[static_cast<std::size_t>(i)] - most));
  const auto bound = static_cast<float>(1.0 - rules_.top_p);
  for (std::size_t k = 0; k + 1 < order_.size(); ++k) {
    float& score = scores[static_cast<std::size_t>(order_[k])];
    before += static_cast<double>(static_cast<float>(static_cast<double>(std::exp(score - most)) / sum));
    if (static_cast<float>(before) > bound) break;
    score = kNever;
  }
}

std::int64_t LogitsBender::probabilities(std::span<float> scores, std::span<const std::int32_t> history) {
  repetition(scores, history);
  ngrams(scores, history);
  if (rules_.temperature != 1) {
    const auto temperature = static_cast<float>(rules_.temperature);
    for (float& score : scores) score /= temperature;
  }
  const float most = highest(scores);
  keep_top_k(scores);
  keep_top_p(scores);
  if (rules_.min_p > 0) {
    const float least = most + static_cast<float>(std::log(rules_.min_p));
    for (float& score : scores)
      if (score < least) score = kNever;
  }
  const double sum = to_weights(scores, most);
  std::int64_t kept = 0;
  for (float& score : scores) {
    kept += score > 0 ? 1 : 0;
    score = static_cast<float>(static_cast<double>(score) / sum);
  }
  return kept;
}

std::int64_t LogitsBender::greedy(std::span<float> scores, std::span<const std::int32_t> history) {
  repetition(scores, history);
  ngrams(scores, history);
  highest(scores);
  return std::max_element(scores.begin(), scores.end()) - scores.begin();
}

std::vector<std::string> problems_of(const LogitsRules& rules) {
  std::vector<std::string> out;
  const auto expect = [&](bool good, const char* name, double value, const char* wanted) {
    if (!good) out.push_back(fmt::format("{} {}: expected {}", name, value, wanted));
  };
  expect(rules.repetition_penalty > 0, "repetition_penalty", rules.repetition_penalty, "more than 0 (1 = off)");
  expect(rules.temperature > 0, "temperature", rules.temperature, "more than 0; top_k 1 is greedy");
  expect(rules.top_p > 0 && rules.top_p <= 1, "top_p", rules.top_p, "0 to 1 (1 = off)");
  expect(rules.min_p >= 0 && rules.min_p <= 1, "min_p", rules.min_p, "0 to 1 (0 = off)");
  expect(rules.top_k >= 0, "top_k", static_cast<double>(rules.top_k), "0 (off) or more");
  expect(rules.no_repeat_ngram >= 0, "no_repeat_ngram", static_cast<double>(rules.no_repeat_ngram), "0 (off) or more");
  return out;
}

}  // namespace timbre::roles
