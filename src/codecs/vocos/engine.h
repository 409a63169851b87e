#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "audio/stft.h"
#include "base/aligned.h"
#include "codecs/vocos/sizes.h"
#include "kernels/conv.h"
#include "weights/folded_reader.h"

/// Vocos for inference without LibTorch: frames → waveform on one CPU.
namespace timbre::vocos {

class Engine {
 public:
  /// Tensors by the original's names (backbone.*, head.*); those of its feature extractor are left alone. `where` is
  /// the file, for messages. Throws DataError for missing, superfluous or wrong-shaped tensors and impossible sizes.
  Engine(const Sizes& sizes, const weights::TensorMap& tensors, const std::string& where);

  const Sizes& sizes() const { return sizes_; }

  /// x_FC: frames × inputs → wave_N, frames · hop samples. With padding center the original makes one hop less; the
  /// last hop here is what reaches beyond the middle of the last frame. `row` chooses among adaptive norms. Allocates
  /// nothing once it has seen so many frames. Not thread-safe.
  void run(const float* x_FC, std::int64_t frames, float* wave_N, std::int64_t row = 0);

 private:
  /// Gains and shifts; one row, or one for each row of an adaptive norm.
  struct Norm {
    std::vector<float> gain, shift;
  };
  struct Block {
    kernels::PackedDepthwise depthwise;
    Norm norm;
    kernels::Packed widen, narrow;  ///< narrow has the block's gamma multiplied in
  };

  /// Floats from one hidden row to the next: a power of two would put the rows of a tile on the same cache sets.
  std::int64_t hidden_row() const { return sizes_.hidden + 16; }
  Norm read_norm(weights::FoldedReader& reader, const std::string& layer) const;
  void normalise(const Norm& norm, std::int64_t row, const float* x_FC, std::int64_t frames, float* y_FC) const;
  void reserve(std::int64_t frames);
  void polar_to_lane(const float* spectrum_K, std::int64_t lane);
  void synthesize(const float* spectrum_FK, std::int64_t frames, float* wave_N);

  Sizes sizes_;
  kernels::Packed embed_, head_;
  Norm first_norm_, last_norm_;
  std::vector<Block> blocks_;
  audio::Stft<float> stft_;
  audio::Stft<float>::Scratch scratch_;
  Aligned<float> stream_, inner_, hidden_;  ///< of all frames
  Aligned<float> lanes_, polar_;            ///< spectra of a few frames side by side; of one as magnitude and phase
  std::vector<float> padded_, overlap_;
  std::int64_t reserved_ = 0;
};

}  // namespace timbre::vocos
