#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "models/llasa/config.h"
#include "weights/tensor.h"

/// Every tensor of the network by name and shape, without LibTorch, in the order of Hugging Face's state_dict().
namespace timbre::llasa {

/// One tensor.
struct Slot {
  std::string name;
  std::vector<std::int64_t> shape;
};

inline constexpr const char* kEmbedding = "model.embed_tokens.weight";
inline constexpr const char* kHead = "lm_head.weight";
inline constexpr const char* kFinalNorm = "model.norm.weight";

/// "model.layers.3."
std::string layer_prefix(std::int64_t layer);

/// A matrix of a layer: its module name within the layer ("self_attn.q_proj") and [outputs, inputs].
struct Matrix {
  std::string module;
  std::int64_t outputs = 0, inputs = 0;
};
/// q, k, v, o, gate, up, down.
std::vector<Matrix> layer_matrices(const Config& config);

/// Base weights. A tied network has no lm_head.weight. Throws UsageError when vocab_size is 0.
std::vector<Slot> layout(const Config& config);

/// The adapters' tensors, as modules of ours name them: "model.layers.0.self_attn.q_proj.lora_A.weight" [r, inputs],
/// "….lora_B.weight" [outputs, r]. Empty without adapters.
std::vector<Slot> lora_layout(const Config& config);

/// All numbers of layout().
std::int64_t parameter_count(const Config& config);

/// What does not fit `slots`, one line a tensor: "NAME: [8, 4] expected, the file has [8, 2]", "…: missing",
/// "…: unknown". Throws nothing.
std::vector<std::string> misfits(const std::vector<Slot>& slots, const weights::TensorMap& tensors);

}  // namespace timbre::llasa
