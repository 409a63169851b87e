#pragma once
#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <vector>

namespace timbre {

/// Memory aligned for vector loads. Large pieces ask for large pages: a network that streams hundreds of megabytes at
/// every step would spend a tenth of its time on address translation.
template <class T>
struct AlignedAllocator {
  using value_type = T;
  AlignedAllocator() = default;
  template <class U>
  AlignedAllocator(const AlignedAllocator<U>&) {}
  static constexpr std::align_val_t kAlign{64}, kPage{std::size_t{2} << 20};
  static constexpr std::align_val_t align_of(std::size_t n) {
    return n * sizeof(T) >= 2 * static_cast<std::size_t>(kPage) ? kPage : kAlign;
  }
  T* allocate(std::size_t n) {
    void* p = ::operator new(n * sizeof(T), align_of(n));
#if defined(MADV_HUGEPAGE)
    if (align_of(n) == kPage) ::madvise(p, n * sizeof(T), MADV_HUGEPAGE);  // what it says is advice, so are its errors
#endif
    return static_cast<T*>(p);
  }
  void deallocate(T* p, std::size_t n) { ::operator delete(p, align_of(n)); }
  bool operator==(const AlignedAllocator&) const { return true; }
};
template <class T>
using Aligned = std::vector<T, AlignedAllocator<T>>;

}  // namespace timbre
