#pragma once
#include "codecs/xcodec2/model.h"
#include "roles/codec.h"
#include "roles/registry.h"
#include "weights/tensor.h"

namespace timbre::xcodec2 {

/// The network with these tensors (our names, weight norm folded here or not yet). Throws DataError naming `where`.
std::unique_ptr<Model> build_model(const Config& config, const weights::TensorMap& tensors, const std::string& where);

/// Opens a codec folder. Throws DataError naming file and field.
std::unique_ptr<roles::Codec> open_codec(const roles::VoiceFiles& folder);

}  // namespace timbre::xcodec2
