#pragma once
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "models/llasa/config.h"
#include "weights/tensor.h"

/// Folders as Hugging Face's save_pretrained() leaves them: config.json, generation_config.json and
/// model.safetensors, whole or in shards with an index. Tensors are memory maps until somebody asks for their numbers.
namespace timbre::llasa {

/// What a folder says of its network.
struct HfFolder {
  Config config;
  nlohmann::ordered_json config_json;      ///< as it came
  nlohmann::ordered_json generation_json;  ///< null when there is no generation_config.json
  std::vector<std::string> notes;          ///< what was passed over, one line each
};

/// A folder whose config.json is of a Llama and which holds weights. Never throws.
bool looks_like_hf_folder(const std::filesystem::path& folder);

/// Options from config.json in the style of transformers 4 (rope_theta, rope_scaling, torch_dtype) or 5
/// (rope_parameters, dtype). Throws DataError naming `where` and the key for what is missing, of the wrong kind, or
/// asks for something that this network does not compute (another model_type, activation, biases, quantisation).
Config config_from_hf(const nlohmann::ordered_json& values, const std::string& where);

/// The other way: `before` (may be null) with our values set, in its own style; transformers 4's where it has none.
nlohmann::ordered_json config_to_hf(const Config& config, nlohmann::ordered_json before, weights::DType dtype);

/// Reads config.json and generation_config.json. Throws DataError, SystemError.
HfFolder read_hf_folder(const std::filesystem::path& folder);

/// The weights, in the order of layout(). A stored lm_head of a tied network is passed over, as Hugging Face does (with
/// a note when it differs from the embedding). Throws DataError naming the folder and up to five tensors that are
/// missing, unknown or of another shape than config.json says.
weights::TensorMap read_hf_tensors(const std::filesystem::path& folder, HfFolder& about);

/// One tensor to be written, made when its turn comes.
struct Source {
  std::string name;
  std::vector<std::int64_t> shape;
  std::function<weights::Tensor()> make;  ///< any real number type
};
/// Sources that hand out the tensors of a map.
std::vector<Source> sources_of(const weights::TensorMap& tensors);

/// How weights are stored.
struct StoreOptions {
  weights::DType dtype = weights::DType::f32;
  std::int64_t shard_bytes = 5'000'000'000;  ///< the most bytes of a file, as transformers 4 has it
};

/// Writes model.safetensors, or shards and their index, into `folder`; one tensor is in memory at a time. Throws
/// SystemError.
void write_hf_weights(const std::filesystem::path& folder, const std::vector<Source>& sources,
                      const StoreOptions& options);

/// Writes a whole folder: config.json, generation_config.json where there is one, the weights. The folder must not
/// exist; it appears when everything is in it.
void write_hf_folder(const std::filesystem::path& folder, const HfFolder& about, const std::vector<Source>& sources,
                     const StoreOptions& options);

}  // namespace timbre::llasa
