#include "models/llasa/hf_folder.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "models/llasa/layout.h"
#include "weights/safetensors.h"

namespace timbre::llasa {
namespace {

using Json = nlohmann::ordered_json;
using weights::DType;
using weights::Tensor;
using weights::TensorMap;

constexpr std::int64_t kVocabulary = 20;

Config tiny() {
  Config config;
  apply_debug(config);
  config.vocab_size = kVocabulary;
  config.hidden_size = 8;
  config.intermediate_size = 12;
  config.head_dim = 4;
  config.num_attention_heads = 2;
  config.num_key_value_heads = 1;
  config.bos_token_id = 3;
  config.eos_token_id = {4, 5};
  config.rope_scaling = {};
  return config;
}

TensorMap numbers(const Config& config) {
  TensorMap out;
  float next = 0;
  for (const Slot& slot : layout(config)) {
    std::int64_t n = 1;
    for (const std::int64_t side : slot.shape) n *= side;
    std::vector<float> values(static_cast<std::size_t>(n));
    for (float& v : values) v = (next += 0.25f);
    out.insert(slot.name, Tensor::of<float>(slot.shape, std::move(values)));
  }
  return out;
}

class LlasaHfFolder : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(dir_); }
  void TearDown() override { fs::remove_all(dir_); }
  fs::path write(const Config& config, const StoreOptions& options = {}, const TensorMap* tensors = nullptr) {
    const TensorMap made = tensors ? *tensors : numbers(config);
    const fs::path folder = dir_ / "hf";
    fs::remove_all(folder);
    make_folders(dir_);
    write_hf_folder(folder, {.config = config, .config_json = nullptr, .generation_json = nullptr, .notes = {}},
                    sources_of(made), options);
    return folder;
  }
  static std::string refusal(const std::function<void()>& act) {
    try {
      act();
    } catch (const DataError& wrong) {
      return wrong.what();
    }
    return "accepted";
  }
  static void edit(const fs::path& file, const std::function<void(Json&)>& change) {
    Json json = read_json<Json>(file);
    change(json);
    write_file_atomic(file, json.dump());
  }
  fs::path dir_ = fs::temp_directory_path() / ("timbre_llasa_hf_" + std::to_string(::getpid()));
};

TEST_F(LlasaHfFolder, ReadsWhatItWrote) {
  for (const bool tied : {true, false}) {
    Config config = tiny();
    config.tie_word_embeddings = tied;
    const TensorMap want = numbers(config);
    const fs::path folder = write(config);
    EXPECT_TRUE(looks_like_hf_folder(folder));
    HfFolder got = read_hf_folder(folder);
    EXPECT_EQ(got.config.eos_token_id, config.eos_token_id);
    EXPECT_EQ(got.config.bos_token_id, config.bos_token_id);
    EXPECT_EQ(got.config.rope_scaling.factor, 32);
    EXPECT_EQ(got.config.rms_norm_eps, config.rms_norm_eps);
    const TensorMap tensors = read_hf_tensors(folder, got);
    ASSERT_EQ(tensors.names(), want.names());
    for (const auto& [name, tensor] : want) EXPECT_TRUE(weights::same(tensor, tensors.at(name))) << name;
  }
}

TEST_F(LlasaHfFolder, ShardsHoldNoMoreThanAsked) {
  const Config config = tiny();
  const fs::path folder = write(config, {.dtype = DType::bf16, .shard_bytes = 400});
  EXPECT_FALSE(fs::exists(folder / "model.safetensors"));
  EXPECT_EQ(read_json<Json>(folder / "config.json")["torch_dtype"], "bfloat16");
  HfFolder about = read_hf_folder(folder);
  const TensorMap tensors = read_hf_tensors(folder, about);
  EXPECT_EQ(tensors.bytes(), parameter_count(config) * 2);
  std::size_t shards = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".safetensors") {
      ++shards;
      const TensorMap one = weights::read_safetensors(entry.path());
      EXPECT_TRUE(one.bytes() <= 400 || one.size() == 1);
    }
  EXPECT_GT(shards, 3u);
  EXPECT_EQ(read_json<Json>(folder / "model.safetensors.index.json")["metadata"]["total_size"], tensors.bytes());
}

/// A tied network whose file has a head of its own (of other numbers), and one without that is not tied.
TEST_F(LlasaHfFolder, TiesAsHuggingFaceDoes) {
  Config untied = tiny();
  untied.tie_word_embeddings = false;
  const fs::path folder = write(untied);
  edit(folder / "config.json", [](Json& json) { json["tie_word_embeddings"] = true; });
  HfFolder about = read_hf_folder(folder);
  EXPECT_FALSE(read_hf_tensors(folder, about).contains(kHead));
  EXPECT_EQ(about.notes.size(), 1u);
  const fs::path tied = write(tiny());
  edit(tied / "config.json", [](Json& json) { json.erase("tie_word_embeddings"); });
  HfFolder other = read_hf_folder(tied);
  EXPECT_NE(refusal([&] { read_hf_tensors(tied, other); }).find("lm_head.weight: missing"), std::string::npos);
}

