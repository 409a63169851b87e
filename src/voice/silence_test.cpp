#include "voice/silence.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace timbre::voice {
namespace {

constexpr std::int64_t kRate_hz = 16000;

void append(std::vector<float>& wave_N, double seconds, double level) {
  for (std::int64_t n = 0; n < static_cast<std::int64_t>(seconds * kRate_hz); ++n)
    wave_N.push_back(static_cast<float>(level * std::sin(0.1 * static_cast<double>(n))));
}

TEST(Silence, IsMeasuredAgainstTheLoudest) {
  std::vector<float> wave_N;
  append(wave_N, 1, 0.5);
  append(wave_N, 0.6, 0.0005);
  append(wave_N, 1, 0.5);
  append(wave_N, 0.4, 0);
  const Silence silence = silence_in(wave_N, kRate_hz);
  EXPECT_NEAR(silence.longest_s, 0.6, 0.021);
  EXPECT_NEAR(silence.share, 1.0 / 3, 0.02);
  wave_N.clear();
  append(wave_N, 1, 0.01);  // quiet all over is not silent
  EXPECT_EQ(silence_in(wave_N, kRate_hz).share, 0);
  wave_N.assign(16000, 1e-5f);
  EXPECT_EQ(silence_in(wave_N, kRate_hz).share, 1);
  EXPECT_EQ(silence_in({}, kRate_hz).share, 1);
}

}  // namespace
}  // namespace timbre::voice
