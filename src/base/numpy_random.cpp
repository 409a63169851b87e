#include "base/numpy_random.h"

#include <bit>

namespace timbre {

NumpyRandom::NumpyRandom(std::uint32_t seed) {
  PythonRandom::State state{};
  for (std::uint32_t i = 0; i < 624; ++i) {  // Knuth, TAOCP vol. 2, 3rd ed., p. 106, as in the 2002 MT19937
    state[i] = seed;
    seed = 1812433253U * (seed ^ seed >> 30) + i + 1;
  }
  state[624] = 624;
  words_.set_state(state);
}

std::uint32_t NumpyRandom::interval(std::uint32_t most) {
  if (most == 0) return 0;
  const std::uint32_t mask = ~std::uint32_t{0} >> std::countl_zero(most);
  std::uint32_t value = 0;
  do value = words_.next_u32() & mask;
  while (value > most);
  return value;
}

}  // namespace timbre
