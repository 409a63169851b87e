#include "roles/vocoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace timbre::roles {
namespace {

/// A "network" whose samples depend on two frames to each side.
void blur(const float* mel_FM, std::int64_t frames, float* wave_N) {
  for (std::int64_t f = 0; f < frames; ++f) {
    float sum = 0;
    for (std::int64_t g = std::max<std::int64_t>(0, f - 2); g <= std::min(frames - 1, f + 2); ++g) sum += mel_FM[2 * g];
    for (int i = 0; i < 3; ++i) wave_N[3 * f + i] = sum;
  }
}

TEST(Vocoder, PiecesJoinToTheWhole) {
  audio::MelOptions mel;
  mel.mels = 2;
  mel.hop_samples = 3;
  for (const std::int64_t frames : {1, 7, 9, 10, 23, 100}) {
    std::vector<float> mel_FM(static_cast<std::size_t>(2 * frames)), whole_N(static_cast<std::size_t>(3 * frames));
    for (std::size_t i = 0; i < mel_FM.size(); ++i) mel_FM[i] = std::sin(static_cast<float>(i));
    blur(mel_FM.data(), frames, whole_N.data());
    std::int64_t longest = 0;
    const auto pieces_N =
        synthesize_in_pieces(mel_FM, frames, mel, 5, 2, [&](const float* x, std::int64_t n, float* y) {
          longest = std::max(longest, n);
          blur(x, n, y);
        });
    EXPECT_EQ(pieces_N, whole_N) << frames;
    EXPECT_LE(longest, 9);
    const auto short_of_context = synthesize_in_pieces(mel_FM, frames, mel, 5, 1, blur);
    EXPECT_EQ(short_of_context == whole_N, frames <= 7) << frames;
  }
}

TEST(Vocoder, RefusesMelsItCannotRead) {
  const auto message = [](std::vector<float> mel_FM, std::int64_t frames) -> std::string {
    try {
      expect_mel(mel_FM, frames, 2);
    } catch (const DataError& e) {
      return e.what();
    }
    return "";
  };
  EXPECT_EQ(message({1, 2, 3, 4}, 2), "");
  EXPECT_EQ(message({1, 2, 3}, 2), "a mel of 3 numbers is not 2 frames of 2");
  EXPECT_EQ(message({}, 0), "a mel of 0 numbers is not 0 frames of 2");
  EXPECT_EQ(message({1, 2, NAN, 4}, 2), "frame 1 of the mel has a number that is not finite");
}

}  // namespace
}  // namespace timbre::roles
