#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "corpus/split.h"
#include "roles/spec.h"

/// Llasa (Ye et al. 2025, arXiv 2502.04128): a Llama-3.2 kind of decoder over text tokens and the codes of a codec with
/// one codebook. Options of the network carry the names of Hugging Face's config.json.
namespace timbre::llasa {

/// How rotary positions are stretched ("rope_scaling" of config.json).
struct RopeScaling {
  std::string rope_type = "llama3";  ///< llama3, or default = not at all
  double factor = 32;
  double low_freq_factor = 1;
  double high_freq_factor = 4;
  std::int64_t original_max_position_embeddings = 8192;
};

/// Low-rank adapters (Hu et al. 2021) as peft's adapter_config.json says them.
struct LoraOptions {
  std::int64_t r = 0;  ///< rank; 0 = none: the whole network is trained
  double alpha = 32;   ///< ΔW = B·A · alpha / r, or / √r with rslora
  double dropout = 0.1;
  bool rslora = false;
  std::vector<std::string> targets = {"q_proj", "v_proj"};  ///< last parts of module names
  std::vector<std::string> rank_pattern;                    ///< "o_proj=2": another rank for some modules
  std::vector<std::string> alpha_pattern;                   ///< "down_proj=10"
};

/// All options of the model.
struct Config final : roles::ModelConfig {
  std::int64_t vocab_size = 193800;  ///< rows of the embedding; 0 = as many as the tokenizer has
  std::int64_t hidden_size = 2048;
  std::int64_t intermediate_size = 8192;
  std::int64_t num_hidden_layers = 16;
  std::int64_t num_attention_heads = 32;
  std::int64_t num_key_value_heads = 8;
  std::int64_t head_dim = 64;
  double rope_theta = 500000;
  RopeScaling rope_scaling;
  std::int64_t max_position_embeddings = 131072;
  double rms_norm_eps = 1e-5;
  bool tie_word_embeddings = true;
  double initializer_range = 0.02;  ///< deviation of first values when trained from scratch
  std::optional<std::int64_t> bos_token_id;
  std::vector<std::int64_t> eos_token_id;

  std::string tokenizer;               ///< folder with tokenizer.json
  std::string codec = "xcodec2";       ///< a codec's folder, or the name of one whose codes the corpus has
  std::int64_t row_length = 2048;      ///< tokens of a training row
  std::string cut_rows = "leave_out";  ///< rows that do not end within row_length: leave_out, or keep as the reference
  std::string new_rows = "mean";       ///< what a base's embedding gets for added tokens, see growth.h
  bool packing = false;                ///< several utterances in one row, each seeing itself alone
  bool recompute = false;              ///< keep only the layers' inputs and compute the rest again for the gradients
  std::string base_model;              ///< what an adapter is for (base_model_name_or_path)
  LoraOptions lora;
  std::string adapter;  ///< peft folder that a run with --base goes on from; its options are `lora`
  corpus::SplitOptions split;

  config::Fields fields() override;
  std::vector<std::string> problems() const override;
  std::unique_ptr<roles::ModelConfig> clone() const override { return std::make_unique<Config>(*this); }

  std::int64_t query_width() const { return num_attention_heads * head_dim; }
  std::int64_t key_width() const { return num_key_value_heads * head_dim; }
};

/// Of one module with adapters: rank and the factor of B·A.
struct LoraRank {
  std::int64_t r = 0;
  double alpha = 0;
  double scale = 0;
};
/// `module` is a full module name ("model.layers.0.self_attn.q_proj"); nothing when it is no target. Patterns are
/// names or ends of names after a dot, the first that fits counts. Throws UsageError for a pattern without "=NUMBER".
std::optional<LoraRank> lora_of(const LoraOptions& options, const std::string& module);

/// Shapes of the published weights. 3B is stored with a head of its own, 8B is untied.
void apply_llasa_1b(Config& config);
void apply_llasa_3b(Config& config);
void apply_llasa_8b(Config& config);
/// Ours, for the small codec on a CPU: 256 wide, 6 layers.
void apply_small(Config& config);
/// Two layers of width 64 for tests.
void apply_debug(Config& config);

}  // namespace timbre::llasa
