#pragma once
#include "roles/registry.h"
#include "roles/vocoder.h"

namespace timbre::vocos {

/// A folder of ours as a vocoder. Throws DataError when it takes codes, or its files are broken.
std::unique_ptr<roles::Vocoder> open_vocoder(const roles::VoiceFiles& folder);

}  // namespace timbre::vocos
