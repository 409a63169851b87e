#pragma once
#include "codecs/encodec/codec.h"
#include "roles/golden.h"

namespace timbre::encodec {

/// Computes golden/encodec.
void run_parity(roles::ParityRun& run);
/// The .ecdc part of golden/codebook_io.
void run_ecdc_parity(roles::ParityRun& run);

/// The codec of a .th in a set. `settings` is a JSON pointer to what the tensors cannot say (sample_rate,
/// target_bandwidths, segment_s, overlap), or "".
std::unique_ptr<Codec> codec_of_set(const roles::ParityRun& run, const std::string& file, const std::string& settings);

/// A recording [C, N] of a batch [B, C, N] as planar samples.
std::vector<float> item_of(const weights::Tensor& wave_BCN, std::int64_t item);

}  // namespace timbre::encodec
