#pragma once
#include "roles/codec.h"
#include "roles/registry.h"

namespace timbre::small_codec {

class SmallCodec;

/// Opens a codec's folder. Throws DataError naming file and field.
std::unique_ptr<roles::Codec> open_codec(const roles::VoiceFiles& folder);

/// The codec as the role has it, over a network that outlives it (a recipe's).
std::unique_ptr<roles::Codec> codec_over(const SmallCodec& network);

}  // namespace timbre::small_codec
