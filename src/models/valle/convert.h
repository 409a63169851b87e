#pragma once
#include <filesystem>
#include <string>

#include "roles/spec.h"

/// Checkpoints of the two lines ↔ voice folders. A voice keeps what is no weight, optimiser states among it, in
/// training.safetensors, and the file of symbols as it came, so that a checkpoint comes back with the same numbers.
namespace timbre::valle {

/// Epoch files of lifeiteng's trainer. Options: text_tokens (the k2symbols file; default: the checkpoint's own, looked
/// for from its folder upwards), front_end, codec.
roles::Converter lifeiteng_converter();
/// Plachtaa's release and the fork's files. Options: tokenizer (bpe_69.json; default: beside the checkpoint),
/// front_end, codec.
roles::Converter vallex_converter();

}  // namespace timbre::valle
