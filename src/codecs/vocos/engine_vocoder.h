#pragma once
#include <memory>
#include <string>

#include "codecs/vocos/config.h"
#include "codecs/vocos/engine.h"
#include "roles/registry.h"
#include "roles/vocoder.h"

namespace timbre::vocos {

/// Frames made at once: their activations stay in the caches.
inline constexpr std::int64_t kPieceFrames = 1000;
/// What the engine asks of a folder's options.
Sizes sizes_of(const Config& config);

/// A folder of ours as a vocoder, without LibTorch. Long mels are made in pieces. Throws DataError naming what is wrong
/// with the folder.
std::unique_ptr<roles::Vocoder> open_engine(const roles::VoiceFiles& folder);
/// Why the engine cannot compute this folder; "" when it can.
std::string engine_lacks(const roles::VoiceFiles& folder);

}  // namespace timbre::vocos
