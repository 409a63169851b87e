#include "audio/vad.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "audio/speaker_mel.h"
#include "base/error.h"
#include "support/plugins.h"

// Decisions are compared with Python's package in tests/interop/speaker_encoder_test.py, and with golden data by the
// parity of speaker_encoder.
namespace timbre::audio {
namespace {

using testing::ElementsAre;

TEST(Vad, SilenceIsNoVoiceAndWholeFramesCount) {
  TIMBRE_NEED_PLUGIN("webrtcvad");
  const std::vector<std::int16_t> silence(16000 + 200);
  EXPECT_THAT(voice_flags(silence, 16000, {.frame_ms = 30, .mode = 0}), testing::Each(0));
  EXPECT_EQ(voice_flags(silence, 16000, {.frame_ms = 30, .mode = 0}).size(), 33u);
  EXPECT_EQ(voice_flags(silence, 48000, {.frame_ms = 10, .mode = 3}).size(), 33u);
  EXPECT_TRUE(voice_flags({}, 16000).empty());
}

TEST(Vad, RefusesWhatTheDetectorDoesNotKnow) {
  const std::vector<std::int16_t> silence(1000);
  EXPECT_THROW(voice_flags(silence, 22050), UsageError);
  EXPECT_THROW(voice_flags(silence, 16000, {.frame_ms = 25}), UsageError);
  EXPECT_THROW(voice_flags(silence, 16000, {.mode = 4}), UsageError);
}

TEST(Vad, SixteenBitRoundsToEvenAndWraps) {
  const float half = 0.5f / 32767.0f;
  EXPECT_THAT(wrapped_pcm16(std::vector<float>{0, 1, -1, half, 3 * half, 1.5f}),
              ElementsAre(0, 32767, -32767, 0, 2, static_cast<std::int16_t>(49150 - 65536)));
}

TEST(SpeakerMel, VoiceIsWidenedByWhatMoreThanHalfOfEightSay) {
  std::vector<std::uint8_t> flags(24, 0);
  for (std::size_t i = 8; i < 12; ++i) flags[i] = 1;
  EXPECT_THAT(widen_voice(flags), testing::Each(0));  // four of eight are half, which rounds to 0
  flags[12] = 1;
  // Five of eight from 3 before to 4 after: frames 8 … 11; three more on both sides.
  const auto kept = widen_voice(flags);
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(kept[i], i >= 5 && i <= 14) << i;
}

TEST(SpeakerMel, LevelsAreRaisedOrLoweredAsAllowed) {
  const std::vector<double> quiet(100, 0.01);  // -40 dB
  EXPECT_NEAR(level_gain(quiet, -30, LevelChange::up_only), std::pow(10, 0.5), 1e-12);
  EXPECT_NEAR(level_gain(quiet, -30, LevelChange::both), std::pow(10, 0.5), 1e-12);
  EXPECT_EQ(level_gain(quiet, -30, LevelChange::down_only), 1);
  EXPECT_EQ(level_gain(quiet, -50, LevelChange::up_only), 1);
  EXPECT_EQ(level_gain(std::vector<double>(5), -30, LevelChange::both), 1);
  EXPECT_NEAR(resemblyzer_gain(std::vector<float>(100, 0.01f), -30), std::sqrt(10.0f), 1e-5f);
  EXPECT_EQ(resemblyzer_gain(std::vector<float>(100, 0.1f), -30), 1.0f);
}

TEST(SpeakerMel, SaysWhatHoldsNoVoice) {
  const SpeakerMelOptions mozilla;
  EXPECT_THROW(speaker_wave(std::vector<float>(300), mozilla), DataError);
  EXPECT_THROW(speaker_wave(std::vector<float>(16000), mozilla), DataError);
  TIMBRE_NEED_PLUGIN("webrtcvad");
  SpeakerMelOptions resemblyzer{.kind = "resemblyzer", .mel = SpeakerMelOptions::resemblyzer_mel()};
  EXPECT_THROW(speaker_wave(std::vector<float>(16000), resemblyzer), DataError);
}

}  // namespace
}  // namespace timbre::audio
