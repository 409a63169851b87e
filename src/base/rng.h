#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

/// Counter-based random numbers: Philox 4×32-10 (Salmon et al. 2011, "Parallel random numbers: as easy
/// as 1, 2, 3"). A number depends only on (seed, stream, counter), so any thread count gives the same stream.
namespace timbre {

/// The block function: 128 bits of counter and 64 bits of key to 128 random bits.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

/// A sequence of random numbers whose position is one integer, so it is saved and restored exactly.
class Philox {
 public:
  explicit Philox(std::uint64_t seed, std::uint64_t stream = 0, std::uint64_t position = 0)
      : seed_(seed), stream_(stream), position_(position) {}
  std::uint32_t next_u32();
  std::uint64_t next_u64();
  /// Uniform in [0, 1) with 53 random bits.
  double uniform();
  /// Standard normal (Box-Muller, one value a call, two positions).
  double normal();
  /// Uniform in [0, bound), without modulo bias. bound ≥ 1.
  std::uint64_t below(std::uint64_t bound);
  /// Fisher-Yates.
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }
  std::uint64_t seed() const { return seed_; }
  std::uint64_t stream() const { return stream_; }
  /// How many 32-bit numbers were drawn.
  std::uint64_t position() const { return position_; }

 private:
  std::uint64_t seed_, stream_, position_;
  std::uint64_t block_ = ~0ull;
  std::array<std::uint32_t, 4> words_{};
};

}  // namespace timbre
