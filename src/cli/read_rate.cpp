#include "cli/read_rate.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/aligned.h"
#include "base/cpu_levels.h"
#include "kernels/vectors-inl.h"

namespace timbre::cli {
namespace {

double wall_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double thread_cpu_s() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Σ of n numbers, n a multiple of 64: reading is all it costs.
TIMBRE_INLINE float sum_of_body(const float* x, std::int64_t n) {
  using kernels::inl::V16;
  V16 sums[4] = {};
  for (std::int64_t i = 0; i < n; i += 64)
    for (int k = 0; k < 4; ++k) sums[k] += kernels::inl::load<V16>(x + i + 16 * k);
  const V16 all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float sum = 0;
  for (int k = 0; k < 16; ++k) sum += all[k];
  return sum;
}
TIMBRE_FOR_EACH_CPU(float, sum_of, (const float* x, std::int64_t n), (x, n))

}  // namespace

ReadMeter::ReadMeter(int threads, std::int64_t bytes) : buffers_(static_cast<std::size_t>(threads)) {
  for (auto& buffer : buffers_) buffer.assign(static_cast<std::size_t>(bytes / 256 * 64), 1.0f);
}

ReadMeter::Rate ReadMeter::pass() {
  std::vector<Rate> rates(buffers_.size());
  std::vector<float> sums(buffers_.size());
  const auto one = [&](std::size_t i) {
    const double from_s = wall_s(), from_cpu_s = thread_cpu_s();
    sums[i] = sum_of(buffers_[i].data(), static_cast<std::int64_t>(buffers_[i].size()));
    const double bytes = 4.0 * static_cast<double>(buffers_[i].size());
    rates[i] = {bytes / (wall_s() - from_s) / 1e9, bytes / (thread_cpu_s() - from_cpu_s) / 1e9};
  };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < buffers_.size(); ++i) others.emplace_back(one, i);
  one(0);
  for (auto& thread : others) thread.join();
  Rate all;
  for (std::size_t i = 0; i < rates.size(); ++i) {
    if (sums[i] <= 0) throw std::logic_error("the sum of ones is not positive");  // and nobody leaves the loop out
    all.wall += rates[i].wall;
    all.cpu += rates[i].cpu;
  }
  return all;
}

double read_rate(int threads, std::int64_t bytes, double seconds) {
  ReadMeter meter(threads, bytes);
  double best = 0;
  for (const double end = wall_s() + seconds; wall_s() < end;) best = std::max(best, meter.pass().wall);
  return best;
}

}  // namespace timbre::cli
