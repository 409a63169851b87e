#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/aligned.h"
#include "codecs/hifigan/sizes.h"
#include "kernels/conv.h"
#include "weights/tensor.h"

/// HiFi-GAN's generator for inference without LibTorch: mel → waveform on one CPU.
namespace timbre::hifigan {

class Engine {
 public:
  /// Tensors by the original's names (conv_pre.*, ups.i.*, resblocks.j.convs1.k.* …), under "generator." or bare, with
  /// weight norm or without. `where` is the file, for messages. Throws DataError for missing, superfluous or
  /// wrong-shaped tensors and for sizes that do not fit together.
  Engine(const GeneratorSizes& sizes, const weights::TensorMap& tensors, const std::string& where);

  const GeneratorSizes& sizes() const { return sizes_; }
  /// Samples made of that many frames: hop_samples() each, unless an odd kernel − rate adds some.
  std::int64_t samples(std::int64_t frames) const;

  /// mel_FM: frames × mels → samples(frames) numbers in [−1, 1]. Allocates nothing once it has seen so many frames.
  /// Not thread-safe.
  void run(const float* mel_FM, std::int64_t frames, float* wave_N);

 private:
  struct ResBlock {
    std::vector<kernels::Packed> first, second;  ///< second is empty in blocks of kind 2
    std::vector<std::int64_t> dilations;
  };
  struct Stage {
    kernels::PackedTransposed up;
    std::int64_t cut = 0;  ///< from both ends of the transposed convolution
    std::vector<ResBlock> blocks;
  };
  /// Arrays of one stage, each rows × channels.
  struct Buffers {
    float *raw, *bent;          ///< upsampled; through LeakyReLU
    float *block, *block_bent;  ///< the residual stream of a block
    float* inner;               ///< between two convolutions
    float* sum;                 ///< of the blocks, at the end through LeakyReLU
  };

  void run_pairs(const ResBlock& block, std::int64_t rows, const Buffers& b, const kernels::Finish& last) const;
  void run_singles(const ResBlock& block, std::int64_t rows, const Buffers& b, const kernels::Finish& last) const;
  Buffers reserve(std::int64_t frames);

  GeneratorSizes sizes_;
  kernels::Packed pre_, post_;
  std::vector<Stage> stages_;
  Aligned<float> memory_;
};

}  // namespace timbre::hifigan
