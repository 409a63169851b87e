#pragma once
#include <memory>
#include <string>

#include "roles/registry.h"
#include "roles/vocoder.h"

namespace timbre::vocos {

/// A folder of ours as a vocoder, without LibTorch. Long mels are made in pieces. Throws DataError naming what is wrong
/// with the folder.
std::unique_ptr<roles::Vocoder> open_engine(const roles::VoiceFiles& folder);
/// Why the engine cannot compute this folder; "" when it can.
std::string engine_lacks(const roles::VoiceFiles& folder);

}  // namespace timbre::vocos
