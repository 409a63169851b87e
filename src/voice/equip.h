#pragma once
#include <filesystem>

#include "voice/voice.h"

namespace timbre::voice {

/// Gives a voice a vocoder to carry: a copy of the vocoder's voice.json and weights in VOICE/vocoder, named by
/// voice.json {"vocoder": {"folder": "vocoder"}}. The folder's old one is replaced. Whether it takes the voice's mels
/// is the caller's question. Throws UsageError for a folder that is no vocoder, SystemError when it cannot be written.
void equip(const Voice& voice, const fs::path& vocoder);

/// The same of a voice that speaks in codes: a copy of the codec in VOICE/codec, and of a vocoder of codes in
/// VOICE/code_vocoder.
void equip_codec(const Voice& voice, const fs::path& codec);
void equip_code_vocoder(const Voice& voice, const fs::path& vocoder);

/// Takes it away again: the voice speaks through Griffin-Lim.
void unequip(const Voice& voice);

}  // namespace timbre::voice
