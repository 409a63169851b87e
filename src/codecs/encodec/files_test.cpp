#include "codecs/encodec/files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "codecs/encodec/convert.h"
#include "support/golden.h"
#include "weights/safetensors.h"

namespace timbre::encodec {
namespace {

/// A folder that is gone afterwards.
class Scratch {
 public:
  Scratch() : path_(fs::temp_directory_path() / ("timbre-encodec-" + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~Scratch() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void expect_same(const weights::TensorMap& a, const weights::TensorMap& b, const std::string& what) {
  EXPECT_EQ(a.size(), b.size()) << what;
  for (const auto& [name, tensor] : a) EXPECT_TRUE(weights::same(tensor, b.at(name))) << what << ": " << name;
}

TEST(EncodecFiles, EveryFormComesBackBitByBit) {
  TIMBRE_GOLDEN_OR_SKIP(set, "encodec");
  const Scratch scratch;
  for (const std::string kind : {"24khz", "48khz"}) {
    const fs::path th = set / ("encodec_" + kind + ".th"), hf = set / ("hf_" + kind), out = scratch.path() / kind;
    ASSERT_TRUE(looks_like_original(th));
    ASSERT_TRUE(looks_like_transformers(hf));
    EXPECT_FALSE(looks_like_original(hf));
    EXPECT_FALSE(looks_like_transformers(th));
    original_to_folder({.source = th, .out = out / "a"});
    transformers_to_folder({.source = hf, .out = out / "b"});
    folder_to_original({.source = out / "b", .out = out / "th"});
    folder_to_transformers({.source = out / "a", .out = out / "hf"});
    folder_to_transformers({.source = out / "a", .out = out / "old", .options = {{"names", "weight_g"}}});
    expect_same(read_original(th), read_original(out / "th" / "encodec.th"), "hf → ours → th");
    expect_same(weights::read_safetensors(hf / "model.safetensors"),
                weights::read_safetensors(out / "hf" / "model.safetensors"), "th → ours → hf");
    transformers_to_folder({.source = out / "old", .out = out / "c"});
    expect_same(weights::read_safetensors(out / "a" / "model.safetensors"),
                weights::read_safetensors(out / "c" / "model.safetensors"), "old names");
    auto a = read_json(out / "a" / "voice.json"), b = read_json(out / "b" / "voice.json");
    // A small network's bandwidths and segments are in config.json alone.
    for (auto* about : {&a, &b})
      for (const char* key : {"bandwidths", "segment_s", "overlap"}) (*about)["model"]["config"].erase(key);
    EXPECT_EQ(a["model"], b["model"]);
  }
  const fs::path old = set / "hf_24khz" / "model_weight_g_noquant.safetensors";
  const auto whole = read_original(set / "encodec_24khz.th");
  for (const auto& [name, tensor] : from_transformers(weights::read_safetensors(old), "old"))
    EXPECT_TRUE(weights::same(tensor, whole.at(name))) << name;
}

TEST(EncodecFiles, SaysWhatIsNoEncodec) {
  TIMBRE_GOLDEN_OR_SKIP(set, "encodec");
  const Scratch scratch;
  const fs::path text = scratch.path() / "x.th";
  write_file_atomic(text, "no checkpoint at all");
  EXPECT_FALSE(looks_like_original(text));
  EXPECT_THROW(read_original(text), DataError);
  EXPECT_THROW(read_original(set / "cases_24khz.safetensors"), DataError);
  weights::TensorMap map = read_original(set / "encodec_24khz.th");
  map.erase("encoder.model.0.conv.conv.weight_v");
  EXPECT_THROW(config_of_tensors(map, "x"), DataError);
  weights::TensorMap strange;
  strange.insert("encoder.layers.0.attention.weight", weights::Tensor::of<float>({1}, {0}));
  EXPECT_THROW(from_transformers(strange, "x"), DataError);
  EXPECT_THROW(config_of_folder({{"model", {{"kind", "hifigan"}, {"config", {}}}}}, "voice.json"), DataError);
  EXPECT_THROW(folder_to_transformers({.source = set, .out = scratch.path() / "o", .options = {{"names", "odd"}}}),
               UsageError);
}

TEST(EncodecFiles, ConfigMustFitTheTensors) {
  TIMBRE_GOLDEN_OR_SKIP(set, "encodec");
  const auto tensors = read_original(set / "encodec_24khz.th");
  const auto good = read_json(set / "hf_24khz" / "config.json");
  const auto read = [&](const char* key, const nlohmann::json& value) {
    auto settings = good;
    settings[key] = value;
    Config config = config_of_tensors(tensors, "x");
    read_transformers_config(settings, config, "config.json");
    return config;
  };
  EXPECT_EQ(read("sampling_rate", 24000).rate_hz, 24000);
  EXPECT_THROW(read("audio_channels", 2), DataError);
  EXPECT_THROW(read("pad_mode", "constant"), DataError);
  EXPECT_THROW(read("upsampling_ratios", {2, 2}), DataError);
  EXPECT_THROW(read("norm_type", "time_group_norm"), DataError);
  EXPECT_THROW(read("trim_right_ratio", 0.5), DataError);
  EXPECT_THROW(read("model_type", "mimi"), DataError);
  EXPECT_THROW(read("sampling_rate", "fast"), DataError);
}

}  // namespace
}  // namespace timbre::encodec
