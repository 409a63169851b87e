#include "audio/wsola.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "audio/decode.h"
#include "audio/dio.h"
#include "base/error.h"

namespace timbre::audio {
namespace {

std::vector<float> tone(double hz, double seconds, std::int64_t rate_hz) {
  std::vector<float> wave(static_cast<std::size_t>(seconds * static_cast<double>(rate_hz)));
  for (std::size_t n = 0; n < wave.size(); ++n)
    wave[n] = static_cast<float>(
        0.5 * std::sin(2 * std::numbers::pi * hz * static_cast<double>(n) / static_cast<double>(rate_hz)));
  return wave;
}

/// Rising zero crossings a second, of the middle half.
double crossings_hz(const std::vector<float>& wave, std::int64_t rate_hz) {
  int count = 0;
  for (std::size_t n = wave.size() / 4; n < wave.size() * 3 / 4; ++n) count += wave[n - 1] < 0 && wave[n] >= 0;
  return count / (static_cast<double>(wave.size()) / 2 / static_cast<double>(rate_hz));
}

TEST(Wsola, KeepsAToneAtItsPitchAndLevel) {
  constexpr std::int64_t kRate = 16000;
  for (const double factor : {0.6, 0.9, 1.3, 2.0}) {
    const auto wave = tone(210, 1.0, kRate);
    const auto longer = stretch(wave, kRate, factor);
    EXPECT_EQ(static_cast<std::int64_t>(longer.size()), std::llround(16000 * factor));
    EXPECT_NEAR(crossings_hz(longer, kRate), 210, 4) << factor;
    double energy = 0, jump = 0;
    for (std::size_t n = longer.size() / 4; n < longer.size() * 3 / 4; ++n) {
      energy += static_cast<double>(longer[n]) * longer[n];
      jump = std::max(jump, std::abs(static_cast<double>(longer[n]) - longer[n - 1]));
    }
    EXPECT_NEAR(std::sqrt(2 * energy / (static_cast<double>(longer.size()) / 2)), 0.5, 0.01) << factor;
    EXPECT_LT(jump, 0.5 * 2 * std::numbers::pi * 210 / kRate * 1.1) << "a click, " << factor;
  }
}

TEST(Wsola, OneGivesTheSamplesBack) {
  const auto wave = tone(100, 0.2, 8000);
  EXPECT_EQ(stretch(wave, 8000, 1.0), wave);
  EXPECT_TRUE(stretch({}, 8000, 1.5).empty());
}

TEST(Wsola, SpeechKeepsItsMelody) {
  const Clip clip = decode_audio("tests/golden/aligner/clips/conf-getpin.wav");
  const auto median_hz = [&](const std::vector<float>& wave) {
    std::vector<double> voiced;
    const std::vector<double> wave_N(wave.begin(), wave.end());
    const std::vector<double> f0_F = dio(wave_N, {.rate_hz = clip.rate_hz, .hop_samples = clip.rate_hz / 100});
    std::copy_if(f0_F.begin(), f0_F.end(), std::back_inserter(voiced), [](double hz) { return hz > 0; });
    std::nth_element(voiced.begin(), voiced.begin() + static_cast<std::ptrdiff_t>(voiced.size() / 2), voiced.end());
    return voiced[voiced.size() / 2];
  };
  const double before_hz = median_hz(clip.samples_N);
  for (const double factor : {0.7, 1.5})
    EXPECT_NEAR(median_hz(stretch(clip.samples_N, clip.rate_hz, factor)), before_hz, 0.03 * before_hz) << factor;
}

TEST(Wsola, RefusesWhatIsNoSpeechAnyMore) {
  EXPECT_THROW(stretch(tone(100, 0.1, 8000), 8000, 5), UsageError);
  EXPECT_THROW(stretch(tone(100, 0.1, 8000), 8000, std::nan("")), UsageError);
  EXPECT_THROW(stretch(tone(100, 0.1, 8000), 10, 2), UsageError);
}

}  // namespace
}  // namespace timbre::audio
