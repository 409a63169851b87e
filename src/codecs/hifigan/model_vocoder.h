#pragma once
#include "roles/registry.h"
#include "roles/vocoder.h"

namespace timbre::hifigan {

/// A folder of ours as a vocoder. Long mels are made in pieces. Throws DataError naming what is wrong with the folder.
std::unique_ptr<roles::Vocoder> open_vocoder(const roles::VoiceFiles& folder);

}  // namespace timbre::hifigan
