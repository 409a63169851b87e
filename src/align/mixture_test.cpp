#include "align/mixture.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "base/rng.h"

namespace timbre::align {
namespace {

constexpr std::int64_t kWidth = 39;

// The naive twin, in double.
double log_density(const std::vector<Gaussian>& mixture, const FrameBlocks& x, std::int64_t frame) {
  double sum = 0, best = -1e300;
  std::vector<double> logs;
  for (const auto& g : mixture) {
    double value = std::log(g.weight);
    for (std::int64_t d = 0; d < x.width; ++d) {
      const double v = g.variance_D[static_cast<std::size_t>(d)],
                   z = x.at(frame, d) - g.mean_D[static_cast<std::size_t>(d)];
      value -= 0.5 * (std::log(2 * std::numbers::pi * v) + z * z / v);
    }
    logs.push_back(value);
    best = std::max(best, value);
  }
  for (const double value : logs) sum += std::exp(value - best);
  return best + std::log(sum);
}

FrameBlocks random_frames(Philox& rng, std::int64_t frames) {
  FrameBlocks x{.frames = frames, .width = kWidth};
  x.values_BDK.resize(static_cast<std::size_t>(x.blocks() * kWidth * FrameBlocks::kBlock));
  for (auto& v : x.values_BDK) v = static_cast<float>(2 * rng.normal());
  return x;
}

std::vector<Gaussian> random_mixture(Philox& rng, std::size_t count) {
  std::vector<Gaussian> mixture(count);
  double total = 0;
  for (auto& g : mixture) {
    total += g.weight = 0.1 + rng.uniform();
    for (std::int64_t d = 0; d < kWidth; ++d) {
      g.mean_D.push_back(rng.normal());
      g.variance_D.push_back(0.02 + rng.uniform());
    }
  }
  for (auto& g : mixture) g.weight /= total;
  return mixture;
}

TEST(Mixture, EqualsTheNaiveDensity) {
  Philox rng(7);
  std::vector<std::vector<Gaussian>> states;
  for (const std::size_t count : {1u, 2u, 3u, 8u, 32u}) states.push_back(random_mixture(rng, count));
  const MixtureTable table(states);
  const FrameBlocks x = random_frames(rng, 37);  // a block is 16
  const std::vector<std::int32_t> wanted = {4, 0, 2, 3};
  std::vector<float> score_FU;
  table.score(x, wanted, score_FU);
  ASSERT_EQ(score_FU.size(), 37u * 4u);
  for (std::int64_t f = 0; f < x.frames; ++f)
    for (std::size_t u = 0; u < wanted.size(); ++u) {
      const double want = log_density(states[static_cast<std::size_t>(wanted[u])], x, f);
      // The expanded square adds terms of the size of the sum: float's 6e-8 of it, over 78 additions.
      EXPECT_NEAR(score_FU[static_cast<std::size_t>(f) * 4 + u], want, 5e-6 * (1 + std::abs(want)))
          << "frame " << f << " state " << wanted[u];
    }
}

TEST(Mixture, FarFramesStayFinite) {
  Philox rng(8);
  const MixtureTable table({random_mixture(rng, 8)});
  FrameBlocks x = random_frames(rng, 16);
  for (auto& v : x.values_BDK) v *= 1000;
  std::vector<float> score_FU;
  const std::vector<std::int32_t> wanted = {0};
  table.score(x, wanted, score_FU);
  for (const float v : score_FU) EXPECT_TRUE(std::isfinite(v));
}

TEST(Mixture, PosteriorsShareOneFrame) {
  Philox rng(9);
  const auto mixture = random_mixture(rng, 5);
  const MixtureTable table({random_mixture(rng, 3), mixture});
  const FrameBlocks x = random_frames(rng, 4);
  std::vector<double> posterior_G;
  ASSERT_EQ(table.posteriors(x, 2, 1, posterior_G), 5);
  double total = 0;
  for (std::size_t g = 0; g < 5; ++g) {
    total += posterior_G[g];
    std::vector<Gaussian> alone = {mixture[g]};
    EXPECT_NEAR(posterior_G[g], std::exp(log_density(alone, x, 2) - log_density(mixture, x, 2)), 1e-3);
  }
  EXPECT_NEAR(total, 1.0, 1e-12);
}

}  // namespace
}  // namespace timbre::align
