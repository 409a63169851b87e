#pragma once
#include <cstdint>
#include <vector>

#include "base/aligned.h"

namespace timbre::cli {

/// What so many threads read from memory together: what a decoder that reads all its weights for every token can reach.
class ReadMeter {
 public:
  /// Buffers of `bytes`, one a thread.
  ReadMeter(int threads, std::int64_t bytes);
  /// One pass of every thread over its buffer. GB/s of all: by the clock, and by the CPU time the threads used, which
  /// tells what memory gives when something else runs on the same cores.
  struct Rate {
    double wall = 0, cpu = 0;
  };
  Rate pass();

 private:
  std::vector<Aligned<float>> buffers_;
};

/// The best GB/s of every thread by the clock in passes of `seconds`.
double read_rate(int threads, std::int64_t bytes, double seconds);

}  // namespace timbre::cli
