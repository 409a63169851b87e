#include "score/measures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace timbre::score {
namespace {

TEST(WilsonInterval, MatchesPublishedExamples) {
  // Newcombe 1998, table I, method 3: 81/263 gives 0.2553–0.3662, 0/20 gives 0–0.1611.
  EXPECT_NEAR(wilson_interval(81, 263).low, 0.2553, 5e-5);
  EXPECT_NEAR(wilson_interval(81, 263).high, 0.3662, 5e-5);
  EXPECT_NEAR(wilson_interval(0, 20).low, 0, 1e-12);
  EXPECT_NEAR(wilson_interval(0, 20).high, 0.1611, 5e-5);
}

/// A harmonic tone of the given pitch between two stretches of silence.
std::vector<float> tone(double hz, double seconds, double silence_s) {
  const std::int64_t rate_hz = 16000;
  std::vector<float> wave_N(static_cast<std::size_t>((seconds + 2 * silence_s) * rate_hz));
  for (std::size_t n = static_cast<std::size_t>(silence_s * rate_hz);
       n < static_cast<std::size_t>((seconds + silence_s) * rate_hz); ++n) {
    double x = 0;
    for (int k = 1; k <= 8; ++k) x += std::sin(2 * std::numbers::pi * hz * k * static_cast<double>(n) / rate_hz) / k;
    wave_N[n] = static_cast<float>(0.2 * x);
  }
  return wave_N;
}

TEST(PitchRange, FindsAToneAndNothingInSilence) {
  const auto pitch = pitch_range(tone(200, 1, 0.2), 16000);
  EXPECT_NEAR(pitch.median_hz, 200, 1);
  EXPECT_LT(pitch.range_semitones, 0.5);
  EXPECT_EQ(pitch_range(std::vector<float>(16000), 16000).median_hz, 0);
  EXPECT_EQ(pitch_range({}, 16000).median_hz, 0);
}

TEST(SpeakingRate, LeavesTheSilenceAtTheEndsOut) {
  EXPECT_NEAR(speaking_rate(tone(150, 2, 1), 16000, 20), 10, 0.3);  // trimming is good to a frame of 25 ms
  EXPECT_EQ(speaking_rate(std::vector<float>(), 16000, 5), 0);
}

TEST(MeanOf, GivesTheNormalInterval) {
  const double values[] = {1, 2, 3, 4};
  EXPECT_DOUBLE_EQ(mean_of(values).value, 2.5);
  EXPECT_NEAR(mean_of(values).half_width, 1.959964 * std::sqrt(5.0 / 3 / 4), 1e-6);
}

}  // namespace
}  // namespace timbre::score
