#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace timbre::roles {

/// How a language model's scores are bent before a token is drawn, with the meaning and in the order that the
/// generate() of transformers has.
struct LogitsRules {
  double repetition_penalty = 1;     ///< scores of tokens said before: below 0 · this, above 0 / this (Keskar 2019)
  std::int64_t no_repeat_ngram = 0;  ///< no run of so many tokens is said twice; 0 = off
  double temperature = 1;            ///< > 0; divides the scores
  std::int64_t top_k = 0;            ///< only the so many highest, with all that equal the last; 0 = all
  double top_p = 1;                  ///< of those the likeliest until they have this probability; at least one
  double min_p = 0;                  ///< of those only what has this share of the likeliest's probability
};

/// Scores → probabilities, without allocating once the vectors have grown.
class LogitsBender {
 public:
  explicit LogitsBender(const LogitsRules& rules) : rules_(rules) {}

  /// `history`: what was said and read so far, as indices into the scores; others (−1: tokens that have no score) count
  /// for nothing. Scores of −∞ are tokens that may not come. Afterwards `scores` holds the probabilities; returns how
  /// many are not 0. Throws DataError when no score is a number.
  std::int64_t probabilities(std::span<float> scores, std::span<const std::int32_t> history);

  /// The likeliest token under the rules that change the order of scores (repetition, n-grams); the first of equals.
  std::int64_t greedy(std::span<float> scores, std::span<const std::int32_t> history);

 private:
  void repetition(std::span<float> scores, std::span<const std::int32_t> history);
  void ngrams(std::span<float> scores, std::span<const std::int32_t> history) const;
  void keep_top_k(std::span<float> scores);
  void keep_top_p(std::span<float> scores);

  LogitsRules rules_;
  std::vector<std::uint8_t> met_;
  std::vector<float> sorted_;
  std::vector<std::int32_t> order_;
};

/// Every rule out of range, one line each ("temperature 0: …").
std::vector<std::string> problems_of(const LogitsRules& rules);

}  // namespace timbre::roles
