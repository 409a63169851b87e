#pragma once
#include "roles/registry.h"
#include "roles/speaker_encoder.h"

namespace timbre::speaker_encoder {

/// Opens a speaker encoder's folder. Throws DataError naming file and field.
std::unique_ptr<roles::SpeakerEncoder> open_encoder(const roles::VoiceFiles& voice);

}  // namespace timbre::speaker_encoder
