#include "base/threads.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace timbre {
namespace {

std::atomic<int> wanted{0};
thread_local bool inside = false;  // a worker's own calls run serially: no thread explosion, no deadlock

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

int thread_count() {
  if (const int n = wanted.load()) return n;
  if (const char* text = std::getenv("TIMBRE_THREADS")) {
    if (const int n = std::atoi(text); n > 0) return n;
  }
  return available_cores();
}

void set_thread_count(int count) { wanted = std::max(0, count); }

void parallel_for(std::size_t count, const std::function<void(std::size_t)>& body) {
  const std::size_t workers = std::min<std::size_t>(count, static_cast<std::size_t>(thread_count()));
  if (workers <= 1 || inside) {
    for (std::size_t i = 0; i < count; ++i) body(i);
    return;
  }
  std::atomic<std::size_t> next{0};
  std::atomic<bool> stop{false};
  std::exception_ptr first;
  std::size_t first_at = count;
  std::mutex guard;
  const auto work = [&] {
    inside = true;
    for (std::size_t i; !stop && (i = next++) < count;) {
      try {
        body(i);
      } catch (...) {
        const std::scoped_lock lock(guard);
        if (i < first_at) first = std::current_exception(), first_at = i;
        stop = true;
      }
    }
    inside = false;
  };
  std::vector<std::thread> threads;
  threads.reserve(workers - 1);
  for (std::size_t i = 1; i < workers; ++i) threads.emplace_back(work);
  work();
  for (auto& thread : threads) thread.join();
  if (first) std::rethrow_exception(first);
}

}  // namespace timbre
