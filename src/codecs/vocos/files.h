#pragma once
#include <filesystem>

#include "codecs/vocos/config.h"
#include "weights/tensor.h"

/// The reference's two files: config.yaml and pytorch_model.bin.
namespace timbre::vocos {

namespace fs = std::filesystem;

/// The network of a config.yaml: its own, or that of a training configuration (under model.init_args). Throws
/// DataError naming file and key for classes other than MelSpectrogramFeatures, EncodecFeatures, VocosBackbone and
/// ISTFTHead, for missing numbers and for parts that do not fit together.
Config parse_yaml(const std::string& text, const std::string& where);

/// The inverse. Throws DataError for what the reference's classes cannot say (a head with another window …).
std::string to_yaml(const Config& config);

/// Sizes that only the tensors tell (a codec's codebooks). Throws DataError.
void fit_to_tensors(Config& config, const weights::TensorMap& tensors, const std::string& where);

}  // namespace timbre::vocos
