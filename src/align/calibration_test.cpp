#include "align/calibration.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"

namespace timbre::align {
namespace {

// Student's t with 3 degrees.
double t3(Philox& rng) {
  const double a = rng.normal(), b = rng.normal(), c = rng.normal();
  return rng.normal() / std::sqrt((a * a + b * b + c * c) / 3);
}

TEST(Calibration, ProbabilitiesMeanWhatTheySay) {
  // 20,000 clips, one in ten with a wrong text; the groups overlap.
  Philox rng(3);
  std::vector<double> own, others;
  std::vector<bool> right;
  for (int i = 0; i < 20000; ++i) {
    right.push_back(i % 10 != 0);
    own.push_back(right.back() ? 0.1 + 0.5 * t3(rng) : -4 + t3(rng));
    others.push_back(-4 + t3(rng));
  }
  const Calibration c = calibrate(own, others);
  EXPECT_NEAR(c.wrong_share, 0.1, 0.015);
  EXPECT_NEAR(c.right_score, 0.1, 0.1);  // the wrong ones among them draw the median a little
  EXPECT_NEAR(c.wrong_score, -4, 0.1);
  // Among clips of like probability that share is right.
  for (double from = 0; from < 1; from += 0.25) {
    double sum = 0, good = 0, count = 0;
    for (std::size_t i = 0; i < own.size(); ++i) {
      const double p = c.probability(own[i]);
      if (p < from || p >= from + 0.25) continue;
      sum += p;
      good += right[i];
      ++count;
    }
    ASSERT_GE(count, 50) << from;
    EXPECT_NEAR(sum / count, good / count, 0.15) << from;
  }
}

TEST(Calibration, RisesEverywhereAndStaysBetween) {
  const Calibration c{.right_score = 0, .right_scale = 0.3, .wrong_score = -12, .wrong_scale = 4, .wrong_share = 0.05};
  double last = 0;
  for (double score = -500; score < 20; score += 0.25) {
    const double p = c.probability(score);
    EXPECT_GE(p, last) << score;
    EXPECT_GT(p, 0);
    EXPECT_LT(p, 1);
    last = p;
  }
  EXPECT_GT(c.probability(-1), 0.98);
  EXPECT_LT(c.probability(-8), 0.1);
}

TEST(Calibration, FewClipsKeepTheDefaults) {
  const std::vector<double> few = {-0.1, 0.2, 0};
  const Calibration c = calibrate(few, few);
  EXPECT_EQ(c.wrong_score, Calibration{}.wrong_score);
  // Texts that all sound alike tell nothing: the groups are kept apart, so that no clip is refused for it.
  const std::vector<double> same(40, 0.0);
  EXPECT_GT(calibrate(same, same).probability(0), 0.5);
}

}  // namespace
}  // namespace timbre::align
