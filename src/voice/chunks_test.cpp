#include "voice/chunks.h"

#include <gtest/gtest.h>

namespace timbre::voice {
namespace {

/// A sample is the sum of the frames around it, so that a missing or a misplaced frame shows.
class Sums final : public roles::Vocoder {
 public:
  explicit Sums(bool local) : local_(local) { mel_.hop_samples = 4; }
  std::string name() const override { return "sums"; }
  const audio::MelOptions& mel() const override { return mel_; }
  std::optional<std::int64_t> context_frames() const override {
    return local_ ? std::optional<std::int64_t>(kContext) : std::nullopt;
  }
  std::vector<float> synthesize(std::span<const float> mel_FM, std::int64_t frames) override {
    lengths.push_back(frames);
    std::vector<float> wave_N;
    for (std::int64_t n = 0; n < frames * mel_.hop_samples; ++n) {
      float sum = static_cast<float>(n % mel_.hop_samples);
      for (std::int64_t f = n / mel_.hop_samples - kContext; f <= n / mel_.hop_samples + kContext; ++f)
        if (f >= 0 && f < frames)
          sum += mel_FM[static_cast<std::size_t>(2 * f)] * 3 - mel_FM[static_cast<std::size_t>(2 * f + 1)];
      wave_N.push_back(sum);
    }
    return wave_N;
  }
  std::vector<std::int64_t> lengths;

 private:
  static constexpr std::int64_t kContext = 3;
  bool local_;
  audio::MelOptions mel_;
};

std::vector<float> mel_of(std::int64_t frames) {
  std::vector<float> mel_FM;
  for (std::int64_t i = 0; i < 2 * frames; ++i) mel_FM.push_back(static_cast<float>(i * i % 101));
  return mel_FM;
}

TEST(Chunks, AreTheWholeInPieces) {
  const ChunkOptions options{.first_frames = 5, .most_frames = 20};
  for (const std::int64_t frames : {1, 5, 8, 9, 37, 100}) {
    Sums vocoder(true);
    const auto mel_FM = mel_of(frames);
    const auto whole_N = vocoder.synthesize(mel_FM, frames);
    std::vector<float> joined_N;
    synthesize_in_chunks(
        vocoder, mel_FM, frames,
        [&](std::span<const float> part) { joined_N.insert(joined_N.end(), part.begin(), part.end()); }, options);
    EXPECT_EQ(joined_N, whole_N) << frames;
  }
}

TEST(Chunks, GrowAndLeaveNoSmallRest) {
  Sums vocoder(true);
  synthesize_in_chunks(vocoder, mel_of(47), 47, [](std::span<const float>) {}, {.first_frames = 5, .most_frames = 20});
  // 0–5, 5–15, 15–35, and 35–47, each with what there is of 3 frames on both sides.
  EXPECT_EQ(vocoder.lengths, (std::vector<std::int64_t>{8, 16, 26, 15}));
  vocoder.lengths.clear();
  synthesize_in_chunks(vocoder, mel_of(18), 18, [](std::span<const float>) {}, {.first_frames = 5, .most_frames = 20});
  EXPECT_EQ(vocoder.lengths, (std::vector<std::int64_t>{8, 16}));
}

TEST(Chunks, AVocoderThatIsNotLocalGetsAll) {
  Sums vocoder(false);
  synthesize_in_chunks(vocoder, mel_of(47), 47, [](std::span<const float>) {}, {.first_frames = 5, .most_frames = 20});
  EXPECT_EQ(vocoder.lengths, (std::vector<std::int64_t>{47}));
}

}  // namespace
}  // namespace timbre::voice
