#pragma once
#include "roles/spec.h"

namespace timbre::llasa {

/// Hugging Face folders ↔ voice folders. A voice keeps config.json and the tokenizer's files as they came. Options of
/// both ways: dtype (f32, bf16, f16; as stored), adapter (a peft folder to merge). To a voice: tokenizer (default: the
/// folder itself), codec, vocab_size (grow to it), new_rows (mean, spread). From a voice: shard_gb (5).
roles::Converter hf_converter();

}  // namespace timbre::llasa
