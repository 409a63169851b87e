#pragma once
#include "train/distributed.h"
#include "train/update_rule.h"

namespace timbre::train {

/// How the numbers of all parameters are dealt out over ranks, for an optimiser whose state is shared out (ZeRO stage
/// 1: Rajbhandari et al. 2020, arXiv 1910.02054, §5.1). All numbers lie in one row, parameter after parameter; each
/// rank keeps the state of one stretch of it, and moves those numbers alone. Stretches are of one length but for half
/// of kAlign, and begin within a parameter at a multiple of kAlign: where LibTorch's fused update switches between
/// vector lanes (at most 32 numbers) and single ones does not depend on the cut, so no number differs from what it
/// would be with the whole state on every rank.
class Shares {
 public:
  static constexpr std::int64_t kAlign = 32;

  /// Flat numbers [begin, end) of one parameter.
  struct Piece {
    std::int64_t begin = 0, end = 0;
    std::int64_t size() const { return end - begin; }
  };

  using Pieces = std::vector<std::vector<std::vector<Piece>>>;  ///< [rank][group][parameter]
  static Pieces deal(const std::vector<ParameterGroup>& groups, int world);

  /// All parameters must be contiguous. `ranks` must outlive it.
  Shares(const std::vector<ParameterGroup>& groups, const Ranks& ranks);

  /// What `rank` keeps of a parameter; empty where nothing.
  Piece piece(int rank, std::size_t group, std::size_t parameter) const {
    return pieces_[static_cast<std::size_t>(rank)][group][parameter];
  }
  Piece mine(std::size_t group, std::size_t parameter) const { return piece(ranks_.rank(), group, parameter); }
  /// That stretch of a tensor of the parameter's shape, as a row; a view of it where it is contiguous.
  static Tensor cut(const Tensor& whole, Piece piece);

  /// Every rank's numbers of the parameters, for all. All ranks must call it.
  void exchange(const std::vector<ParameterGroup>& groups) const;
  /// A state tensor of a parameter from what the ranks keep of it: whole on rank 0, of `shape`; undefined on the
  /// others. All ranks must call it, in one order.
  Tensor whole(const Tensor& mine, std::size_t group, std::size_t parameter, at::IntArrayRef shape) const;
  const Ranks& ranks() const { return ranks_; }

 private:
  const Ranks& ranks_;
  Pieces pieces_;
};

}  // namespace timbre::train
