#pragma once
#include <cstdint>
#include <vector>

namespace timbre::hifigan {

/// The generator's sizes (Kong et al. 2020, arXiv 2010.05646, appendix A). The defaults are V1.
struct GeneratorSizes {
  std::int64_t mels = 80;
  std::int64_t initial_channels = 512;  ///< halved by every upsampling
  std::int64_t resblock = 1;            ///< 1: pairs of convolutions; 2: single ones
  std::vector<std::int64_t> upsample_rates = {8, 8, 2, 2};
  std::vector<std::int64_t> upsample_kernels = {16, 16, 4, 4};
  std::vector<std::int64_t> resblock_kernels = {3, 7, 11};
  std::vector<std::vector<std::int64_t>> resblock_dilations = {{1, 3, 5}, {1, 3, 5}, {1, 3, 5}};

  /// Channels after upsampling i.
  std::int64_t channels(std::size_t i) const { return initial_channels >> (i + 1); }
  /// Samples of one frame.
  std::int64_t hop_samples() const {
    std::int64_t hop = 1;
    for (const std::int64_t rate : upsample_rates) hop *= rate;
    return hop;
  }
};

}  // namespace timbre::hifigan
