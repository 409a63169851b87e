#include "models/llasa/config.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "models/llasa/layout.h"
#include "roles/registry.h"

namespace timbre::models {
void register_llasa(roles::Registry& registry);
}

namespace timbre::llasa {
namespace {

TEST(LlasaConfig, PresetsHaveNoProblems) {
  roles::Registry registry;
  models::register_llasa(registry);
  const auto& spec = registry.model("llasa");
  for (const auto& preset : spec.presets)
    EXPECT_EQ(spec.config_of(preset.name)->problems(), std::vector<std::string>{}) << preset.name;
}

TEST(LlasaConfig, PublishedSizes) {
  Config config;
  EXPECT_EQ(parameter_count(config), 1370048512);
  config.vocab_size += 3;
  EXPECT_EQ(parameter_count(config), 1370054656);
  apply_llasa_3b(config);
  EXPECT_NEAR(static_cast<double>(parameter_count(config)), 4.009e9, 1e6);
  apply_llasa_8b(config);
  EXPECT_NEAR(static_cast<double>(parameter_count(config)), 8.567e9, 2e6);
}

TEST(LlasaConfig, NamesEveryContradiction) {
  Config config;
  apply_debug(config);
  config.vocab_size = 100;
  config.num_key_value_heads = 3;
  config.head_dim = 15;
  config.row_length = 5000;
  config.eos_token_id = {99, 100};
  config.rope_scaling = {.rope_type = "llama3", .low_freq_factor = 4, .high_freq_factor = 4};
  config.lora = {.r = 4, .targets = {"q_proj", "query"}, .rank_pattern = {"o_proj"}, .alpha_pattern = {"o_proj=x"}};
  EXPECT_EQ(config.problems().size(), 8u);
}

TEST(LlasaConfig, RanksByPattern) {
  const LoraOptions lora{.r = 4,
                         .alpha = 6,
                         .rslora = true,
                         .targets = {"q_proj", "layers.1.self_attn.o_proj"},
                         .rank_pattern = {"o_proj=2"},
                         .alpha_pattern = {"layers.1.self_attn.q_proj=10"}};
  EXPECT_FALSE(lora_of(lora, "model.layers.0.self_attn.o_proj"));
  EXPECT_FALSE(lora_of(lora, "model.layers.0.self_attn.xq_proj"));
  const auto q0 = lora_of(lora, "model.layers.0.self_attn.q_proj"),
             q1 = lora_of(lora, "model.layers.1.self_attn.q_proj");
  const auto o1 = lora_of(lora, "model.layers.1.self_attn.o_proj");
  ASSERT_TRUE(q0 && q1 && o1);
  EXPECT_DOUBLE_EQ(q0->scale, 3);
  EXPECT_DOUBLE_EQ(q1->scale, 5);
  EXPECT_EQ(o1->r, 2);
  EXPECT_DOUBLE_EQ(o1->scale, 6 / 1.4142135623730951);
  EXPECT_FALSE(lora_of({}, "model.layers.0.self_attn.q_proj"));
}

TEST(LlasaLayout, NamesWhatDoesNotFit) {
  Config config;
  apply_debug(config);
  EXPECT_THROW(layout(config), UsageError);
  config.vocab_size = 3;
  weights::TensorMap tensors;
  for (const Slot& slot : layout(config)) {
    std::int64_t n = 1;
    for (const std::int64_t s : slot.shape) n *= s;
    if (slot.name != kFinalNorm)
      tensors.insert(slot.name,
                     weights::Tensor::of<float>(slot.shape, std::vector<float>(static_cast<std::size_t>(n))));
  }
  tensors.set(kEmbedding, weights::Tensor::of<float>({2, 64}, std::vector<float>(128)));
  tensors.insert(kHead, weights::Tensor::of<float>({1}, {0}));
  EXPECT_EQ(misfits(layout(config), tensors),
            (std::vector<std::string>{"model.embed_tokens.weight: [3, 64] expected, the file has [2, 64]",
                                      "model.norm.weight: missing", "lm_head.weight: unknown"}));
}

}  // namespace
}  // namespace timbre::llasa
