#include "corpus/code_bigram.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace timbre::corpus {
namespace {

/// Code c is followed by one of twenty codes that are c's own, the first ten of them nine times in ten.
std::vector<std::int64_t> chain(std::int64_t frames, std::uint64_t seed) {
  Philox random(seed);
  std::vector<std::int64_t> codes{7};
  for (std::int64_t f = 1; f < frames; ++f) {
    const bool likely = random.uniform() < 0.9;
    const auto pick = static_cast<std::int64_t>(random.below(10)) + (likely ? 0 : 10);
    codes.push_back((codes.back() * 31 + 17 * pick + 3) % 101);
  }
  return codes;
}

TEST(CodeBigram, FindsWhatFollowsWhat) {
  CodeBigram bigram(101);
  bigram.learn(chain(60000, 1));
  const auto score = bigram.score(chain(20000, 2), true);
  EXPECT_EQ(score.tries, 20000);
  EXPECT_NEAR(score.share(), 0.9, 0.01);
  EXPECT_NEAR(score.first_share(), 0.09, 0.02);  // one of ten that are alike
}

TEST(CodeBigram, FallsBackOnHowOftenCodesAre) {
  CodeBigram bigram(50);
  bigram.learn(std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  // 40 was never seen: what follows it is guessed to be what is frequent.
  const std::vector<std::int64_t> heard{40, 5, 40, 49};
  const auto score = bigram.score(heard, false);
  EXPECT_EQ(score.tries, 3);
  EXPECT_EQ(score.hits, 1);
}

/// 65,536 codes (one FSQ book of X-Codec 2): a table of all pairs would take 17 GB.
TEST(CodeBigram, TakesLargeCodebooks) {
  CodeBigram bigram(65536);
  bigram.learn(std::vector<std::int64_t>{65535, 3, 65535, 3, 65535, 4});
  EXPECT_EQ(bigram.score(std::vector<std::int64_t>{65535, 4, 65000}, true).hits, 2);
}

TEST(CodeBigram, AsksTheFirstCodeOnlyWhereTheNetworkPredictsIt) {
  CodeBigram bigram(8);
  bigram.learn(std::vector<std::int64_t>{0, 1});
  EXPECT_EQ(bigram.score(std::vector<std::int64_t>{0}, false).tries, 0);
  EXPECT_EQ(bigram.score(std::vector<std::int64_t>{0}, true).tries, 1);
  EXPECT_EQ(bigram.score({}, true).share(), 0);
}

}  // namespace
}  // namespace timbre::corpus
