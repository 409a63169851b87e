#include "codecs/xcodec2/snake.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/rng.h"
#include "codecs/xcodec2/names.h"

namespace timbre::xcodec2 {
namespace {

/// The definition in double precision, at twice the rate.
std::vector<double> naive(const std::vector<float>& x, double frequency, double height,
                          const std::vector<float>& taps) {
  const auto n = static_cast<std::int64_t>(x.size());
  const auto at = [&](std::int64_t t) {
    return static_cast<double>(x[static_cast<std::size_t>(std::clamp<std::int64_t>(t, 0, n - 1))]);
  };
  std::vector<double> wide(static_cast<std::size_t>(2 * n));
  for (std::int64_t m = 0; m < 2 * n; ++m) {
    double sum = 0;
    for (std::int64_t k = 0; k < 12; ++k)
      if ((m + 15 - k) % 2 == 0)
        sum += 2 * static_cast<double>(taps[static_cast<std::size_t>(k)]) * at((m + 15 - k) / 2 - 5);
    const double sine = std::sin(sum * frequency);
    wide[static_cast<std::size_t>(m)] = sum + sine * sine * height;
  }
  std::vector<double> out;
  for (std::int64_t t = 0; t < n; ++t) {
    double sum = 0;
    for (std::int64_t k = 0; k < 12; ++k)
      sum += static_cast<double>(taps[static_cast<std::size_t>(k)]) *
             wide[static_cast<std::size_t>(std::clamp<std::int64_t>(2 * t + k - 5, 0, 2 * n - 1))];
    out.push_back(sum);
  }
  return out;
}

TEST(Xcodec2Snake, OnePassIsTheDefinitionAtAnyLength) {
  const std::vector<float> taps = resampling_filter();
  SnakeFilters filters{};
  std::copy_n(taps.begin(), 12, filters.up.begin());
  std::copy_n(taps.begin(), 12, filters.down.begin());
  for (const std::size_t n : {1u, 2u, 3u, 7u, 8u, 9u, 100u, 1022u, 1024u, 1025u, 1027u, 2051u, 5000u}) {
    std::vector<float> x(n);
    Philox random(n, 0);
    for (float& value : x) value = static_cast<float>(random.normal() * 3);
    const float frequency = 1.7f, height = 0.6f;
    const auto want = naive(x, static_cast<double>(frequency), static_cast<double>(height), taps);
    std::vector<float> out(n, -99), in_place = x;
    snake_rows(x.data(), out.data(), 1, static_cast<std::int64_t>(n), &frequency, &height, filters);
    snake_rows(in_place.data(), in_place.data(), 1, static_cast<std::int64_t>(n), &frequency, &height, filters);
    EXPECT_EQ(out, in_place) << n;
    double most = 0;
    for (std::size_t i = 0; i < n; ++i) most = std::max(most, std::abs(static_cast<double>(out[i]) - want[i]));
    EXPECT_LT(most, 5e-6) << n;  // a few roundings of numbers up to 10
  }
}

TEST(Xcodec2Snake, SineHoldsFarFromZero) {
  const std::vector<float> taps = resampling_filter();
  SnakeFilters filters{};
  std::copy_n(taps.begin(), 12, filters.up.begin());
  std::copy_n(taps.begin(), 12, filters.down.begin());
  std::vector<float> x(200);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) * 10 - 1000;
  const float frequency = 1, height = 1;
  const auto want = naive(x, 1, 1, taps);
  std::vector<float> out(x.size());
  snake_rows(x.data(), out.data(), 1, 200, &frequency, &height, filters);
  // The argument itself has 24 bits: 6e-5 at 1000.
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(static_cast<double>(out[i]), want[i], 5e-4) << i;
}

TEST(Xcodec2Snake, TapsAreThePublishedOnes) {
  constexpr float kHalf[] = {0.00202897f, 0.00938946f, -0.02554346f, -0.05765738f, 0.12857261f, 0.4432098f};
  const std::vector<float> taps = resampling_filter();
  ASSERT_EQ(taps.size(), 12u);
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(taps[i], kHalf[i], 1e-7f);
    EXPECT_FLOAT_EQ(taps[11 - i], taps[i]);
  }
}

}  // namespace
}  // namespace timbre::xcodec2
