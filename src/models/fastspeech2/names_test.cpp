#include "models/fastspeech2/names.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "support/golden.h"
#include "weights/torch_file.h"

namespace timbre::fastspeech2 {
namespace {

class Ming024Files : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::temp_directory_path() / ("timbre_ming024_" + std::to_string(::getpid()));
    fs::remove_all(dir_);
    make_folders(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }
  fs::path dir_;
};

void expect_same(const weights::TensorMap& got, const weights::TensorMap& want) {
  EXPECT_EQ(got.names(), want.names());
  for (const auto& [name, tensor] : want) EXPECT_TRUE(weights::same(got.at(name), tensor)) << name;
}

TEST_F(Ming024Files, OptimizerStateKeepsPositionsOfFrozenParameters) {
  TIMBRE_GOLDEN_OR_SKIP(set, "fastspeech2_ming024");
  const auto cases = nlohmann::json::parse(read_file(set / "cases.json"));
  const Ming024Checkpoint checkpoint = read_ming024_checkpoint(set / "model_a/5.pth.tar");
  EXPECT_EQ(optimizer_order(checkpoint.model), cases["optimizer_param_order"].get<std::vector<std::string>>());
  std::set<std::string> frozen;
  for (const auto& name : optimizer_order(checkpoint.model)) {
    if (is_frozen(name)) frozen.insert(name);
  }
  EXPECT_EQ(frozen, cases["optimizer_frozen"].get<std::set<std::string>>());
  ASSERT_TRUE(checkpoint.optimizer);
  EXPECT_EQ(checkpoint.optimizer->step, 5);
  EXPECT_DOUBLE_EQ(checkpoint.optimizer->lr,
                   cases["fit_trajectory"][4]["lr"].get<double>());  // a numpy scalar in the file
  EXPECT_FALSE(checkpoint.optimizer->exp_avg.contains("encoder.position_enc"));
  EXPECT_TRUE(checkpoint.optimizer->exp_avg.contains("speaker_emb.weight"));
}

TEST_F(Ming024Files, CheckpointSurvivesWriting) {
  TIMBRE_GOLDEN_OR_SKIP(set, "fastspeech2_ming024");
  const Ming024Checkpoint before = read_ming024_checkpoint(set / "model_a/5.pth.tar");
  write_ming024_checkpoint(dir_ / "5.pth.tar", before);
  const Ming024Checkpoint after = read_ming024_checkpoint(dir_ / "5.pth.tar");
  expect_same(after.model, before.model);
  expect_same(after.optimizer->exp_avg, before.optimizer->exp_avg);
  expect_same(after.optimizer->exp_avg_sq, before.optimizer->exp_avg_sq);
  EXPECT_DOUBLE_EQ(after.optimizer->lr, before.optimizer->lr);
  EXPECT_EQ(after.optimizer->step, before.optimizer->step);
  // As load_state_dict() wants it: integer keys, every parameter listed in the group, frozen ones without state.
  const weights::Value root = weights::read_torch(dir_ / "5.pth.tar");
  const auto* states = root.find_path("optimizer.state");
  ASSERT_NE(states, nullptr);
  EXPECT_EQ(states->find(std::int64_t{0}), nullptr);
  EXPECT_NE(states->find(std::int64_t{1}), nullptr);
  EXPECT_EQ(root.find_path("optimizer.param_groups.0.params")->as_list().size(), optimizer_order(before.model).size());
}

TEST_F(Ming024Files, SizesComeFromTensorsAndTheRestFromYaml) {
  TIMBRE_GOLDEN_OR_SKIP(set, "fastspeech2_ming024");
  const auto a = ming024_config(read_ming024_checkpoint(set / "model_a/0.pth.tar").model,
                                {set / "config/model.yaml", set / "config/preprocess.yaml", set / "config/train.yaml"});
  EXPECT_EQ(a.encoder.layers, 2);
  EXPECT_EQ(a.decoder.layers, 3);
  EXPECT_EQ(a.encoder.width, 16);
  EXPECT_EQ(a.variance.bins, 32);
  EXPECT_EQ(a.postnet_filter, 24);
  EXPECT_TRUE(a.speaker_table);
  EXPECT_TRUE(a.variance.energy_obeys_pitch_control);
  const auto b =
      ming024_config(read_ming024_checkpoint(set / "model_b/100.pth.tar").model,
                     {set / "config/model_frame_level.yaml", set / "config/preprocess_frame_level.yaml", {}});
  EXPECT_EQ(b.variance.pitch_level, "frame");
  EXPECT_EQ(b.variance.pitch_scale, "log");
  EXPECT_FALSE(b.variance.normalise);
  EXPECT_FALSE(b.speaker_table);
}

TEST_F(Ming024Files, VoiceAndBackKeepsEveryByte) {
  TIMBRE_GOLDEN_OR_SKIP(set, "fastspeech2_ming024");
  roles::ConvertRequest request;
  request.source = set / "model_a";
  request.out = dir_ / "voice";
  EXPECT_TRUE(looks_like_ming024(request.source));
  ming024_to_voice(request);
  const auto about = nlohmann::json::parse(read_file(dir_ / "voice/voice.json"));
  EXPECT_EQ(about["speakers"], (std::vector<std::string>{"LJSpeech", "p225", "p226", "SSB0005"}));
  EXPECT_EQ(about["symbols"].size(), 361u);
  EXPECT_EQ(about["provenance"]["steps"], 5);  // the checkpoint of most steps

  roles::ConvertRequest back;
  back.source = dir_ / "voice";
  back.out = dir_ / "back";
  voice_to_ming024(back);
  const Ming024Checkpoint before = read_ming024_checkpoint(set / "model_a/5.pth.tar"),
                          after = read_ming024_checkpoint(dir_ / "back/5.pth.tar");
  expect_same(after.model, before.model);
  expect_same(after.optimizer->exp_avg_sq, before.optimizer->exp_avg_sq);
  EXPECT_EQ(nlohmann::json::parse(read_file(dir_ / "back/speakers.json")),
            nlohmann::json::parse(read_file(set / "model_a/speakers.json")));
}

/// Every value of ours that theirs has too is theirs; `apart` may differ.
void expect_same_yaml(const YAML::Node& ours, const YAML::Node& theirs, const std::set<std::string>& apart,
                      const std::string& at = {}) {
  for (const auto& entry : ours) {
    const std::string key = at + entry.first.Scalar();
    if (apart.contains(key)) continue;
    const YAML::Node other = theirs[entry.first.Scalar()];
    ASSERT_TRUE(other) << key;
    if (entry.second.IsMap()) {
      expect_same_yaml(entry.second, other, apart, key + ".");
    } else if (entry.second.IsSequence()) {
      EXPECT_EQ(entry.second.as<std::vector<std::string>>(), other.as<std::vector<std::string>>()) << key;
    } else if (entry.second.Scalar() == "True" || entry.second.Scalar() == "False") {
      EXPECT_EQ(entry.second.as<bool>(), other.as<bool>()) << key;
    } else if (const auto value = parse_double(entry.second.Scalar())) {
      EXPECT_DOUBLE_EQ(*value, other.as<double>()) << key;
    } else {
      EXPECT_EQ(entry.second.Scalar(), other.Scalar()) << key;
    }
  }
  for (const auto& entry : theirs) EXPECT_TRUE(ours[entry.first.Scalar()]) << at << entry.first.Scalar();
}

TEST_F(Ming024Files, TheYamlFilesAreTheOnesItCameFrom) {
  TIMBRE_GOLDEN_OR_SKIP(set, "fastspeech2_ming024");
  fs::create_directories(dir_ / "in");
  fs::copy(set / "model_b", dir_ / "in");
  for (const char* name : {"model", "preprocess"})
    fs::copy(set / "config" / fmt::format("{}_frame_level.yaml", name), dir_ / "in" / fmt::format("{}.yaml", name));
  for (const auto& [source, suffix] :
       std::vector<std::pair<fs::path, std::string>>{{set / "model_a", ""}, {dir_ / "in", "_frame_level"}}) {
    const fs::path voice = dir_ / ("LJSpeech" + suffix), back = dir_ / ("back" + suffix);
    ming024_to_voice({.source = source, .out = voice});
    voice_to_ming024({.source = voice, .out = back});
    const fs::path config = back / "config" / ("LJSpeech" + suffix);
    expect_same_yaml(YAML::LoadFile(config / "model.yaml"),
                     YAML::LoadFile(set / "config" / ("model" + suffix + ".yaml")), {"vocoder.speaker"});
    expect_same_yaml(YAML::LoadFile(config / "preprocess.yaml"),
                     YAML::LoadFile(set / "config" / ("preprocess" + suffix + ".yaml")),
                     {"dataset", "path", "preprocessing.val_size"});
    expect_same_yaml(YAML::LoadFile(config / "train.yaml"), YAML::LoadFile(set / "config/train.yaml"),
                     {"path", "optimizer.batch_size", "optimizer.warm_up_step", "optimizer.anneal_steps"});
    EXPECT_EQ(YAML::LoadFile(config / "train.yaml")["path"]["ckpt_path"].as<std::string>(), back.string());
    // PyYAML takes a float with an exponent only with a point in it.
    EXPECT_NE(read_file(config / "train.yaml").find("eps: 1.0e-09"), std::string::npos);
    // The exported folder is read again with its own files, found beside it.
    const fs::path again = dir_ / ("again" + suffix);
    ming024_to_voice({.source = back, .out = again});
    const auto about = [](const fs::path& dir) { return nlohmann::json::parse(read_file(dir / "voice.json")); };
    EXPECT_EQ(about(again)["model"]["config"], about(voice)["model"]["config"]);
  }
}

TEST_F(Ming024Files, OtherFilesAreRefusedByName) {
  weights::write_torch_zip(dir_ / "7.pth.tar", weights::Value::dict({{"net", weights::Value::dict()}}));
  try {
    read_ming024_checkpoint(dir_ / "7.pth.tar");
    FAIL();
  } catch (const DataError& problem) {
    EXPECT_NE(std::string(problem.what()).find("no \"model\" in it"), std::string::npos);
  }
}

}  // namespace
}  // namespace timbre::fastspeech2
