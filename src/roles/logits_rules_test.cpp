#include "roles/logits_rules.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/error.h"

namespace timbre::roles {
namespace {

std::vector<float> probabilities(const LogitsRules& rules, std::vector<float> scores,
                                 const std::vector<std::int32_t>& history = {}) {
  LogitsBender(rules).probabilities(scores, history);
  return scores;
}

TEST(LogitsRules, TemperatureAndSoftmax) {
  const auto p = probabilities({.temperature = 0.5}, {0, std::log(3.0f) / 2, -std::numeric_limits<float>::infinity()});
  EXPECT_NEAR(p[0], 0.25, 1e-6);
  EXPECT_NEAR(p[1], 0.75, 1e-6);
  EXPECT_EQ(p[2], 0);
}

TEST(LogitsRules, TopKKeepsAllThatEqualTheLast) {
  const auto p = probabilities({.top_k = 2}, {1, 5, 3, 3, 2});
  EXPECT_EQ(p[0], 0);
  EXPECT_GT(p[2], 0);
  EXPECT_EQ(p[2], p[3]);
  EXPECT_EQ(p[4], 0);
}

/// Tokens go while what they and the less likely ones have together is at most 1 − p.
TEST(LogitsRules, TopPKeepsTheLikeliest) {
  const std::vector<float> scores = {std::log(0.1f), std::log(0.2f), std::log(0.3f), std::log(0.4f)};
  const auto most = probabilities({.top_p = 0.75}, scores);
  EXPECT_EQ(most[0], 0);
  EXPECT_GT(most[1], 0);
  const auto one = probabilities({.top_p = 0.01}, scores);
  EXPECT_EQ(one, (std::vector<float>{0, 0, 0, 1}));
}

TEST(LogitsRules, MinPIsAShareOfTheLikeliest) {
  const auto p = probabilities({.min_p = 0.4}, {std::log(0.1f), std::log(0.3f), std::log(0.6f)});
  EXPECT_EQ(p[0], 0);
  EXPECT_NEAR(p[1], 1.0 / 3, 1e-6);
}

TEST(LogitsRules, PenaltyOnceForEachTokenByItsSign) {
  std::vector<float> scores = {-1, 4, 3.9f, 2};
  LogitsBender bender({.repetition_penalty = 2});
  EXPECT_EQ(bender.greedy(scores, std::vector<std::int32_t>{1, 1, 0, -1, 99}), 2);
  EXPECT_EQ(scores, (std::vector<float>{-2, 2, 3.9f, 2}));
}

TEST(LogitsRules, NoRunIsSaidTwice) {
  std::vector<float> scores = {0, 1, 2, 3};
  LogitsBender bender({.no_repeat_ngram = 2});
  EXPECT_EQ(bender.greedy(scores, std::vector<std::int32_t>{1, 3, 0, 1}), 2);  // 1 → 3 was said
  std::vector<float> again = {0, 1, 2, 3};
  EXPECT_EQ(bender.greedy(again, std::vector<std::int32_t>{3}), 3);
}

TEST(LogitsRules, SaysWhatIsNoNumber) {
  const float never = -std::numeric_limits<float>::infinity();
  EXPECT_THROW(probabilities({}, {1, std::nanf("")}), DataError);
  EXPECT_THROW(probabilities({}, {never, never}), DataError);
  EXPECT_EQ(problems_of({.repetition_penalty = 0, .temperature = 0, .top_k = -1, .top_p = 0, .min_p = 2}).size(), 5u);
  EXPECT_TRUE(problems_of({}).empty());
}

}  // namespace
}  // namespace timbre::roles
