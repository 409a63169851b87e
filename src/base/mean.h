#pragma once
#include <span>

namespace timbre {

/// Mean and half the width of its normal 95 % interval.
struct Mean {
  double value = 0, half_width = 0;
};
/// All zero of no values; no width of one.
Mean mean_of(std::span<const double> values);

}  // namespace timbre
