#include "audio/levels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "audio/decode.h"
#include "audio/golden_for_test.h"

namespace timbre::audio {
namespace {

std::vector<float> tone(std::size_t n, double amplitude) {
  std::vector<float> out(n);
  for (std::size_t i = 0; i < n; ++i)
    out[i] = static_cast<float>(amplitude * std::sin(2 * std::numbers::pi * 200 * static_cast<double>(i) / 16000));
  return out;
}

TEST(Levels, OfASineAndOfSilence) {
  const Levels sine = measure_levels(tone(16000, 0.5), 16000);
  EXPECT_NEAR(sine.rms_db, 20 * std::log10(0.5 / std::sqrt(2.0)), 1e-3);
  EXPECT_NEAR(sine.peak, 0.5, 1e-6);
  EXPECT_NEAR(sine.dc_offset, 0, 1e-6);
  EXPECT_EQ(sine.clipped_samples, 0);
  const Levels nothing = measure_levels(std::vector<float>(1600), 16000);
  EXPECT_EQ(nothing.rms_db, -200);
  EXPECT_EQ(nothing.peak, 0);
  EXPECT_EQ(measure_levels({}, 16000).rms_db, -200);
}

TEST(Levels, ClippingAndOffset) {
  std::vector<float> loud = tone(16000, 1.5);
  for (float& x : loud) x = std::min(x, 32767 / 32768.0f) < -1 ? -1 : std::min(x, 32767 / 32768.0f);
  const Levels clipped = measure_levels(loud, 16000);
  // |1.5 sin| > 1 for 1 − 2·asin(1/1.5)/π of the time.
  EXPECT_NEAR(static_cast<double>(clipped.clipped_samples), 16000 * (1 - 2 * std::asin(1 / 1.5) / std::numbers::pi),
              450);
  EXPECT_EQ(measure_levels(tone(16000, 1.0), 16000).clipped_samples, 0);  // touches full scale, is not flat there
  std::vector<float> shifted = tone(16000, 0.2);
  for (float& x : shifted) x += 0.1f;
  EXPECT_NEAR(measure_levels(shifted, 16000).dc_offset, 0.1, 1e-5);
}

TEST(Levels, NoiseBetweenWords) {
  std::vector<float> wave_N = tone(16000, 0.5);
  for (std::size_t i = 4000; i < 12000; ++i) wave_N[i] *= 0.001f;
  const Levels levels = measure_levels(wave_N, 16000);
  EXPECT_NEAR(levels.speech_db, -9.03, 0.3);
  EXPECT_NEAR(levels.noise_db, -69.03, 0.3);
}

TEST(Silence, FindsTheEdges) {
  std::vector<float> wave_N(16000);
  const auto sound = tone(8000, 0.3);
  std::copy(sound.begin(), sound.end(), wave_N.begin() + 3200);
  const EdgeSilence edges = edge_silence(wave_N, 16000);
  EXPECT_NEAR(edges.leading_s, 0.2, 0.02);
  EXPECT_NEAR(edges.trailing_s, 0.3, 0.02);
  EXPECT_EQ(edge_silence(std::vector<float>(8000), 16000).leading_s, 0.5);
  EXPECT_EQ(trim_silence({}, 16000).count, 0);
}

// Coqui cuts 10 ms at both ends, then trims as librosa does (frame 1024, hop 256, 60 dB): the golden set has the
// outcome.
TEST(Silence, TrimEqualsLibrosa) {
  TIMBRE_NEED_GOLDEN(folder, "speech_features");
  const auto cases = nlohmann::json::parse(slurp(folder / "cases.json"));
  for (const auto& about : cases.at("clips")) {
    const Clip clip = decode_audio(folder / "clips" / (about["id"].get<std::string>() + "_22k.wav"));
    for (const auto& [name, options] : {std::pair{"coqui_tacotron_like_trim", SilenceOptions{60, 1024, 256}},
                                        {"coqui_asymmetric_trim", {40, 1200, 300}}}) {
      const auto inner = std::span<const float>(clip.samples_N).subspan(220, clip.samples_N.size() - 440);
      const Span span = trim_silence(inner, 22050, options);
      EXPECT_EQ(span.first + 220, about[name][0]) << about["id"] << " " << name;
      EXPECT_EQ(span.count, about[name][1]) << about["id"] << " " << name;
    }
  }
}

TEST(Levels, ScalesToPeakAndLoudness) {
  std::vector<float> wave_N = tone(16000, 0.3), silence_N(100);
  scale_to_peak(wave_N, 0.95);
  EXPECT_NEAR(measure_levels(wave_N, 16000).peak, 0.95, 1e-6);
  scale_to_rms(wave_N, -27);
  EXPECT_NEAR(measure_levels(wave_N, 16000).rms_db, -27, 1e-4);
  scale_to_peak(silence_N, 0.95);
  scale_to_rms(silence_N, -27);
  EXPECT_EQ(measure_levels(silence_N, 16000).peak, 0);
}

TEST(Levels, EdgesGoBeforeTrimming) {
  std::vector<float> wave_N(16000);
  const auto loud = tone(8000, 0.5);
  std::copy(loud.begin(), loud.end(), wave_N.begin() + 4000);
  wave_N[0] = 0.9f;  // a click that would keep the silence after it
  const Span with_click = trim_silence(wave_N, 16000), without = trim_silence(wave_N, 16000, {.edge_s = 0.01});
  EXPECT_EQ(with_click.first, 0);
  EXPECT_NEAR(static_cast<double>(without.first), 4000, 400);
  EXPECT_NEAR(static_cast<double>(without.first + without.count), 12000, 400);
  EXPECT_EQ(trim_silence(wave_N, 16000, {.edge_s = 0.5}).count, 0);
}

TEST(Levels, TwoClipsAreBroughtToOneLevelWithoutClipping) {
  std::vector<float> loud(16000), peaky(8000), silent(100);
  for (std::size_t i = 0; i < loud.size(); ++i) loud[i] = 0.8f * std::sin(0.05f * static_cast<float>(i));
  for (std::size_t i = 0; i < peaky.size(); ++i) peaky[i] = 0.01f * std::sin(0.1f * static_cast<float>(i));
  match_levels(loud, 16000, peaky, 8000);
  EXPECT_NEAR(measure_levels(loud, 16000).speech_db, -23, 0.01);
  EXPECT_NEAR(measure_levels(peaky, 8000).speech_db, -23, 0.01);
  peaky[4000] = 1;  // far above the rest
  match_levels(loud, 16000, peaky, 8000);
  const Levels a = measure_levels(loud, 16000), b = measure_levels(peaky, 8000);
  EXPECT_NEAR(a.speech_db, b.speech_db, 0.3);
  EXPECT_LE(b.peak, 0.981);
  match_levels(silent, 16000, peaky, 8000);
  EXPECT_EQ(silent, std::vector<float>(100));
}

}  // namespace
}  // namespace timbre::audio
