#include "base/mean.h"

#include <cmath>

namespace timbre {

Mean mean_of(std::span<const double> values) {
  if (values.empty()) return {};
  constexpr double kZ = 1.959963984540054;  // of the normal distribution, 97.5 %
  const double n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  for (const double v : values) squares += (v - sum / n) * (v - sum / n);
  return {sum / n, values.size() > 1 ? kZ * std::sqrt(squares / (n - 1) / n) : 0};
}

}  // namespace timbre
