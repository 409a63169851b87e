#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nn/shapes.h"

/// Several processes training one model. Under torchrun (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT,
/// TORCHELASTIC_*) or our own launcher; Gloo through LibTorch's c10d.
namespace timbre::train {

using nn::Tensor;

/// The group of ranks this process belongs to; one rank alone does nothing.
class Ranks {
 public:
  /// Reads the environment. With more than one rank, meets the others and proves the link by a sum of known values.
  /// Throws SystemError (nobody answers, wrong sum), UsageError (broken environment).
  Ranks();
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int rank() const { return rank_; }
  int world() const { return world_; }
  bool first() const { return rank_ == 0; }
  /// Sum over ranks, in place; tensors on other devices travel through the CPU.
  void sum(Tensor& tensor) const;
  /// Sums many tensors of one type as flat buckets of at most `bucket_bytes`.
  void sum_all(const std::vector<Tensor>& tensors, std::int64_t bucket_bytes = 32 << 20) const;
  /// Rank 0's values for everyone.
  void broadcast(const std::vector<Tensor>& tensors) const;
  double sum(double value) const;
  void barrier() const;

 private:
  struct Link;
  int rank_ = 0, world_ = 1;
  std::unique_ptr<Link> link_;
};

/// True when the environment says that this process is one of several (torchrun, or our launcher).
bool is_rank();

/// Starts this program `count` times as ranks on this machine with the same words (less --ranks), hands SIGTERM and
/// SIGINT on, and waits. When a rank fails, the others are ended. Returns the first exit code that is not 0.
int launch_ranks(int count, const std::vector<std::string>& words);

}  // namespace timbre::train
