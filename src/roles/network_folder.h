#pragma once
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>

#include "roles/spec.h"
#include "weights/tensor.h"

/// A network's folder on disk: voice.json, whose "model" names its kind, options and file of weights, beside that
/// file. Vocoders, codecs and speaker encoders are kept so; voices have more (voice/voice.h).
namespace timbre::roles {

/// The "model" of voice.json.
nlohmann::json about_model(const std::string& kind, const ModelConfig& config);

/// True when `about` describes a network of that kind, with options. Any JSON.
bool is_model(const nlohmann::json& about, const std::string& kind);

/// Reads options from JSON. Throws DataError naming `where` and the field, or the first contradiction.
void read_options(ModelConfig& config, const nlohmann::json& values, const std::string& where);

/// The same for `about` of a folder of that kind; DataError when it is of none or another.
void read_model(ModelConfig& config, const std::string& kind, const nlohmann::json& about, const std::string& where);

/// The file with the tensors of the network that `about`, an is_model(), describes.
std::filesystem::path weights_file(const std::filesystem::path& folder, const nlohmann::json& about);

/// `given`, or the voice/ in it when it is a run's folder.
std::filesystem::path folder_of_network(const std::filesystem::path& given);

/// Throws UsageError when there is something already where a converter is to write.
void refuse_existing(const std::filesystem::path& out);

/// Makes `folder` with the tensors in model.safetensors, then voice.json. Throws SystemError.
void write_network_folder(const std::filesystem::path& folder, const nlohmann::json& about,
                          const weights::TensorMap& tensors);

}  // namespace timbre::roles
