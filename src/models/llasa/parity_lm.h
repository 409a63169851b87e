#pragma once
#include <memory>
#include <string>

#include "models/llasa/model_open.h"
#include "roles/golden.h"

namespace timbre::llasa {

inline constexpr const char* kForwardFile = "forward_and_generation.safetensors";
inline constexpr const char* kGradientFile = "gradients_and_adamw.safetensors";
inline constexpr const char* kLoraFile = "lora.safetensors";
inline constexpr const char* kCases = "cases.json";

/// A given tensor.
Tensor given(const roles::ParityRun& run, const std::string& file, const std::string& name);
/// Puts an entry if the set asks for it.
void put(roles::ParityRun& run, const std::string& file, const std::string& name, const Tensor& value);
void put_case(roles::ParityRun& run, const std::string& pointer, nlohmann::json value);
/// The checkpoint of a folder of the set, with an adapter of it where one is named.
std::unique_ptr<Model> checkpoint(const roles::ParityRun& run, const std::string& folder,
                                  const std::string& adapter = {});
/// The rows of `fwd.*`, and their labels.
struct Forward {
  Rows rows;
  Tensor labels_BT;
};
Forward forward_rows(const roles::ParityRun& run);
/// Logits [B, V] at the last token of each row that is seen.
Tensor logits_last(const Model& model, const Rows& rows);

/// generation, generation_batch, greedy.*, sampling.
void run_generation_parity(roles::ParityRun& run);

}  // namespace timbre::llasa
