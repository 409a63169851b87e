#pragma once
#include <cstdint>
#include <functional>

/// LibTorch's own worker threads for our kernels, so that one pool serves both. Other folders use base/threads.h.
namespace timbre::nn {

/// Calls body(begin, end) on pieces of [0, count) of at least `grain`, on at most at::get_num_threads() threads. Pieces
/// are contiguous; what each element gets must not depend on where the cuts are.
void parallel_ranges(std::int64_t count, std::int64_t grain,
                     const std::function<void(std::int64_t, std::int64_t)>& body);

/// How matrix products are computed on this machine, for `info --system` and logs: "MKL AVX-512 (set by us)", "MKL's
/// own choice".
const char* matrix_kernels();

}  // namespace timbre::nn
