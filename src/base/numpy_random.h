#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "base/python_random.h"

/// numpy.random after numpy.random.seed(n): NumPy's old generator, which is Python's with another way of seeding and of
/// drawing whole numbers. Source: NumPy 1.26, numpy/random/_mt19937.pyx, mtrand.pyx, src/distributions.
namespace timbre {

class NumpyRandom {
 public:
  explicit NumpyRandom(std::uint32_t seed = 0);
  /// Uniform in 0 … most, both included.
  std::uint32_t interval(std::uint32_t most);
  /// shuffle(list).
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i-- > 1;) std::swap(items[i], items[interval(static_cast<std::uint32_t>(i))]);
  }

 private:
  PythonRandom words_;
};

}  // namespace timbre
