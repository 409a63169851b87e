#pragma once
#include <filesystem>

#include "roles/spec.h"

/// jik876/hifi-gan's folders ↔ ours, bit by bit.
namespace timbre::hifigan {

/// A g_<steps> file, or a folder with config.json and one.
bool looks_like_upstream(const std::filesystem::path& source);
/// voice.json, model.safetensors (the generator), and training.safetensors where a do_<steps> of the same number lies
/// beside it (discriminators, optimisers, steps, epoch; everything that is in it).
void upstream_to_voice(const roles::ConvertRequest& request);
/// config.json, g_<steps>; do_<steps> where the folder has training.safetensors.
void voice_to_upstream(const roles::ConvertRequest& request);

}  // namespace timbre::hifigan
