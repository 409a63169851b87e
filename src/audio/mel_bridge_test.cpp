#include "audio/mel_bridge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "base/rng.h"

namespace timbre::audio {
namespace {

std::vector<float> sound() {
  Philox random(3);
  std::vector<float> wave_N;
  for (int n = 0; n < 6000; ++n)
    wave_N.push_back(static_cast<float>(0.4 * std::sin(0.07 * n) * (n < 3000) + 1e-4 * random.normal()));
  return wave_N;
}

/// Mels of the one setting brought over are those of the other.
void expect_bridged(const MelOptions& from, const MelOptions& to, double bound) {
  const auto wave_N = sound();
  auto mel = mel_spectrogram(wave_N, from);
  const auto want = mel_spectrogram(wave_N, to);
  const MelBridge bridge(from, to, "it");
  EXPECT_TRUE(bridge.changes());
  bridge.apply(mel.values_FM);
  for (std::size_t i = 0; i < want.values_FM.size(); ++i) ASSERT_NEAR(mel.values_FM[i], want.values_FM[i], bound) << i;
}

TEST(MelBridge, BringsOverWhatOnlyRenamesValues) {
  MelOptions decibels = mel_preset("coqui");
  decibels.log = "log10", decibels.gain = 20, decibels.range.enabled = true, decibels.range.clip = false;
  const MelOptions tacotron = mel_preset("tacotron");
  expect_bridged(mel_preset("coqui"), tacotron, 1e-6);
  expect_bridged(decibels, tacotron, 1e-4);
  MelOptions linear = tacotron;
  linear.log = "none";
  expect_bridged(linear, tacotron, 1e-6);
  EXPECT_EQ(MelBridge(mel_preset("coqui"), tacotron, "it").text(), "floor 1e-08 → 1e-05, convention coqui → tacotron");
  MelOptions spelled = tacotron;
  spelled.rate_hz = 16000, spelled.f_max_hz = 0;
  MelOptions out = spelled;
  out.f_max_hz = 8000;
  EXPECT_FALSE(MelBridge(spelled, out, "it").changes()) << "0 means half the rate";
}

TEST(MelBridge, RefusesWhatChangesFramesOrFilters) {
  const MelOptions tacotron = mel_preset("tacotron");
  const auto obstacle = [&](auto change) {
    MelOptions other = tacotron;
    change(other);
    return mel_obstacle(tacotron, other).value_or("");
  };
  EXPECT_EQ(obstacle([](MelOptions& o) { o.hop_samples = 200; }), "hop_samples");
  EXPECT_EQ(obstacle([](MelOptions& o) { o.rate_hz = 24000; }), "rate_hz");
  EXPECT_EQ(obstacle([](MelOptions& o) { o.convention = "vocos"; }), "convention");
  EXPECT_EQ(obstacle([](MelOptions& o) { o.padding = "same"; }), "padding");
  EXPECT_EQ(obstacle([](MelOptions& o) { o.floor = 1e-8; }), "");
  try {
    MelBridge(tacotron, mel_preset("vocos"), "the vocoder vocos");
    FAIL() << "24 kHz for 22.05";
  } catch (const DataError& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("the vocoder vocos wants mel.rate_hz = 24000, the voice makes 22050"));
  }
}

}  // namespace
}  // namespace timbre::audio
