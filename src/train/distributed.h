#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "nn/shapes.h"

/// Several processes training one model. Under torchrun (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT,
/// TORCHELASTIC_*) or our own launcher; Gloo through LibTorch's c10d.
namespace timbre::train {

using nn::Tensor;

/// Another rank is gone, or does not answer: nothing can be done together any more.
class LostRank : public SystemError {
  using SystemError::SystemError;
};

/// The group of ranks this process belongs to; one rank alone does nothing.
class Ranks {
 public:
  /// Reads the environment. With more than one rank, meets the others and proves the link by a sum of known values.
  /// Throws SystemError (nobody answers, wrong sum), UsageError (broken environment).
  Ranks();
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  // What follows needs all ranks, and throws LostRank naming the one that is missing.

  int rank() const { return rank_; }
  int world() const { return world_; }
  bool first() const { return rank_ == 0; }
  /// Sum over ranks, in place; tensors on other devices travel through the CPU.
  void sum(Tensor& tensor) const;
  /// Sums many tensors of one type as flat buckets of at most `bucket_bytes`.
  void sum_all(const std::vector<Tensor>& tensors, std::int64_t bucket_bytes = 32 << 20) const;
  /// Values of rank `root` for everyone, as flat buckets of at most `bucket_bytes`. Rows [N] of any types, each
  /// contiguous.
  void broadcast_rows(const std::vector<Tensor>& rows, int root, std::int64_t bucket_bytes = 32 << 20) const;
  /// One contiguous tensor from here to `rank`; there, receive() of one of the same size.
  void send(const Tensor& tensor, int rank) const;
  void receive(Tensor& tensor, int rank) const;
  /// Rank 0's values for everyone.
  void broadcast(const std::vector<Tensor>& tensors) const;
  double sum(double value) const;
  /// What each rank says, in their order.
  std::vector<std::string> texts(const std::string& mine) const;
  void barrier() const;
  /// The last thing that ranks do together: from here on each may end when it likes. Until then a rank that ends takes
  /// those on its machine along (PeerWatch).
  void part() const;

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
