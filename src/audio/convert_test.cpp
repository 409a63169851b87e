#include "audio/convert.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"

namespace timbre::audio {
namespace {

// That it equals torchaudio is proved by golden/encodec (codecs/encodec/parity_test.cpp).

TEST(SincResample, RatesWithoutACommonDivisorNeedNoHugeFilter) {
  std::vector<float> wave(5000);
  for (std::size_t i = 0; i < wave.size(); ++i) wave[i] = std::sin(0.02f * static_cast<float>(i));
  const auto out = sinc_resample(wave, 44101, 23999);
  EXPECT_EQ(out.size(), static_cast<std::size_t>((5000 * 23999 + 44100) / 44101));
  for (std::size_t i = 100; i < 2600; ++i)
    ASSERT_NEAR(out[i], std::sin(0.02 * static_cast<double>(i) * 44101 / 23999), 2e-3) << i;
}

TEST(SincResample, RefusesRatesThatAreNone) {
  const std::vector<float> wave(10);
  EXPECT_THROW(sinc_resample(wave, 0, 24000), UsageError);
  EXPECT_THROW(sinc_resample(wave, 24000, -1), UsageError);
  EXPECT_TRUE(sinc_resample({}, 8000, 24000).empty());
  EXPECT_EQ(sinc_resample(wave, 24000, 24000), wave);
}

TEST(ConvertAudio, MixesAndCopiesChannels) {
  const std::vector<float> stereo = {1, 2, 3, 5, 6, 7};
  EXPECT_EQ(convert_audio(stereo, {.from_hz = 1, .to_hz = 1, .from_channels = 2, .to_channels = 1}),
            (std::vector<float>{3, 4, 5}));
  EXPECT_EQ(convert_audio(stereo, {.from_hz = 1, .to_hz = 1, .from_channels = 2, .to_channels = 2}), stereo);
  const std::vector<float> mono = {1, 2};
  EXPECT_EQ(convert_audio(mono, {.from_hz = 1, .to_hz = 1, .from_channels = 1, .to_channels = 2}),
            (std::vector<float>{1, 2, 1, 2}));
  EXPECT_THROW(convert_audio(stereo, {.from_hz = 1, .to_hz = 1, .from_channels = 4, .to_channels = 1}), UsageError);
  EXPECT_THROW(convert_audio(stereo, {.from_hz = 1, .to_hz = 1, .from_channels = 3, .to_channels = 2}), UsageError);
}

}  // namespace
}  // namespace timbre::audio
