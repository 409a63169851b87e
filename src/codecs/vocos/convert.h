#pragma once
#include "roles/spec.h"

/// gemelo-ai/vocos: a folder with config.yaml and pytorch_model.bin ↔ a folder of ours. Every tensor keeps its bytes.
namespace timbre::vocos {

bool looks_like_vocos(const std::filesystem::path& source);
void vocos_to_folder(const roles::ConvertRequest& request);
void folder_to_vocos(const roles::ConvertRequest& request);

}  // namespace timbre::vocos
