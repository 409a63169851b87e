#pragma once
#include <cstdint>
#include <span>
#include <vector>

/// Diagonal Gaussian mixtures of many states, scored over many frames at once.
///
/// Letters: F frames, D feature values, S states, G Gaussians.
namespace timbre::align {

/// Frames as columns, padded to whole blocks, so that one instruction scores a block of frames.
struct FrameBlocks {
  static constexpr std::int64_t kBlock = 16;
  std::int64_t frames = 0, width = 0;
  std::vector<float> values_BDK;  ///< block × value × frame in block; the padding repeats the last frame
  std::int64_t blocks() const { return (frames + kBlock - 1) / kBlock; }
  float at(std::int64_t frame, std::int64_t d) const {
    return values_BDK[static_cast<std::size_t>(((frame / kBlock) * width + d) * kBlock + frame % kBlock)];
  }
};

/// One Gaussian of one state, as it is estimated.
struct Gaussian {
  double weight = 1;
  std::vector<double> mean_D, variance_D;
};

/// The mixture of one state, ready for scoring: ln w·N(x) = constant + Σ_d x_d·(linear_d + x_d·square_d).
class MixtureTable {
 public:
  MixtureTable() = default;
  /// All states of a model; every state has at least one Gaussian.
  explicit MixtureTable(const std::vector<std::vector<Gaussian>>& states);
  std::int64_t states() const { return static_cast<std::int64_t>(first_.size()) - 1; }

  /// ln p(frame | state) for the listed states: out_FU, row = frame, column = place in `wanted`.
  void score(const FrameBlocks& x, std::span<const std::int32_t> wanted, std::vector<float>& out_FU) const;

  /// Posterior of each Gaussian of one state for one frame (sums to 1) into `out`; returns how many there are.
  std::int64_t posteriors(const FrameBlocks& x, std::int64_t frame, std::int32_t state, std::vector<double>& out) const;

 private:
  std::vector<std::int64_t> first_;  ///< index of a state's first Gaussian; one more at the end
  std::int64_t width_ = 0;
  std::vector<float> constant_;  ///< [G]
  std::vector<float> terms_;     ///< [G, D, 2]: linear, square
};

}  // namespace timbre::align
