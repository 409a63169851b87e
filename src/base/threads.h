#pragma once
#include <cstddef>
#include <functional>

/// Our own threads; never OpenMP (LibTorch brings its own runtime).
namespace timbre {

/// Number of worker threads: --threads, else TIMBRE_THREADS, else the cores this process may run on.
int thread_count();
void set_thread_count(int count);

/// Calls `body(i)` for 0 ≤ i < count on thread_count() threads, in any order, and waits.
/// After an exception no new calls start; when the running ones ended, that of the lowest i is rethrown (all below it
/// had started), the same one for any number of threads.
/// Calls from within a body run serially on the caller's thread.
void parallel_for(std::size_t count, const std::function<void(std::size_t)>& body);

}  // namespace timbre
