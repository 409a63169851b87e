#include "align/trellis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "base/rng.h"

namespace timbre::align {
namespace {

// start pause (0), phone (1), optional pause (2), phone (3), end pause (4); one state each.
Chain small_chain(Philox& rng) {
  Chain chain;
  for (std::int32_t j = 0; j < 5; ++j) {
    chain.column_J.push_back(j == 2 || j == 4 ? 0 : j);
    const auto stay = static_cast<float>(0.2 + 0.6 * rng.uniform());
    chain.stay_J.push_back(std::log(stay));
    chain.leave_J.push_back(std::log(1 - stay));
    chain.skip_J.push_back(j == 1 || j == 3 ? 1 : 0);
    chain.skip_cost_J.push_back(std::log(0.7f));
  }
  return chain;
}

// Every path, by recursion.
double best_by_trying_all(const Chain& chain, const std::vector<float>& score_FU, std::int64_t frames,
                          std::vector<std::int32_t>& best_places) {
  double best = -1e300;
  std::vector<std::int32_t> places;
  const std::function<void(std::int32_t, double)> walk = [&](std::int32_t at, double sum) {
    sum += static_cast<double>(
        score_FU[places.size() * 5 + static_cast<std::size_t>(chain.column_J[static_cast<std::size_t>(at)])]);
    places.push_back(at);
    if (static_cast<std::int64_t>(places.size()) == frames) {
      if (at >= 3 && sum > best) {
        best = sum;
        best_places = places;
      }
    } else {
      const auto j = static_cast<std::size_t>(at);
      walk(at, sum + static_cast<double>(chain.stay_J[j]));
      if (at < 4) walk(at + 1, sum + static_cast<double>(chain.leave_J[j]));
      for (std::int32_t to = at + 2; to < 5; ++to)
        if (chain.skip_J[static_cast<std::size_t>(to)] == to - at - 1)
          walk(to, sum + static_cast<double>(chain.leave_J[j] + chain.skip_cost_J[static_cast<std::size_t>(to)]));
    }
    places.pop_back();
  };
  walk(0, 0);
  walk(1, static_cast<double>(chain.skip_cost_J[1]));
  return best;
}

TEST(Trellis, FindsTheBestOfAllPaths) {
  Philox rng(3);
  int skipped = 0;
  for (int round = 0; round < 60; ++round) {
    const Chain chain = small_chain(rng);
    const std::int64_t frames = 2 + static_cast<std::int64_t>(rng.below(7));
    std::vector<float> score_FU(static_cast<std::size_t>(frames) * 5);
    for (auto& v : score_FU) v = static_cast<float>(3 * rng.normal());
    double score = 0;
    const auto path = best_path(chain, 1, score_FU, frames, 5, score);
    std::vector<std::int32_t> want;
    const double best = best_by_trying_all(chain, score_FU, frames, want);
    EXPECT_NEAR(score, best, 1e-4);
    EXPECT_EQ(path, want);
    skipped += std::find(want.begin(), want.end(), 2) == want.end();
  }
  EXPECT_GT(skipped, 5);
  EXPECT_LT(skipped, 55);
}

TEST(Trellis, TooFewFramesGiveNoPath) {
  Philox rng(4);
  const Chain chain = small_chain(rng);
  double score = 0;
  EXPECT_TRUE(best_path(chain, 1, std::vector<float>(5, 0.0f), 1, 5, score).empty());
}

TEST(Trellis, TheLoopIsTheBestOfAllSequences) {
  Philox rng(8);
  for (int round = 0; round < 40; ++round) {
    // Three classes of two states; every sequence of places by counting.
    constexpr std::int64_t kColumns = 6, kPer = 2;
    std::vector<float> stay_U, leave_U;
    for (int u = 0; u < kColumns; ++u) {
      const auto stay = static_cast<float>(0.1 + 0.8 * rng.uniform());
      stay_U.push_back(std::log(stay));
      leave_U.push_back(std::log(1 - stay));
    }
    const auto frames = static_cast<std::int64_t>(1 + rng.below(5));
    std::vector<float> score_FU(static_cast<std::size_t>(frames * kColumns));
    for (auto& v : score_FU) v = static_cast<float>(3 * rng.normal());
    double best = -1e300;
    const double enter = -std::log(3.0);
    const std::function<void(std::int64_t, std::int64_t, double)> walk = [&](std::int64_t f, std::int64_t at,
                                                                             double sum) {
      sum += static_cast<double>(score_FU[static_cast<std::size_t>(f * kColumns + at)]);
      if (f + 1 == frames) {
        best = std::max(best, sum);
        return;
      }
      const auto u = static_cast<std::size_t>(at);
      walk(f + 1, at, sum + static_cast<double>(stay_U[u]));
      if (at % kPer == 0) return walk(f + 1, at + 1, sum + static_cast<double>(leave_U[u]));
      for (std::int64_t to = 0; to < kColumns; to += kPer)
        walk(f + 1, to, sum + static_cast<double>(leave_U[u]) + enter);
    };
    for (std::int64_t u = 0; u < kColumns; u += kPer) walk(0, u, enter);
    EXPECT_NEAR(best_loop(stay_U, leave_U, kPer, score_FU, frames), best, 1e-4);
  }
}

}  // namespace
}  // namespace timbre::align
