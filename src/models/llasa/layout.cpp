#include "models/llasa/layout.h"

#include <fmt/format.h>

#include <set>

#include "base/error.h"

namespace timbre::llasa {

std::string layer_prefix(std::int64_t layer) { return fmt::format("model.layers.{}.", layer); }

std::vector<Matrix> layer_matrices(const Config& config) {
  const std::int64_t d = config.hidden_size, q = config.query_width(), kv = config.key_width();
  const std::int64_t inner = config.intermediate_size;
  return {{"self_attn.q_proj", q, d}, {"self_attn.k_proj", kv, d}, {"self_attn.v_proj", kv, d},
          {"self_attn.o_proj", d, q}, {"mlp.gate_proj", inner, d}, {"mlp.up_proj", inner, d},
          {"mlp.down_proj", d, inner}};
}

std::vector<Slot> layout(const Config& config) {
  if (config.vocab_size < 1)
    throw UsageError("vocab_size 0: the size of the vocabulary is not known yet", "give the tokenizer, or vocab_size");
  const std::int64_t d = config.hidden_size;
  std::vector<Slot> out = {{kEmbedding, {config.vocab_size, d}}};
  const std::vector<Matrix> matrices = layer_matrices(config);
  for (std::int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const std::string prefix = layer_prefix(layer);
    for (const Matrix& m : matrices) out.push_back({prefix + m.module + ".weight", {m.outputs, m.inputs}});
    out.push_back({prefix + "input_layernorm.weight", {d}});
    out.push_back({prefix + "post_attention_layernorm.weight", {d}});
  }
  out.push_back({kFinalNorm, {d}});
  if (!config.tie_word_embeddings) out.push_back({kHead, {config.vocab_size, d}});
  return out;
}

std::vector<Slot> lora_layout(const Config& config) {
  std::vector<Slot> out;
  const std::vector<Matrix> matrices = layer_matrices(config);
  for (std::int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    for (const Matrix& m : matrices) {
      const std::string module = layer_prefix(layer) + m.module;
      const auto rank = lora_of(config.lora, module);
      if (!rank) continue;
      out.push_back({module + ".lora_A.weight", {rank->r, m.inputs}});
      out.push_back({module + ".lora_B.weight", {m.outputs, rank->r}});
    }
  }
  return out;
}

std::int64_t parameter_count(const Config& config) {
  std::int64_t sum = 0;
  for (const Slot& slot : layout(config)) {
    std::int64_t product = 1;
    for (const std::int64_t n : slot.shape) product *= n;
    sum += product;
  }
  return sum;
}

std::vector<std::string> misfits(const std::vector<Slot>& slots, const weights::TensorMap& tensors) {
  std::vector<std::string> out;
  std::set<std::string> known;
  for (const Slot& slot : slots) {
    known.insert(slot.name);
    const weights::Tensor* found = tensors.find(slot.name);
    if (!found)
      out.push_back(slot.name + ": missing");
    else if (found->shape != slot.shape)
      out.push_back(fmt::format("{}: {} expected, the file has {}", slot.name, weights::shape_text(slot.shape),
                                weights::shape_text(found->shape)));
  }
  for (const std::string& name : tensors.names())
    if (!known.contains(name)) out.push_back(name + ": unknown");
  return out;
}

}  // namespace timbre::llasa
