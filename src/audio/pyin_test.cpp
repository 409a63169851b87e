#include "audio/pyin.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "audio/decode.h"
#include "audio/golden_for_test.h"
#include "base/error.h"

namespace timbre::audio {
namespace {

/// Share of the frames where `got` is voiced as `want` is, and within one step of the grid.
double share_equal(const std::vector<double>& got, const std::vector<double>& want) {
  EXPECT_EQ(got.size(), want.size());
  std::size_t equal = 0;
  for (std::size_t i = 0; i < std::min(got.size(), want.size()); ++i)
    equal += (got[i] > 0) == (want[i] > 0) && std::abs(got[i] - want[i]) <= 0.006 * want[i];
  return static_cast<double>(equal) / static_cast<double>(want.size());
}

TEST(Pyin, EqualsLibrosa) {
  TIMBRE_NEED_GOLDEN(folder, "speech_features");
  const GoldenTensors golden(folder / "cases.safetensors");
  int seen = 0;
  const auto cases = nlohmann::json::parse(slurp(folder / "cases.json"));
  for (const auto& about : cases.at("clips")) {
    const std::string clip = about.at("id");
    std::string id = clip;
    id[id.find('_')] = '.';
    if (golden.has(id + ".pyin16k.f0")) {
      const PyinTrack track = pitch_pyin(decode_audio(folder / "clips" / (clip + "_16k.wav")).samples_N, 16000);
      EXPECT_GE(share_equal(track.f0_F, golden.values(id + ".pyin16k.f0")), 0.99) << id;
      const auto probability = golden.values(id + ".pyin16k.prob");
      std::size_t close = 0;
      for (std::size_t i = 0; i < probability.size(); ++i)
        close += std::abs(track.probability_F[i] - probability[i]) <= 1e-4;
      EXPECT_GE(static_cast<double>(close), 0.99 * static_cast<double>(probability.size())) << id;
      ++seen;
    }
    if (golden.has(id + ".coqui.f0_pyin")) {
      std::vector<float> wave_N = decode_audio(folder / "clips" / (clip + "_22k.wav")).samples_N;
      const PyinOptions coqui{.f_min_hz = 22050.0 / 1023 + 0.1,
                              .f_max_hz = 640,
                              .frame_samples = 1024,
                              .hop_samples = 256,
                              .padding = "reflect"};
      EXPECT_GE(share_equal(pitch_pyin(wave_N, 22050, coqui).f0_F, golden.values(id + ".coqui.f0_pyin")), 0.99) << id;
      ++seen;
    }
  }
  EXPECT_GT(seen, 4);
}

TEST(Pyin, FollowsAGlideAndHearsSilence) {
  constexpr double kRate = 16000;
  std::vector<float> wave_N(32000);
  double phase = 0;
  for (std::size_t i = 8000; i < wave_N.size(); ++i) {
    phase += 2 * std::numbers::pi * (120 + 80 * static_cast<double>(i) / 32000) / kRate;
    wave_N[i] = static_cast<float>(0.3 * std::sin(phase) + 0.2 * std::sin(2 * phase) + 0.1 * std::sin(3 * phase));
  }
  const PyinTrack track = pitch_pyin(wave_N, 16000);
  ASSERT_EQ(track.f0_F.size(), 1u + 32000 / 512);
  EXPECT_EQ(track.f0_F[4], 0);
  EXPECT_FALSE(track.voiced_F[4]);
  for (const std::size_t f : {22u, 35u, 50u}) {
    const double want = 120 + 80 * static_cast<double>(f) * 512 / 32000;
    EXPECT_NEAR(track.f0_F[f], want, 0.01 * want) << f;
  }
}

TEST(Pyin, RefusesContradictions) {
  const std::vector<float> wave_N(4000, 0.1f);
  EXPECT_THROW(pitch_pyin({}, 16000), DataError);
  EXPECT_THROW(pitch_pyin(wave_N, 16000, {.f_max_hz = 9000}), UsageError);
  EXPECT_THROW(pitch_pyin(wave_N, 16000, {.f_min_hz = 700}), UsageError);
  EXPECT_THROW(pitch_pyin(wave_N, 16000, {.frame_samples = 50}), UsageError);
  EXPECT_THROW(pitch_pyin(std::span(wave_N).first(1000), 16000, {.padding = "reflect"}), DataError);
}

}  // namespace
}  // namespace timbre::audio
