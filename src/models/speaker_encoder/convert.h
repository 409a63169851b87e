#pragma once
#include "roles/spec.h"

/// Checkpoints of other programs ↔ our folder (voice.json, model.safetensors).
namespace timbre::speaker_encoder {

bool looks_like_mozilla(const std::filesystem::path& source);
void mozilla_to_voice(const roles::ConvertRequest& request);
void voice_to_mozilla(const roles::ConvertRequest& request);

bool looks_like_resemblyzer(const std::filesystem::path& source);
void resemblyzer_to_voice(const roles::ConvertRequest& request);
void voice_to_resemblyzer(const roles::ConvertRequest& request);

}  // namespace timbre::speaker_encoder
