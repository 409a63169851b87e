#include "batch/loader.h"

#include <algorithm>
#include <chrono>

namespace timbre::batch {

Loader::Loader(const BucketSampler& sampler, Collate collate, Position start, std::size_t ahead)
    : sampler_(sampler),
      collate_(std::move(collate)),
      ahead_(std::max<std::size_t>(ahead, 1)),
      thread_([this, start] { work(start); }) {}

Loader::~Loader() {
  {
    const std::lock_guard hold(lock_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Loader::work(Position at) {
  const at::NoGradGuard no_grad;
  try {
    for (;;) {
      const auto batches = sampler_.epoch(at.epoch);
      for (; at.batch < static_cast<std::int64_t>(batches.size()); ++at.batch) {
        Loaded made;
        made.batch = collate_(batches[static_cast<std::size_t>(at.batch)], at);
        made.position = at;
        made.last_of_epoch = at.batch + 1 == static_cast<std::int64_t>(batches.size());
        std::unique_lock hold(lock_);
        changed_.wait(hold, [this] { return stop_ || ready_.size() < ahead_; });
        if (stop_) return;
        ready_.push_back(std::move(made));
        hold.unlock();
        changed_.notify_all();
      }
      at = {at.epoch + 1, 0};
    }
  } catch (...) {
    {
      const std::lock_guard hold(lock_);
      error_ = std::current_exception();
    }
    changed_.notify_all();
  }
}

Loaded Loader::next() {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock hold(lock_);
  changed_.wait(hold, [this] { return !ready_.empty() || error_; });
  waited_s_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (ready_.empty()) std::rethrow_exception(error_);
  Loaded out = std::move(ready_.front());
  ready_.pop_front();
  hold.unlock();
  changed_.notify_all();
  return out;
}

}  // namespace timbre::batch
