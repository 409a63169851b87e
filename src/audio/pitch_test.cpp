#include "audio/pitch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "audio/averages.h"
#include "audio/decode.h"
#include "audio/golden_for_test.h"
#include "audio/mel.h"
#include "base/error.h"

namespace timbre::audio {
namespace {

struct Case {
  std::string id, clip;
  Clip audio;
};

std::vector<Case> clips(const std::filesystem::path& folder, const nlohmann::json& cases) {
  std::vector<Case> out;
  for (const auto& about : cases.at("clips")) {
    const std::string id = about.at("id");
    std::string dotted = id;
    dotted[dotted.find('_')] = '.';
    out.push_back({dotted, id, decode_audio(folder / "clips" / (id + "_22k.wav"))});
  }
  return out;
}

TEST(Pitch, EqualsWorld) {
  TIMBRE_NEED_GOLDEN(folder, "speech_features");
  const GoldenTensors golden(folder / "cases.safetensors");
  for (const auto& c : clips(folder, nlohmann::json::parse(slurp(folder / "cases.json")))) {
    const std::vector<double> wave_N(c.audio.samples_N.begin(), c.audio.samples_N.end());
    // The same algorithm in double: 1e-6 Hz (README of the set).
    EXPECT_LE(largest_difference(pitch_dio(wave_N, 22050, 256), golden.values(c.id + ".world.dio")), 1e-6) << c.id;
    EXPECT_LE(largest_difference(pitch_dio_stonemask(std::span<const double>(wave_N), 22050, 256),
                                 golden.values(c.id + ".world.dio_stonemask")),
              1e-6)
        << c.id;
    EXPECT_LE(largest_difference(pitch_harvest(wave_N, 22050, 256), golden.values(c.id + ".world.harvest")), 1e-6)
        << c.id;
  }
}

// The whole of ming024's preparation of an utterance: cut by the alignment, pitch, interpolation, averages, outliers,
// statistics.
TEST(Pitch, PreparesUtterancesAsMing024) {
  TIMBRE_NEED_GOLDEN(folder, "speech_features");
  const GoldenTensors golden(folder / "cases.safetensors");
  const auto cases = nlohmann::json::parse(slurp(folder / "cases.json"));
  RunningStats pitch_stats, energy_stats;
  int seen = 0;
  for (const auto& about : cases.at("clips")) {
    if (!about.contains("trim_samples")) continue;
    const std::string file = about.at("id");
    std::string id = file;
    id[id.find('_')] = '.';
    const Clip clip = decode_audio(folder / "clips" / (file + "_22k.wav"));
    const std::size_t from = about["trim_samples"][0], to = about["trim_samples"][1];
    const auto cut = std::span<const float>(clip.samples_N).subspan(from, std::min(to, clip.samples_N.size()) - from);
    const auto stored = golden.values(id + ".utt.durations");
    const std::vector<std::int64_t> durations_P(stored.begin(), stored.end());
    std::int64_t sum = 0;
    for (auto d : durations_P) sum += d;
    ASSERT_EQ(sum, about["sum_durations"]);

    auto f0_F = pitch_dio_stonemask(cut, 22050, 256);
    f0_F.resize(std::min(f0_F.size(), static_cast<std::size_t>(sum)));
    EXPECT_LE(largest_difference(f0_F, golden.values(id + ".utt.f0")), 1e-6) << id;
    const auto smooth_F = interpolate_unvoiced(f0_F);
    EXPECT_LE(largest_difference(smooth_F, golden.values(id + ".utt.f0_interp")), 1e-6) << id;
    const auto pitch_P = average_by_duration(std::span<const double>(smooth_F), durations_P, Averaging::in_place);
    EXPECT_LE(largest_difference(pitch_P, golden.values(id + ".utt.pitch_phone")), 2e-4) << id;  // 1e-6 of the value
    const auto kept = remove_outliers(pitch_P);
    EXPECT_LE(largest_difference(kept, golden.values(id + ".utt.pitch_no_outlier")), 2e-4) << id;
    pitch_stats.add(kept);

    Mel mel = mel_spectrogram(cut, {});
    EXPECT_EQ(mel.frames, about["mel_frames"]);
    mel.energy_F.resize(std::min(mel.energy_F.size(), static_cast<std::size_t>(sum)));
    const auto want_energy = golden.values(id + ".utt.energy");
    const double top = *std::max_element(want_energy.begin(), want_energy.end());
    EXPECT_LE(largest_difference(mel.energy_F, want_energy), 2e-5 * top) << id;
    const auto energy_P = average_by_duration(std::span<const float>(mel.energy_F), durations_P, Averaging::in_place);
    EXPECT_LE(largest_difference(energy_P, golden.values(id + ".utt.energy_phone")), 2e-5 * top) << id;
    const std::vector<double> wide(energy_P.begin(), energy_P.end());
    const auto kept_energy = remove_outliers(wide);
    EXPECT_LE(largest_difference(kept_energy, golden.values(id + ".utt.energy_no_outlier")), 2e-5 * top) << id;
    energy_stats.add(kept_energy);
    ++seen;
  }
  EXPECT_GE(seen, 2);
  const auto& scaler = cases.at("scaler");
  EXPECT_NEAR(pitch_stats.mean(), scaler["pitch_mean"], 1e-5);
  EXPECT_NEAR(pitch_stats.standard_deviation(), scaler["pitch_std"], 1e-5);
  EXPECT_NEAR(energy_stats.mean(), scaler["energy_mean"], 1e-4);
  EXPECT_NEAR(energy_stats.standard_deviation(), scaler["energy_std"], 1e-4);
}

TEST(Pitch, FindsASine) {
  std::vector<float> wave_N(16000);
  for (std::size_t i = 0; i < wave_N.size(); ++i) {
    const double phase = 2 * std::numbers::pi * 150 * static_cast<double>(i) / 16000;
    wave_N[i] = static_cast<float>(0.3 * std::sin(phase) + 0.2 * std::sin(2 * phase));
  }
  const auto f0_F = pitch_dio_stonemask(wave_N, 16000, 256);
  ASSERT_EQ(f0_F.size(), 63u);
  EXPECT_GT(voiced_frames(f0_F), 50);
  for (double f : f0_F) {
    if (f > 0) EXPECT_NEAR(f, 150, 1.0);
  }
  EXPECT_EQ(voiced_frames(pitch_dio_stonemask(std::vector<float>(8000), 16000, 256)), 0);
  EXPECT_THROW(pitch_dio_stonemask(std::vector<float>{}, 16000, 256), DataError);
}

TEST(Pitch, InterpolatesAndHoldsTheEnds) {
  EXPECT_EQ(interpolate_unvoiced(std::vector<double>{0, 0, 100, 0, 0, 130, 0}),
            (std::vector<double>{100, 100, 100, 110, 120, 130, 130}));
  EXPECT_EQ(interpolate_unvoiced(std::vector<double>{0, 0}), (std::vector<double>{0, 0}));
}

}  // namespace
}  // namespace timbre::audio
