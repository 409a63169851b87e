#include "models/llasa/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <cmath>

#include "base/error.h"

namespace timbre::llasa {
namespace {

config::Fields rope_fields(RopeScaling& rope) {
  config::Fields f;
  f.add("rope_type", rope.rope_type, "llama3: long waves are stretched by the factor; default: none are")
      .choices({"default", "llama3"});
  f.add("factor", rope.factor, "how much the longest waves are stretched").range(1, 1e6);
  f.add("low_freq_factor", rope.low_freq_factor, "waves longer than the original length / this are stretched fully")
      .range(1e-3, 1e6);
  f.add("high_freq_factor", rope.high_freq_factor, "waves shorter than the original length / this are left alone")
      .range(1e-3, 1e6);
  f.add("original_max_position_embeddings", rope.original_max_position_embeddings, "the original length, in tokens")
      .range(1, 1e9);
  return f;
}

config::Fields lora_fields(LoraOptions& lora) {
  config::Fields f;
  f.add("r", lora.r, "rank of the adapters; 0 = none, the whole network is trained").range(0, 8192);
  f.add("alpha", lora.alpha, "adapters count alpha / r times").range(0, 1e6);
  f.add("dropout", lora.dropout, "of what goes into the adapters, in training").range(0, 0.95);
  f.add("rslora", lora.rslora, "alpha / √r instead of alpha / r");
  f.add("targets", lora.targets,
        "modules with adapters: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj");
  f.add("rank_pattern", lora.rank_pattern, "another rank for some modules: o_proj=2");
  f.add("alpha_pattern", lora.alpha_pattern, "another alpha for some modules: down_proj=10");
  return f;
}

constexpr std::array<const char*, 7> kTargets{"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                              "gate_proj", "up_proj", "down_proj"};

bool names_module(std::string_view pattern, std::string_view module) {
  return module == pattern || (module.size() > pattern.size() && module.ends_with(pattern) &&
                               module[module.size() - pattern.size() - 1] == '.');
}

/// The number that the first fitting "NAME=NUMBER" gives.
std::optional<double> by_pattern(const std::vector<std::string>& patterns, const char* option,
                                 const std::string& module) {
  std::optional<double> found;
  for (const std::string& text : patterns) {
    const std::size_t equals = text.rfind('=');
    double value = 0;
    const char* end = text.data() + text.size();
    const bool good = equals != std::string::npos && equals > 0 &&
                      std::from_chars(text.data() + equals + 1, end, value).ptr == end && value > 0 &&
                      equals + 1 < text.size();
    if (!good) throw UsageError(fmt::format("lora.{}: '{}' is not NAME=NUMBER", option, text), "such as o_proj=2");
    if (!found && names_module(std::string_view(text).substr(0, equals), module)) found = value;
  }
  return found;
}

}  // namespace

config::Fields Config::fields() {
  config::Fields f;
  f.add("vocab_size", vocab_size, "rows of the embedding; 0 = as many as the tokenizer has").range(0, 1 << 24);
  f.add("hidden_size", hidden_size, "width of the network").range(2, 65536);
  f.add("intermediate_size", intermediate_size, "width inside the feed-forward parts").range(1, 1 << 20);
  f.add("num_hidden_layers", num_hidden_layers, "layers").range(1, 1024);
  f.add("num_attention_heads", num_attention_heads, "attention heads").range(1, 1024);
  f.add("num_key_value_heads", num_key_value_heads, "heads of keys and values; queries share them").range(1, 1024);
  f.add("head_dim", head_dim, "width of a head").range(2, 4096);
  f.add("rope_theta", rope_theta, "base of the rotary positions' wavelengths").range(1, 1e12);
  f.group("rope_scaling", rope_fields(rope_scaling), "rotary positions");
  f.add("max_position_embeddings", max_position_embeddings, "the longest sequence, in tokens").range(1, 1e9);
  f.add("rms_norm_eps", rms_norm_eps, "added to the mean square").range(0, 1);
  f.add("tie_word_embeddings", tie_word_embeddings, "the output matrix is the embedding");
  f.add("initializer_range", initializer_range, "deviation of first values").range(0, 10);
  f.add("bos_token_id", bos_token_id, "the token that begins a text");
  f.add("eos_token_id", eos_token_id, "tokens that end one");
  f.add("tokenizer", tokenizer, "folder with tokenizer.json").metavar("FOLDER");
  f.add("codec", codec, "folder of the codec, or the name of one whose codes the corpus has").metavar("FOLDER");
  f.add("row_length", row_length, "tokens of a training row, the chat template's among them").range(2, 1 << 20);
  f.add("cut_rows", cut_rows,
        "rows that do not end within row_length: leave_out; keep: train on what is there, as the reference does, which "
        "teaches the network not to stop")
      .choices({"leave_out", "keep"});
  f.add("new_rows", new_rows,
        "with --base: what the embedding gets for tokens that the base has not: mean: of all its rows; spread: drawn "
        "around the mean, as transformers has it")
      .choices({"mean", "spread"});
  f.add("packing", packing, "several utterances in one row, each seeing itself alone");
  f.add("recompute", recompute, "less memory: compute the inside of a layer again for the gradients");
  f.add("base_model", base_model, "what an adapter is for");
  f.add("adapter", adapter, "with --base: go on with these adapters of peft's; lora.* are theirs").metavar("FOLDER");
  f.group("lora", lora_fields(lora), "low-rank adapters");
  f.group("split", corpus::fields(split), "training, validation and test sides");
  return f;
}

std::vector<std::string> Config::problems() const {
  std::vector<std::string> out;
  if (num_attention_heads % num_key_value_heads != 0)
    out.push_back(fmt::format("{} attention heads cannot share {} heads of keys and values: change num_key_value_heads",
                              num_attention_heads, num_key_value_heads));
  if (head_dim % 2 != 0) out.push_back(fmt::format("head_dim {} must be even: positions turn pairs", head_dim));
  if (rope_scaling.rope_type == "llama3" && rope_scaling.low_freq_factor >= rope_scaling.high_freq_factor)
    out.push_back(fmt::format("rope_scaling.low_freq_factor {} must be below high_freq_factor {}",
                              rope_scaling.low_freq_factor, rope_scaling.high_freq_factor));
  if (row_length > max_position_embeddings)
    out.push_back(
        fmt::format("row_length {} is more than the network's {} positions", row_length, max_position_embeddings));
  for (const std::int64_t id : eos_token_id)
    if (id < 0 || (vocab_size > 0 && id >= vocab_size))
      out.push_back(fmt::format("eos_token_id {} is outside of the vocabulary of {}", id, vocab_size));
  if (lora.r == 0) return out;
  for (const std::string& target : lora.targets) {
    bool known = false;
    for (const char* name : kTargets) known = known || names_module(name, target);
    if (!known)
      out.push_back(
          fmt::format("lora.targets: there is no module '{}': choose from {}", target, fmt::join(kTargets, ", ")));
  }
  if (lora.targets.empty()) out.emplace_back("lora.targets: name at least one module, such as q_proj");
  for (const auto* patterns : {&lora.rank_pattern, &lora.alpha_pattern}) {
    try {
      by_pattern(*patterns, patterns == &lora.rank_pattern ? "rank_pattern" : "alpha_pattern", "");
    } catch (const UsageError& wrong) {
      out.emplace_back(wrong.what());
    }
  }
  return out;
}

std::optional<LoraRank> lora_of(const LoraOptions& options, const std::string& module) {
  if (options.r == 0) return std::nullopt;
  bool target = false;
  for (const std::string& name : options.targets) target = target || names_module(name, module);
  if (!target) return std::nullopt;
  LoraRank out;
  const auto rank = by_pattern(options.rank_pattern, "rank_pattern", module);
  out.r = rank ? static_cast<std::int64_t>(*rank) : options.r;
  out.alpha = by_pattern(options.alpha_pattern, "alpha_pattern", module).value_or(options.alpha);
  const auto r = static_cast<double>(out.r);
  out.scale = out.alpha / (options.rslora ? std::sqrt(r) : r);
  return out;
}

void apply_llasa_1b(Config& config) { config = Config(); }

void apply_llasa_3b(Config& config) {
  config = Config();
  config.hidden_size = 3072;
  config.num_hidden_layers = 28;
  config.num_attention_heads = 24;
  config.head_dim = 128;
  config.tie_word_embeddings = false;
}

void apply_llasa_8b(Config& config) {
  config = Config();
  config.hidden_size = 4096;
  config.intermediate_size = 14336;
  config.num_hidden_layers = 32;
  config.head_dim = 128;
  config.rope_scaling.factor = 8;
  config.tie_word_embeddings = false;
}

void apply_small(Config& config) {
  config = Config();
  config.vocab_size = 0;
  config.hidden_size = 256;
  config.intermediate_size = 768;
  config.num_hidden_layers = 6;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 64;
  config.rope_theta = 10000;
  config.rope_scaling.rope_type = "default";
  config.max_position_embeddings = 4096;
  config.codec = "small_codec";
}

void apply_debug(Config& config) {
  apply_small(config);
  config.hidden_size = 64;
  config.intermediate_size = 128;
  config.num_hidden_layers = 2;
  config.head_dim = 16;
}

}  // namespace timbre::llasa
