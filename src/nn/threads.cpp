#include "nn/threads.h"

#include <ATen/Parallel.h>
#include <ATen/ops/log.h>
#include <ATen/ops/ones.h>
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>

namespace timbre::nn {
namespace {

// LibTorch loads its OpenMP runtime; we borrow that pool by name instead of compiling with -fopenmp, which would bring
// a second runtime where the wheel's has another file name.
struct OpenMp {
  using Parallel = void (*)(void (*)(void*), void*, unsigned, unsigned);
  Parallel parallel = reinterpret_cast<Parallel>(::dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  int (*thread)() = reinterpret_cast<int (*)()>(::dlsym(RTLD_DEFAULT, "omp_get_thread_num"));
  int (*threads)() = reinterpret_cast<int (*)()>(::dlsym(RTLD_DEFAULT, "omp_get_num_threads"));
  bool usable() const { return parallel && thread && threads; }
};

struct Job {
  const OpenMp& omp;
  std::int64_t count, pieces;
  const std::function<void(std::int64_t, std::int64_t)>& body;
  std::exception_ptr error;
  std::mutex lock;
};

void work(void* data) {
  Job& job = *static_cast<Job*>(data);
  const int threads = job.omp.threads();
  for (std::int64_t piece = job.omp.thread(); piece < job.pieces; piece += threads) {
    const std::int64_t begin = job.count * piece / job.pieces, end = job.count * (piece + 1) / job.pieces;
    try {
      job.body(begin, end);
    } catch (...) {
      const std::lock_guard hold(job.lock);
      if (!job.error) job.error = std::current_exception();
    }
  }
}

}  // namespace

void parallel_ranges(std::int64_t count, std::int64_t grain,
                     const std::function<void(std::int64_t, std::int64_t)>& body) {
  if (count <= 0) return;
  static const OpenMp omp;
  const std::int64_t pieces = std::min<std::int64_t>(
      at::get_num_threads(), std::max<std::int64_t>(1, count / std::max<std::int64_t>(grain, 1)));
  if (pieces <= 1 || !omp.usable() || at::in_parallel_region()) {
    body(0, count);
    return;
  }
  Job job{omp, count, pieces, body, {}, {}};
  omp.parallel(work, &job, static_cast<unsigned>(pieces), 0);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace timbre::nn

#if defined(__x86_64__)
namespace {

// LibTorch's MKL takes its AVX2 kernels on every CPU that is not Intel's, also where AVX-512 is there and twice as fast
// (measured on an EPYC with AVX-512: products of 2048×1024×1024 at 90 → 190 GFLOP/s of 245). MKL asks this function,
// which the loader lets a program answer; it goes on to check the CPU's feature bits itself. TIMBRE_MKL=stock leaves
// MKL alone.
int answer_for_mkl() {
  using Ask = int (*)();
  const char* wish = std::getenv("TIMBRE_MKL");
  const bool stock = wish && std::strcmp(wish, "stock") == 0;
  __builtin_cpu_init();
  if (!stock && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
    return 1;
  const auto theirs = reinterpret_cast<Ask>(::dlsym(RTLD_NEXT, "mkl_serv_intel_cpu_true"));
  return theirs ? theirs() : 0;
}

/// MKL chooses the kernels of its vector functions (log, exp, tanh …) at their first call without a lock: it stores
/// what the CPU is, then what it makes of that, and a second thread that calls in between gets the kernels of low
/// accuracy (1e-4) for that one call. LibTorch's first logarithm of a training step comes from all threads at once, so
/// on a busy machine 1 run of 25 began with other numbers. One call before there are threads settles the choice.
[[maybe_unused]] const bool vector_functions_chosen = at::log(at::ones({16})).defined();

}  // namespace

extern "C" __attribute__((visibility("default"))) int mkl_serv_intel_cpu_true() {
  static const int answer = answer_for_mkl();
  return answer;
}

const char* timbre::nn::matrix_kernels() {
  using Ask = int (*)();
  const auto theirs = reinterpret_cast<Ask>(::dlsym(RTLD_NEXT, "mkl_serv_intel_cpu_true"));
  if (!theirs) return "no MKL";
  return theirs() == mkl_serv_intel_cpu_true() ? "MKL's own choice"
                                               : "MKL with AVX-512 (TIMBRE_MKL=stock for its own choice)";
}
#else
const char* timbre::nn::matrix_kernels() { return "LibTorch's own choice"; }
#endif
