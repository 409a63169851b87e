#include "models/llasa/adapter.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "models/llasa/growth.h"
#include "models/llasa/layout.h"
#include "weights/safetensors.h"

namespace timbre::llasa {
namespace {

using Json = nlohmann::ordered_json;
using weights::Tensor;
using weights::TensorMap;

Config tiny() {
  Config config;
  apply_debug(config);
  config.vocab_size = 5;
  config.hidden_size = 4;
  config.intermediate_size = 6;
  config.num_hidden_layers = 1;
  config.head_dim = 2;
  config.num_attention_heads = 2;
  config.num_key_value_heads = 1;
  return config;
}

TensorMap numbers(const std::vector<Slot>& slots, float step) {
  TensorMap out;
  float next = 0;
  for (const Slot& slot : slots) {
    std::int64_t n = 1;
    for (const std::int64_t side : slot.shape) n *= side;
    std::vector<float> values(static_cast<std::size_t>(n));
    for (float& v : values) v = (next += step);
    out.insert(slot.name, Tensor::of<float>(slot.shape, std::move(values)));
  }
  return out;
}

Adapter small_adapter(const Config& config) {
  Adapter out;
  out.options = {.r = 2,
                 .alpha = 6,
                 .dropout = 0.05,
                 .rslora = true,
                 .targets = {"o_proj", "q_proj"},
                 .rank_pattern = {"o_proj=1"},
                 .alpha_pattern = {"o_proj=0.5"}};
  out.base_model = "some/where/base-1";
  Config with = config;
  with.lora = out.options;
  out.tensors = numbers(lora_layout(with), 0.5f);
  return out;
}

class LlasaAdapter : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(dir_);
    make_folders(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }
  static std::string refusal(const std::function<void()>& act) {
    try {
      act();
    } catch (const DataError& wrong) {
      return wrong.what();
    }
    return "accepted";
  }
  fs::path dir_ = fs::temp_directory_path() / ("timbre_llasa_adapter_" + std::to_string(::getpid()));
};

TEST_F(LlasaAdapter, ReadsWhatItWrote) {
  Adapter adapter = small_adapter(tiny());
  adapter.base_fingerprint = "abc";
  write_adapter(dir_ / "a", adapter);
  EXPECT_TRUE(looks_like_adapter(dir_ / "a"));
  const TensorMap stored = weights::read_safetensors(dir_ / "a" / "adapter_model.safetensors");
  EXPECT_TRUE(stored.contains("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"));
  const Adapter got = read_adapter(dir_ / "a");
  EXPECT_EQ(got.options.r, 2);
  EXPECT_EQ(got.options.alpha, 6);
  EXPECT_EQ(got.options.dropout, 0.05);
  EXPECT_TRUE(got.options.rslora);
  EXPECT_EQ(got.options.targets, adapter.options.targets);
  EXPECT_EQ(got.options.rank_pattern, adapter.options.rank_pattern);
  EXPECT_EQ(got.options.alpha_pattern, adapter.options.alpha_pattern);
  EXPECT_EQ(got.base_model, adapter.base_model);
  EXPECT_EQ(got.base_fingerprint, "abc");
  for (const auto& [name, tensor] : adapter.tensors) EXPECT_TRUE(weights::same(tensor, got.tensors.at(name))) << name;
}

TEST_F(LlasaAdapter, RefusesAnotherBase) {
  const Config config = tiny();
  Adapter adapter = small_adapter(config);
  const TensorMap base = numbers(layout(config), 0.25f), other = numbers(layout(config), 0.26f);
  EXPECT_NO_THROW(check_adapter(adapter, config, fingerprint(base), "a"));  // nothing is known of it
  Config wider = config;
  wider.hidden_size = 6;
  EXPECT_NE(refusal([&] { check_adapter(adapter, wider, "", "a"); }).find("[2, 6] expected, the file has [2, 4]"),
            std::string::npos);
  Config deeper = config;
  deeper.num_hidden_layers = 2;
  EXPECT_NE(refusal([&] { check_adapter(adapter, deeper, "", "a"); }).find("another base"), std::string::npos);
  Config named = config;
  named.base_model = "elsewhere/base-1/";
  EXPECT_NO_THROW(check_adapter(adapter, named, "", "a"));
  named.base_model = "base-2";
  EXPECT_NE(refusal([&] { check_adapter(adapter, named, "", "a"); }).find("base-2"), std::string::npos);
  // The numbers count for more than names.
  adapter.base_fingerprint = fingerprint(base);
  EXPECT_NO_THROW(check_adapter(adapter, named, fingerprint(base), "a"));
  EXPECT_NE(refusal([&] { check_adapter(adapter, config, fingerprint(other), "a"); }).find("fingerprint"),
            std::string::npos);
}

TEST_F(LlasaAdapter, NamesWhatItDoesNotCompute) {
  write_adapter(dir_ / "a", small_adapter(tiny()));
  const fs::path file = dir_ / "a" / "adapter_config.json";
  const Json good = read_json<Json>(file);
  const auto wrong = [&](const char* key, const Json& value) {
    Json json = good;
    json[key] = value;
    write_file_atomic(file, json.dump());
    const std::string text = refusal([&] { read_adapter(dir_ / "a"); });
    EXPECT_NE(text.find(key), std::string::npos) << key << ": " << text;
  };
  wrong("peft_type", "IA3");
  wrong("use_dora", true);
  wrong("bias", "all");
  wrong("modules_to_save", Json::array({"lm_head"}));
  wrong("rank_pattern", {{"^model.layers.[0-9]+.q_proj", 3}});
  wrong("r", "8");
  wrong("r", 0);
  wrong("lora_alpha", nullptr);
  EXPECT_NE(refusal([&] { read_adapter(dir_); }).find("no adapter"), std::string::npos);
}

/// W + alpha / r · B·A by hand.
TEST_F(LlasaAdapter, Merges) {
  TensorMap base;
  base.insert("model.layers.0.self_attn.q_proj.weight", Tensor::of<float>({2, 2}, {1, 2, 3, 4}));
  base.insert("model.norm.weight", Tensor::of<float>({2}, {1, 1}));
  Adapter adapter;
  adapter.options = {.r = 1, .alpha = 2};
  adapter.tensors.insert("model.layers.0.self_attn.q_proj.lora_A.weight", Tensor::of<float>({1, 2}, {10, 20}));
  adapter.tensors.insert("model.layers.0.self_attn.q_proj.lora_B.weight", Tensor::of<float>({2, 1}, {1, -1}));
  const auto merged = merged_sources(base, adapter);
  EXPECT_EQ(merged[0].make().to_f32(), (std::vector<float>{21, 42, -17, -36}));
  EXPECT_EQ(merged[1].make().to_f32(), (std::vector<float>{1, 1}));
}

TEST(LlasaGrowth, NewRowsAreTheMeanOrNearIt) {
  std::vector<float> table;
  for (int i = 0; i < 400; ++i) table.push_back(static_cast<float>((i * 37) % 101) - 50.0f);
  const Tensor old = Tensor::of<float>({100, 4}, table);
  const std::vector<float> mean = grown(old, 102, NewRows::mean, 0).to_f32();
  const std::vector<float> spread = grown(old, 102, NewRows::spread, 7).to_f32();
  ASSERT_EQ(mean.size(), 408u);
  EXPECT_TRUE(std::equal(table.begin(), table.end(), mean.begin()));
  double sum = 0;
  for (std::size_t i = 0; i < 400; i += 4) sum += static_cast<double>(table[i]);
  EXPECT_NEAR(mean[400], sum / 100, 1e-5);
  EXPECT_EQ(mean[400], mean[404]);
  EXPECT_NE(spread[400], spread[404]);
  // The old rows deviate by 29; 29 · √1e-9 = 9e-4.
  for (std::size_t i = 400; i < 408; ++i) EXPECT_NEAR(spread[i], mean[i], 5 * 29.3 * 3.2e-5);
  EXPECT_THROW(grown(old, 99, NewRows::mean, 0), UsageError);
  const Tensor half = Tensor::of<weights::BF16>({1, 1}, {weights::to_bf16(3)});
  EXPECT_EQ(grown(half, 2, NewRows::mean, 0).dtype, weights::DType::bf16);
}

}  // namespace
}  // namespace timbre::llasa
