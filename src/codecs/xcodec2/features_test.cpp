#include "codecs/xcodec2/features.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/rng.h"

namespace timbre::xcodec2 {
namespace {

std::vector<float> noise(std::size_t samples) {
  std::vector<float> wave(samples);
  Philox random(1, 0);
  for (float& x : wave) x = static_cast<float>(random.normal() * 0.1);
  return wave;
}

TEST(Xcodec2Features, OneFrameForEveryCode) {
  for (const std::size_t codes : {1u, 2u, 50u}) {
    const Features features = features_of(noise(codes * 320));
    EXPECT_EQ(features.frames, static_cast<std::int64_t>(codes));
    EXPECT_EQ(features.values_FC.size(), codes * kFeatureWidth);
  }
  EXPECT_THROW(features_of(noise(79)), UsageError);
}

TEST(Xcodec2Features, EveryBankIsNormalisedOverTime) {
  const Features features = features_of(noise(16000));
  for (std::int64_t m = 0; m < kBanks; ++m) {
    double sum = 0, squares = 0;
    for (std::int64_t f = 0; f < 2 * features.frames; ++f) {
      const double x = static_cast<double>(features.values_FC[static_cast<std::size_t>(f * kBanks + m)]);
      sum += x;
      squares += x * x;
    }
    EXPECT_NEAR(sum, 0, 1e-3);
    EXPECT_NEAR(squares / static_cast<double>(2 * features.frames - 1), 1, 1e-4);
  }
}

TEST(Xcodec2Features, SilenceStaysZeroAndAnOddLastHalfIsFilledWithOnes) {
  for (const float x : features_of(std::vector<float>(640)).values_FC) EXPECT_EQ(x, 0);
  const Features odd = features_of(noise(3333));  // 21 banks
  ASSERT_EQ(odd.frames, 11);
  for (std::int64_t m = 0; m < kBanks; ++m)
    EXPECT_EQ(odd.values_FC[static_cast<std::size_t>(10 * kFeatureWidth + kBanks + m)], 1);
}

}  // namespace
}  // namespace timbre::xcodec2
