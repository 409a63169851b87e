#pragma once
#include "roles/spec.h"

/// EnCodec's converters: see roles::Converter.
namespace timbre::encodec {

/// .th of facebookresearch/encodec ↔ codec folder.
bool looks_like_original(const std::filesystem::path& source);
void original_to_folder(const roles::ConvertRequest& request);
void folder_to_original(const roles::ConvertRequest& request);

/// Folder of Hugging Face (config.json beside model.safetensors or pytorch_model.bin) ↔ codec folder. Option
/// names=weight_g writes the older spelling.
bool looks_like_transformers(const std::filesystem::path& source);
void transformers_to_folder(const roles::ConvertRequest& request);
void folder_to_transformers(const roles::ConvertRequest& request);

}  // namespace timbre::encodec
