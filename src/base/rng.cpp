#include "base/rng.h"

#include <cmath>
#include <numbers>

namespace timbre {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  // Multipliers and Weyl constants of Salmon et al. 2011, §3.3 and table 2.
  constexpr std::uint64_t kM0 = 0xD2511F53, kM1 = 0xCD9E8D57;
  constexpr std::uint32_t kW0 = 0x9E3779B9, kW1 = 0xBB67AE85;
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = kM0 * counter[0], p1 = kM1 * counter[2];
    counter = {static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(p1),
               static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += kW0;
    key[1] += kW1;
  }
  return counter;
}

std::uint32_t Philox::next_u32() {
  const std::uint64_t block = position_ / 4;
  if (block != block_) {
    words_ = philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                     static_cast<std::uint32_t>(stream_), static_cast<std::uint32_t>(stream_ >> 32)},
                    {static_cast<std::uint32_t>(seed_), static_cast<std::uint32_t>(seed_ >> 32)});
    block_ = block;
  }
  return words_[position_++ % 4];
}

std::uint64_t Philox::next_u64() {
  const std::uint64_t low = next_u32();
  return low | (static_cast<std::uint64_t>(next_u32()) << 32);
}

double Philox::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1.0p-53; }

double Philox::normal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform()));  // 1-u is never 0
  return radius * std::cos(2.0 * std::numbers::pi * uniform());
}

std::uint64_t Philox::below(std::uint64_t bound) {
  // Rejection of the incomplete last interval keeps every value equally likely.
  const std::uint64_t limit = ~0ull - (~0ull % bound + 1) % bound;
  for (;;) {
    const std::uint64_t value = next_u64();
    if (value <= limit) return value % bound;
  }
}

}  // namespace timbre
