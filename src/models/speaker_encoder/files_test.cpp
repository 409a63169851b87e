#include "models/speaker_encoder/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"
#include "models/speaker_encoder/slices.h"
#include "roles/registry.h"

namespace timbre::models {
void register_speaker_encoder(roles::Registry& registry);
}

namespace timbre::speaker_encoder {
namespace {

using nlohmann::json;
using testing::ElementsAre;

TEST(SpeakerEncoderConfig, PresetsHaveNoProblems) {
  roles::Registry registry;
  models::register_speaker_encoder(registry);
  const auto& spec = registry.model("speaker_encoder");
  for (const auto& preset : spec.presets) {
    const auto config = spec.config_of(preset.name);
    EXPECT_THAT(config->problems(), testing::IsEmpty()) << preset.name;
    EXPECT_EQ(spec.columns(*config).front().column, "speaker_mel");
  }
  Config config;
  config.kind = "resemblyzer";
  ASSERT_EQ(config.problems().size(), 1u);
  EXPECT_THAT(config.problems()[0], testing::HasSubstr("audio.kind mozilla"));
}

TEST(SpeakerEncoderFiles, CommentsAndJoinedLinesAreRead) {
  const json read =
      parse_mozilla_config("{ // who\n\"a\": [1, // one\n2], \"b\": \\\n 3, // gone \\\n\"c\": 4,\n\"d\": 5}", "x");
  EXPECT_EQ(read, json({{"a", {1, 2}}, {"b", 3}, {"d", 5}}));
  EXPECT_THROW(parse_mozilla_config("{\"a\": }", "config.json"), DataError);
}

weights::Tensor zeros(std::int64_t rows, std::int64_t columns) {
  return weights::Tensor::of<float>({rows, columns}, std::vector<float>(static_cast<std::size_t>(rows * columns)));
}

TEST(SpeakerEncoderFiles, TensorsSayTheSizesAndSettingsTheHearing) {
  weights::TensorMap model;
  for (int layer = 0; layer < 2; ++layer) {
    const std::string at = fmt::format("layers.{}.", layer);
    model.insert(at + "lstm.weight_ih_l0", zeros(20, layer == 0 ? 30 : 7));
    model.insert(at + "lstm.weight_hh_l0", zeros(20, 5));
    model.insert(at + "linear.weight", zeros(7, 5));
  }
  const json settings{{"audio",
                       {{"sample_rate", 22050},
                        {"num_mels", 30},
                        {"frame_length_ms", 50},
                        {"frame_shift_ms", 12.5},
                        {"mel_fmax", nullptr},
                        {"num_freq", 1025},
                        {"do_trim_silence", false}}},
                      {"loss", "ge2e"}};
  const Config config = mozilla_config(model, settings, "here");
  EXPECT_EQ(config.layers, 2);
  EXPECT_EQ(config.width, 5);
  EXPECT_EQ(config.embedding, 7);
  EXPECT_TRUE(config.projection);
  EXPECT_EQ(config.kind, "mozilla");
  EXPECT_EQ(config.loss, "ge2e_softmax");
  EXPECT_EQ(config.audio.mel.mels, 30);
  EXPECT_EQ(config.audio.mel.fft_samples, 2048);
  EXPECT_EQ(config.audio.mel.window_samples, 1102);
  EXPECT_EQ(config.audio.mel.hop_samples, 275);
  EXPECT_EQ(config.audio.mel.f_max_hz, 0);
  EXPECT_FALSE(config.audio.trim);
  EXPECT_THROW(mozilla_config(model, {{"audio", {{"num_mels", 40}}}}, "here"), DataError);
  EXPECT_THROW(mozilla_config(model, {{"model_name", "resnet"}}, "here"), DataError);
  EXPECT_THROW(mozilla_config(model, {{"audio", {{"num_mels", 30}, {"stats_path", "s.npy"}}}}, "here"), DataError);
  EXPECT_EQ(mozilla_config(model, {{"model_params", {{"input_dim", 30}}}}, "here").kind, "coqui");
  EXPECT_THROW(mozilla_config({}, json(), "here"), DataError);
  EXPECT_THROW(config_of_voice({{"model", {{"kind", "fastspeech2"}}}}, "voice.json"), DataError);
  const Config again = config_of_voice(about_encoder(config), "voice.json");
  EXPECT_EQ(again.audio, config.audio);
  EXPECT_EQ(again.embedding, 7);
}

TEST(SpeakerEncoderSlices, WindowsOverlapAndTheLastAreShorter) {
  EXPECT_THAT(overlapping_windows(250, 160, 0.5),
              ElementsAre(Range{0, 160}, Range{80, 240}, Range{160, 250}, Range{240, 250}));
  EXPECT_THAT(overlapping_windows(80, 160, 0.5), ElementsAre(Range{0, 80}));
  EXPECT_THAT(overlapping_windows(400, 160, 0), ElementsAre(Range{0, 160}, Range{160, 320}, Range{320, 400}));
}

TEST(SpeakerEncoderSlices, PartialsMustBeCoveredUnlessAlone) {
  EXPECT_THAT(partial_slices(100, {}), ElementsAre(Range{0, 160}));
  EXPECT_THAT(partial_slices(37920, {}), ElementsAre(Range{0, 160}, Range{77, 237}));
  // 4 s at one piece in 1.6 s: the third would be half covered.
  EXPECT_THAT(partial_slices(64000, {.per_s = 0.625, .min_coverage = 0.5}),
              ElementsAre(Range{0, 160}, Range{160, 320}, Range{320, 480}));
  EXPECT_THAT(partial_slices(64000, {.per_s = 0.625, .min_coverage = 0.6}),
              ElementsAre(Range{0, 160}, Range{160, 320}));
}

}  // namespace
}  // namespace timbre::speaker_encoder
