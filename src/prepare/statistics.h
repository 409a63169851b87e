#pragma once
#include <array>
#include <span>

#include "audio/averages.h"

namespace timbre::prepare {

/// Range and scale of a feature over a corpus as ming024's stats.json has them.
struct FeatureStatistics {
  double min = 0, max = 0;  ///< over all values after (x − mean) / deviation, outliers included
  double mean = 0, deviation = 1;
  std::array<double, 4> as_array() const { return {min, max, mean, deviation}; }
};

/// Mean and deviation leave out each utterance's outliers (1.5 IQR); the range does not.
class FeatureCounter {
 public:
  /// All values of one utterance.
  void add(std::span<const double> values);
  /// `normalise` false: mean 0, deviation 1. Throws DataError when nothing was added.
  FeatureStatistics statistics(bool normalise) const;

 private:
  audio::RunningStats scale_, range_;
};

}  // namespace timbre::prepare
