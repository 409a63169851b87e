#pragma once
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>

#include "codecs/encodec/config.h"
#include "weights/tensor.h"

/// EnCodec's files: facebookresearch/encodec's .th, Hugging Face folders, ours. Our model.safetensors has the names and
/// the tensors of the .th, weight norm unfolded, so that nothing is lost on the way back.
namespace timbre::encodec {

namespace fs = std::filesystem;

/// A state dict of the encodec package. Throws DataError when the file holds none.
weights::TensorMap read_original(const fs::path& path);
void write_original(const fs::path& path, const weights::TensorMap& tensors);

/// Tensors of transformers' EncodecModel under the original's names; weight norm may be spelt weight_g / weight_v or
/// parametrizations.weight.original0 / 1. Throws DataError naming a tensor that is none of EnCodec's.
weights::TensorMap from_transformers(const weights::TensorMap& tensors, const std::string& where);
/// The way back. `old_names` spells weight norm weight_g / weight_v, as transformers before 4.40 or so did.
weights::TensorMap to_transformers(const weights::TensorMap& tensors, bool old_names);

/// Sizes from names and shapes (original's names); rates, bandwidths and segments of the published kind of that shape.
/// Throws DataError naming the tensor that is missing or has another shape.
Config config_of_tensors(const weights::TensorMap& tensors, const std::string& where);
/// What config.json of transformers adds. Throws DataError where it contradicts the tensors, or asks for what is not
/// computed here (padding other than reflect, trimming on the left, residual blocks without shortcut).
void read_transformers_config(const nlohmann::json& settings, Config& config, const std::string& where);
nlohmann::json transformers_config(const Config& config);

/// voice.json of a codec.
nlohmann::json about_codec(const Config& config);
/// Options out of voice.json. Throws DataError when it is no EnCodec.
Config config_of_folder(const nlohmann::json& about, const std::string& where);

}  // namespace timbre::encodec
