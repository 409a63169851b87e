#pragma once
#include "nn/layers.h"
#include "weights/fsq_codebook.h"

namespace timbre::nn {

/// Finite scalar quantisation (Mentzer et al. 2023, arXiv 2309.15505 §3): each number is squeezed into a few levels by
/// a tanh and rounded; the codebook is the grid of all roundings (weights/fsq_codebook.h). Nothing is learned but the
/// projections, and no code can die. K: dimensions of the grid.
struct FsqOptions {
  std::vector<std::int64_t> levels = {8, 5, 5, 5};
  /// How often the tanh is applied before rounding. Once, as the paper; twice is what vector-quantize-pytorch's
  /// ResidualFSQ does (X-Codec 2): its codes depend on it.
  std::int64_t bounds = 1;
};

class Fsq final : public Module {
 public:
  /// project_in [K, width] and project_out [width, K] with biases, or none where width is K. Throws UsageError for
  /// levels that make no codebook.
  Fsq(std::int64_t width, FsqOptions options);

  struct Result {
    Tensor out_BTD;        ///< what decode() makes of the codes, to the bit; gradients flow as if nothing were rounded
    Tensor codes_BT;       ///< int64
    Tensor vectors_BTK;    ///< coordinates of the codes, with that gradient
    Tensor bounded_BTK;    ///< before rounding: what a penalty or a look at margins needs
    Tensor projected_BTK;  ///< before the tanh
  };
  /// Single precision whatever the surroundings compute in.
  Result forward(const Tensor& x_BTD) const;
  /// The codes alone.
  Tensor encode(const Tensor& x_BTD) const { return forward(x_BTD).codes_BT; }
  /// codes_BT (int64, any shape) → coordinates with K as last axis. Throws DataError naming position and value of a
  /// code that is out of range.
  Tensor vectors(const Tensor& codes_BT) const;
  /// vectors() through project_out.
  Tensor decode(const Tensor& codes_BT) const;

  /// The tanh of one step: (-half - offset, half - offset) with half = (L-1)·1.001/2, offset 0.5 for even L.
  Tensor bound(const Tensor& z_BTK) const;
  /// Nearest grid coordinates of bounded numbers, straight-through in the gradient.
  Tensor round(const Tensor& bounded_BTK) const;
  /// Grid coordinates → codes.
  Tensor codes_of(const Tensor& vectors_BTK) const;

  const weights::FsqCodebook& codebook() const { return codebook_; }

 private:
  weights::FsqCodebook codebook_;
  std::int64_t bounds_;
  std::unique_ptr<Linear> project_in_, project_out_;
  std::vector<float> half_, offset_, shift_, width_;
};

}  // namespace timbre::nn
