#include "models/fastspeech2/config.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "roles/registry.h"

namespace timbre::models {
void register_fastspeech2(roles::Registry& registry);
}

namespace timbre::fastspeech2 {
namespace {

TEST(FastSpeech2Config, PresetsHaveNoProblems) {
  roles::Registry registry;
  models::register_fastspeech2(registry);
  const auto& spec = registry.model("fastspeech2");
  ASSERT_EQ(spec.presets.front().name, "small");
  for (const auto& preset : spec.presets)
    EXPECT_EQ(spec.config_of(preset.name)->problems(), std::vector<std::string>{}) << preset.name;
}

TEST(FastSpeech2Config, NamesEveryContradiction) {
  Config config;
  config.encoder.heads = 3;
  config.decoder.kernel = 4;
  config.decoder.width = 128;
  config.variance.embedding = "conv";
  config.variance.normalise = false;
  EXPECT_EQ(config.problems().size(), 4u);
}

TEST(FastSpeech2Config, SurvivesItsJson) {
  Config small;
  apply_small(small);
  Config back;
  config::Fields fields = back.fields();
  config::from_json(fields, config::to_json(small.fields()), "test");
  EXPECT_EQ(config::to_json(back.fields()), config::to_json(small.fields()));
  EXPECT_EQ(back.mel, small.mel);
  EXPECT_EQ(back.variance.rounding, "carried");
}

TEST(FastSpeech2Config, AsksForColumnsAsItIsSet) {
  Config config;
  apply_small(config);
  config.variance.pitch_level = "frame";
  std::map<std::string, nlohmann::json> needs;
  for (const auto& need : columns_of(config)) needs[need.column] = need.settings;
  EXPECT_EQ(needs.at("pitch").at("level"), "frame");
  EXPECT_EQ(needs.at("mel").at("rate_hz"), 16000);
  EXPECT_EQ(needs.at("aligned_phonemes").at("front_end"), "espeak:en-us");
  EXPECT_TRUE(needs.contains("durations") && needs.contains("energy") && needs.contains("statistics"));
}

TEST(Vocabulary, FallsBackToPlainerPhones) {
  const Vocabulary ipa{{"_", "ɑː", "ˈaɪ", "t"}, {}};
  EXPECT_EQ(ipa.nearest_row("ˈɑː"), 1);
  EXPECT_EQ(ipa.nearest_row("ˈaɪ"), 2);
  EXPECT_EQ(ipa.nearest_row("ʘ"), -1);
  const Vocabulary arpabet{{"_", "AH0", "T"}, {}};
  EXPECT_EQ(arpabet.nearest_row("AH2"), 1);
  EXPECT_EQ(arpabet.nearest_row("OW1"), -1);
}

}  // namespace
}  // namespace timbre::fastspeech2
