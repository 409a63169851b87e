#include "models/fastspeech2/torphix_names.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include "base/error.h"
#include "base/files.h"
#include "support/golden.h"
#include "weights/torch_file.h"

namespace timbre::fastspeech2 {
namespace {

class TorphixFiles : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::temp_directory_path() / ("timbre_torphix_" + std::to_string(::getpid()));
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

constexpr const char* kWeights = "fs2_model.1654683600.pth.tar";

TEST_F(TorphixFiles, BareWeightsGoThereAndBack) {
  TIMBRE_GOLDEN_OR_SKIP(set, "fastspeech2_torphix");
  const TorphixCheckpoint read = read_torphix_checkpoint(set / kWeights);
  EXPECT_FALSE(read.adam || read.lightning);
  write_torphix_weights(dir_ / kWeights, read.model);
  expect_same(read_torphix_checkpoint(dir_ / kWeights).model, read.model);
  EXPECT_TRUE(looks_like_torphix(dir_));
}

TEST_F(TorphixFiles, SizesAreReadFromTheTensors) {
  TIMBRE_GOLDEN_OR_SKIP(set, "fastspeech2_torphix");
  const TorphixCheckpoint read = read_torphix_checkpoint(set / kWeights);
  const Config c = torphix_config(read.model, {set / "model.yaml", set / "data.yaml"});
  const YAML::Node net = YAML::LoadFile((set / "model.yaml").string())["model"];
  EXPECT_EQ(c.compat, "torphix-head");
  EXPECT_EQ(c.encoder.heads, net["encoder"]["n_heads"].as<std::int64_t>());
  EXPECT_EQ(c.encoder.filter, net["encoder"]["hid_d"].as<std::int64_t>());
  EXPECT_EQ(c.decoder.layers, net["decoder"]["n_blocks"].as<std::int64_t>());
  EXPECT_EQ(c.variance.bins, net["variance_config"]["n_bins"].as<std::int64_t>());
  EXPECT_EQ(c.postnet_layers, net["postnet"]["n_layers"].as<std::int64_t>());
  EXPECT_TRUE(c.problems().empty());
  write_torphix_yaml(dir_, "Custom", c, 360, std::nullopt, nullptr);
  const YAML::Node ours = YAML::LoadFile((dir_ / "config/model.yaml").string())["model"];
  for (const char* part : {"encoder", "decoder", "variance_config"})
    for (const auto& entry : net[part])
      EXPECT_EQ(YAML::Dump(ours[part][entry.first.as<std::string>()]), YAML::Dump(entry.second)) << part << entry.first;
}

/// Lightning's checkpoint of a network of one tensor each kind.
TorphixCheckpoint lightning() {
  TorphixCheckpoint c;
  const auto floats = [](std::int64_t n) {
    std::vector<float> values(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 3;
    return weights::Tensor::of<float>({n}, std::move(values));
  };
  c.model.insert("encoder.positional_enc.pe", floats(4));
  c.model.insert("variance_adaptor.pitch_bins", floats(3));
  c.model.insert("projection.layers.0.weight", floats(5));
  c.model.insert("postnet.layers.1.running_mean", floats(2));
  c.model.insert("postnet.layers.1.bias", floats(2));
  AdamState adam{.lr = 1.9e-4, .beta2 = 0.99, .eps = 1e-8, .initial_lr = 2e-4, .step = 6};
  for (const char* name : {"projection.layers.0.weight", "postnet.layers.1.bias"}) {
    adam.exp_avg.insert(name, c.model.at(name));
    adam.exp_avg_sq.insert(name, c.model.at(name));
  }
  c.adam = adam;
  c.lightning = LightningState{.epoch = 3,
                               .global_step = 6,
                               .version = "2.5.6",
                               .lr_schedulers = {{{"step_size", 1}, {"gamma", 0.95}, {"base_lrs", {2e-4}}}},
                               .loops = {{"fit_loop", {{"is_last_batch", true}, {"ready", 18}}}}};
  return c;
}

TEST_F(TorphixFiles, LightningsCheckpointKeepsAdamAndSchedule) {
  const TorphixCheckpoint want = lightning();
  const fs::path file = dir_ / "epoch=2-step=6.ckpt";
  write_torphix_lightning(file, want);
  EXPECT_TRUE(looks_like_torphix(file));
  const weights::Value root = weights::read_torch(file);
  EXPECT_TRUE(root.at("state_dict").find("fs2.projection.layers.0.weight"));
  // Positions count the frozen bins and no buffer: bins 0, projection 1, bias 2.
  const weights::Value* states = root.find_path("optimizer_states.0.state");
  ASSERT_TRUE(states);
  EXPECT_FALSE(states->find(0));
  EXPECT_TRUE(states->find(1) && states->find(2) && !states->find(3));
  const TorphixCheckpoint got = read_torphix_checkpoint(file);
  expect_same(got.model, want.model);
  ASSERT_TRUE(got.adam && got.lightning);
  EXPECT_EQ(got.adam->lr, want.adam->lr);
  EXPECT_EQ(got.adam->initial_lr, want.adam->initial_lr);
  EXPECT_EQ(got.adam->step, 6);
  expect_same(got.adam->exp_avg_sq, want.adam->exp_avg_sq);
  EXPECT_EQ(to_json(*got.lightning), to_json(*want.lightning));
}

TEST_F(TorphixFiles, AnotherProgramsCheckpointIsToldApart) {
  weights::TensorMap other;
  other.insert("dec.weight", weights::Tensor::of<float>({1}, {1}));
  weights::write_torch_zip(dir_ / "epoch=1-step=2.ckpt",
                           weights::Value::dict({{"state_dict", weights::Value::state_dict(other)}}));
  EXPECT_FALSE(looks_like_torphix(dir_ / "epoch=1-step=2.ckpt"));
  EXPECT_THROW(read_torphix_checkpoint(dir_ / "epoch=1-step=2.ckpt"), DataError);
}

TEST(TorphixMetadata, WantsAllFourNumbersOfBoth) {
  const nlohmann::json one{{"max", 3.5}, {"min", -2.0}, {"mean", 200.0}, {"std", 40.0}};
  nlohmann::json both{{"pitch", one}, {"energy", one}};
  EXPECT_EQ(torphix_metadata(read_torphix_metadata(both, "x")), both);
  both["energy"].erase("std");
  try {
    read_torphix_metadata(both, "all_metadata.json");
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("all_metadata.json: energy.std"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace timbre::fastspeech2
