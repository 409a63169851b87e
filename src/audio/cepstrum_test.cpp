#include "audio/cepstrum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "audio/decode.h"
#include "audio/golden_for_test.h"
#include "audio/mel.h"
#include "base/error.h"

namespace timbre::audio {
namespace {

constexpr std::int64_t kMels = 40;

/// Frames whose log spectrum is a constant plus `amplitude` · cos(2π·(m + ½)/M), which is c_2 alone.
std::vector<float> ripple(std::int64_t frames, double level, double amplitude) {
  std::vector<float> out;
  for (std::int64_t f = 0; f < frames; ++f) {
    for (std::int64_t m = 0; m < kMels; ++m) {
      out.push_back(static_cast<float>(
          level + amplitude * std::cos(2 * std::numbers::pi * (static_cast<double>(m) + 0.5) / kMels)));
    }
  }
  return out;
}

TEST(Cepstrum, RippleIsOneCoefficient) {
  const auto c = mel_cepstra(ripple(2, -3, 0.7), 2, kMels, 13);
  ASSERT_EQ(c.size(), 26u);
  for (std::size_t d = 0; d < 13; ++d) EXPECT_NEAR(c[d], d == 1 ? 0.7 : 0.0, 1e-6);
}

TEST(Cepstrum, DistortionIsTheRmsDifferenceInDb) {
  const auto a = ripple(20, -3, 0.5), b = ripple(31, -5, 1.0);  // other length, other level
  const Distortion d = mel_cepstral_distortion(a, b, kMels);
  // rms of 0.5·cos in nepers is 0.5/√2, a neper is 20/ln 10 dB.
  EXPECT_NEAR(d.db, 0.5 / std::sqrt(2.0) * 20 / std::numbers::ln10, 1e-4);
  EXPECT_EQ(d.path, 31);
  EXPECT_NEAR(mel_cepstral_distortion(a, a, kMels).db, 0, 1e-9);
  EXPECT_THROW(mel_cepstral_distortion(a, {}, kMels), DataError);
  EXPECT_THROW(mel_cepstra(a, 3, kMels), DataError);
}

TEST(Cepstrum, WarpingUndoesStretching) {
  std::vector<float> a, b;
  for (int f = 0; f < 30; ++f) {
    const auto frame = ripple(1, 0, 0.1 * f);
    a.insert(a.end(), frame.begin(), frame.end());
    for (int k = 0; k < (f % 3) + 1; ++k) b.insert(b.end(), frame.begin(), frame.end());
  }
  EXPECT_NEAR(mel_cepstral_distortion(a, b, kMels).db, 0, 1e-6);
}

TEST(Cepstrum, OtherWordsAreFartherThanNoise) {
  TIMBRE_NEED_GOLDEN(folder, "speech_features");
  const Clip one = decode_audio(folder / "clips/en_tt-weasels_22k.wav"),
             two = decode_audio(folder / "clips/en_conf-getpin_22k.wav");
  Clip shifted = one;
  shifted.samples_N.erase(shifted.samples_N.begin(), shifted.samples_N.begin() + 100);  // less than half a frame
  const Mel a = mel_spectrogram(one.samples_N, {}), b = mel_spectrogram(two.samples_N, {}),
            c = mel_spectrogram(shifted.samples_N, {});
  EXPECT_LT(mel_cepstral_distortion(a.values_FM, c.values_FM, 80).db, 3);
  EXPECT_GT(mel_cepstral_distortion(a.values_FM, b.values_FM, 80).db, 6);
}

}  // namespace
}  // namespace timbre::audio
