#pragma once
#include <cstdint>
#include <string>

#include "codecs/xcodec2/config.h"
#include "weights/tensor.h"

/// Names of X-Codec 2's tensors. Ours are those of the published model (weight_g, weight_v, act.beta); a folder that
/// came from transformers has `weight` where these two were folded into one.
namespace timbre::xcodec2 {

/// The spelling of the pip package xcodec2 (act.bias, parametrizations.weight.original0/1) → the published one;
/// anything else stays.
std::string published_name(const std::string& name);
/// The other way, for the acoustic encoder.
std::string parametrized_name(const std::string& name);

/// True for the parts that run: encoders, quantiser, decoder. The rest of a Lightning checkpoint was for training.
bool is_part_of_model(const std::string& published_name);

/// transformers' Xcodec2Model → ours, with q, k and v joined and their rows back in pairs. `config` gives the heads.
/// Throws DataError naming `where` and the tensor for a name that Xcodec2Model does not have.
weights::TensorMap from_transformers(const weights::TensorMap& theirs, const Config& config, const std::string& where);
/// Ours → transformers: weight norm folded, filters and unused semantic layers left out.
weights::TensorMap to_transformers(const weights::TensorMap& ours, const Config& config);

/// What the network loads: weight norm folded into weights, only what runs, each anti-aliasing filter present.
weights::TensorMap folded(const weights::TensorMap& ours, const Config& config);

/// Sizes, read off our tensors. Numbers of heads: the semantic ones from the width of its distance embedding; the
/// decoder's leave no trace and stay as `config` has them. Throws DataError naming `where` and the tensor that is
/// missing or has another shape than expected.
void read_sizes(Config& config, const weights::TensorMap& ours, const std::string& where);

/// The twelve taps of the filters for twice and half the rate: a sinc of a quarter of the rate in a Kaiser window,
/// sum 1.
std::vector<float> resampling_filter();

}  // namespace timbre::xcodec2