TEST_F(LlasaHfFolder, ReadsTheConfigsOfBothVersions) {
  const fs::path folder = write(tiny());
  const Json old_style = read_json<Json>(folder / "config.json");
  Json new_style = old_style;
  new_style["rope_parameters"] = old_style["rope_scaling"];
  new_style["rope_parameters"]["rope_theta"] = 12345.0;
  new_style.erase("rope_scaling");
  new_style.erase("rope_theta");
  new_style.erase("torch_dtype");
  new_style["dtype"] = "float32";
  const Config config = config_from_hf(new_style, "config.json");
  EXPECT_EQ(config.rope_theta, 12345);
  EXPECT_EQ(config.rope_scaling.rope_type, "llama3");
  // It goes back in the style it came in.
  const Json again = config_to_hf(config, new_style, DType::bf16);
  EXPECT_EQ(again["rope_parameters"]["rope_theta"], 12345.0);
  EXPECT_EQ(again["dtype"], "bfloat16");
  EXPECT_FALSE(again.contains("rope_theta"));
  EXPECT_FALSE(again.contains("torch_dtype"));
}

TEST_F(LlasaHfFolder, SaysWhatItCannotCompute) {
  const Json good = config_to_hf(tiny(), nullptr, DType::f32);
  const auto wrong = [&](const char* key, const Json& value) {
    Json json = good;
    if (value.is_null())
      json.erase(key);
    else
      json[key] = value;
    const std::string text = refusal([&] { config_from_hf(json, "config.json"); });
    EXPECT_NE(text.find(key), std::string::npos) << key << ": " << text;
  };
  wrong("model_type", "qwen2");
  wrong("hidden_act", "gelu");
  wrong("attention_bias", true);
  wrong("quantization_config", Json::object());
  wrong("hidden_size", nullptr);
  wrong("hidden_size", "8");
  wrong("vocab_size", -1);
  wrong("vocab_size", 18446744073709551615u);
  wrong("eos_token_id", kVocabulary);
  wrong("tie_word_embeddings", 1);
  wrong("rope_scaling", {{"rope_type", "yarn"}});
  EXPECT_NE(refusal([] { config_from_hf(Json::array(), "config.json"); }).find("object"), std::string::npos);
}

TEST_F(LlasaHfFolder, NamesTensorsThatDoNotFit) {
  const Config config = tiny();
  TensorMap tensors = numbers(config);
  tensors.erase(kFinalNorm);
  tensors.insert("model.layers.0.self_attn.q_proj.bias", Tensor::of<float>({8}, std::vector<float>(8)));
  tensors.insert("model.layers.0.self_attn.rotary_emb.inv_freq", Tensor::of<float>({2}, {1, 2}));
  tensors.set(kEmbedding, Tensor::of<float>({2, 8}, std::vector<float>(16)));
  const fs::path folder = write(config, {}, &tensors);
  HfFolder about = read_hf_folder(folder);
  const std::string text = refusal([&] { read_hf_tensors(folder, about); });
  EXPECT_NE(text.find("3 tensors"), std::string::npos) << text;
  EXPECT_NE(text.find("[20, 8] expected, the file has [2, 8]"), std::string::npos) << text;
  EXPECT_NE(text.find("model.norm.weight: missing"), std::string::npos) << text;
  EXPECT_NE(text.find("q_proj.bias: unknown"), std::string::npos) << text;
}

TEST_F(LlasaHfFolder, NamesShardsThatWereCutOffOrAreGone) {
  const fs::path folder = write(tiny(), {.shard_bytes = 2000});
  HfFolder about = read_hf_folder(folder);
  const fs::path shard = folder / "model-00002-of-00003.safetensors";
  ASSERT_TRUE(fs::exists(shard));
  const std::string bytes = read_file(shard);
  write_file_atomic(shard, std::string_view(bytes).substr(0, bytes.size() / 2));
  const std::string cut = refusal([&] { read_hf_tensors(folder, about); });
  EXPECT_NE(cut.find("model-00002-of-00003.safetensors"), std::string::npos) << cut;
  EXPECT_NE(cut.find("cut off"), std::string::npos) << cut;
  fs::remove(shard);
  EXPECT_NE(refusal([&] { read_hf_tensors(folder, about); }).find("is missing"), std::string::npos);
}

}  // namespace
}  // namespace timbre::llasa
