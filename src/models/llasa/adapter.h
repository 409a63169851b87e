#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/llasa/config.h"
#include "models/llasa/hf_folder.h"
#include "weights/tensor.h"

/// Low-rank adapters as peft's folders hold them: adapter_config.json and adapter_model.safetensors. Names here are
/// without peft's "base_model.model.".
namespace timbre::llasa {

struct Adapter {
  LoraOptions options;
  std::string base_model;              ///< base_model_name_or_path; "" = not said
  std::string base_fingerprint;        ///< fingerprint() of the base, where we wrote the adapter; "" = not known
  weights::TensorMap tensors;          ///< lora_layout()'s names
  nlohmann::ordered_json config_json;  ///< as it came; null for one of our making
};

bool looks_like_adapter(const std::filesystem::path& folder);

/// Throws DataError naming the file and the key for what is missing, broken, or of a kind that is not computed here
/// (DoRA, biases, whole modules, regular expressions as patterns).
Adapter read_adapter(const std::filesystem::path& folder);

/// Writes a folder that peft loads; it must not exist. Throws UsageError, SystemError.
void write_adapter(const std::filesystem::path& folder, const Adapter& adapter);

/// What tells one set of base weights from another: the shapes and the first numbers of every tensor, rounded to bf16,
/// so that copies of one network in other number types agree.
std::string fingerprint(const weights::TensorMap& base);

/// Throws DataError unless the adapter can be one of this base: every tensor fits a module by name and shape; its
/// fingerprint, where known, is `base_print`; else its base's name, where both are known, is `config.base_model`
/// (folders before the name count for nothing).
void check_adapter(const Adapter& adapter, const Config& config, const std::string& base_print,
                   const std::string& where);

/// The base's tensors with scale · B·A added, in single precision, made one by one.
std::vector<Source> merged_sources(const weights::TensorMap& base, const Adapter& adapter);

}  // namespace timbre::llasa
