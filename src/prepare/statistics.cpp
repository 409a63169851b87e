#include "prepare/statistics.h"

#include "base/error.h"

namespace timbre::prepare {

void FeatureCounter::add(std::span<const double> values) {
  if (values.empty()) return;
  scale_.add(audio::remove_outliers(values));
  range_.add(values);
}

FeatureStatistics FeatureCounter::statistics(bool normalise) const {
  if (range_.count() == 0) throw DataError("there is no value to take statistics of: every utterance was skipped");
  FeatureStatistics s;
  if (normalise && scale_.count() > 0) {
    s.mean = scale_.mean();
    s.deviation = scale_.standard_deviation();
  }
  s.min = (range_.smallest() - s.mean) / s.deviation;
  s.max = (range_.largest() - s.mean) / s.deviation;
  return s;
}

}  // namespace timbre::prepare
