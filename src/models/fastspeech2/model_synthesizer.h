#pragma once
#include "models/fastspeech2/model.h"
#include "roles/registry.h"
#include "roles/synthesizer.h"

namespace timbre::fastspeech2 {

/// Opens the network of a voice folder. Throws DataError naming file and field.
std::unique_ptr<roles::Synthesizer> open_synthesizer(const roles::VoiceFiles& voice);

}  // namespace timbre::fastspeech2
