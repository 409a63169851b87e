#pragma once
#include <cstdint>
#include <span>

namespace timbre {

/// The product of numbers from a foreign file, or `most` + 1 where it is larger than `most` or a factor is below 1:
/// no list of factors overflows.
inline std::int64_t capped_product(std::span<const std::int64_t> factors, std::int64_t most) {
  std::int64_t product = 1;
  for (const std::int64_t factor : factors) {
    if (factor < 1 || product > most / factor) return most + 1;
    product *= factor;
  }
  return product;
}

}  // namespace timbre
