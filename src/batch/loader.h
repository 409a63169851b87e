#pragma once
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <span>
#include <thread>

#include "batch/batch.h"
#include "batch/sampler.h"

namespace timbre::batch {

/// A batch and the place it came from.
struct Loaded {
  Batch batch;
  Position position;  ///< its own place
  bool last_of_epoch = false;
};

/// Makes batches ahead of time on its own thread, in the sampler's order, from a position onward without end.
class Loader {
 public:
  using Collate = std::function<Batch(std::span<const std::size_t> items, const Position& place)>;

  /// `ahead` batches are held ready. The sampler must outlive the loader.
  Loader(const BucketSampler& sampler, Collate collate, Position start, std::size_t ahead = 4);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next batch, waiting for it where needed. Rethrows what collate threw, at the batch where it happened.
  Loaded next();
  /// Seconds next() has waited so far.
  double waited_s() const { return waited_s_; }

 private:
  void work(Position start);
  const BucketSampler& sampler_;
  Collate collate_;
  std::size_t ahead_;
  std::mutex lock_;
  std::condition_variable changed_;
  std::deque<Loaded> ready_;
  std::exception_ptr error_;
  bool stop_ = false;
  double waited_s_ = 0;
  std::thread thread_;
};

}  // namespace timbre::batch
