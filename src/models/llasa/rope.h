#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "models/llasa/config.h"

/// Rotary positions (Su et al. 2021) with Llama 3's stretching of long waves, in single precision as transformers
/// computes them. Numbers i and i + head_dim/2 of a head are turned together.
namespace timbre::llasa {

/// Radians a position, head_dim / 2 numbers.
std::vector<float> rope_frequencies(const Config& config);

/// cos and sin of position · frequency, [positions, head_dim / 2] each.
struct RopeTable {
  std::vector<float> cos, sin;
};
RopeTable rope_table(const Config& config, std::span<const std::int64_t> positions);

}  // namespace timbre::llasa
