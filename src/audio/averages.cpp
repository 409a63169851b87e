#include "audio/averages.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/sums.h"

namespace timbre::audio {
namespace {

template <class T>
std::vector<T> average(std::span<const T> values_F, std::span<const std::int64_t> durations_P, Averaging averaging) {
  const bool in_place = averaging == Averaging::in_place;
  if (in_place && durations_P.size() > values_F.size()) {
    throw DataError(fmt::format("{} phones but only {} frames: the averages do not fit into the frames' own array",
                                durations_P.size(), values_F.size()));
  }
  std::vector<T> frames(values_F.begin(), values_F.end()), means(durations_P.size());
  std::size_t at = 0;
  for (std::size_t p = 0; p < durations_P.size(); ++p) {
    if (durations_P[p] < 0) throw DataError(fmt::format("phone {} has a duration of {} frames", p, durations_P[p]));
    const std::size_t from = std::min(at, frames.size()),
                      to = std::min(at + static_cast<std::size_t>(durations_P[p]), frames.size());
    means[p] = to > from ? pairwise_sum(frames.data() + from, to - from) / static_cast<T>(to - from) : T(0);
    if (in_place) frames[p] = means[p];
    at += static_cast<std::size_t>(durations_P[p]);
  }
  return means;
}

}  // namespace

std::vector<double> average_by_duration(std::span<const double> values_F, std::span<const std::int64_t> durations_P,
                                        Averaging averaging) {
  return average(values_F, durations_P, averaging);
}

std::vector<float> average_by_duration(std::span<const float> values_F, std::span<const std::int64_t> durations_P,
                                       Averaging averaging) {
  return average(values_F, durations_P, averaging);
}

double percentile(std::span<const double> values, double q) {
  if (values.empty()) throw DataError("percentile of no values");
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double place = q / 100.0 * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(place);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  const double part = place - static_cast<double>(low), gap = sorted[high] - sorted[low];
  return part < 0.5 ? sorted[low] + gap * part : sorted[high] - gap * (1 - part);
}

std::vector<double> remove_outliers(std::span<const double> values) {
  if (values.empty()) return {};
  const double p25 = percentile(values, 25), p75 = percentile(values, 75);
  const double low = p25 - 1.5 * (p75 - p25), high = p75 + 1.5 * (p75 - p25);
  std::vector<double> kept;
  std::copy_if(values.begin(), values.end(), std::back_inserter(kept), [&](double v) { return v > low && v < high; });
  return kept;
}

void RunningStats::add(std::span<const double> values) {
  if (values.empty()) return;
  RunningStats other;
  other.count_ = static_cast<std::int64_t>(values.size());
  other.mean_ = pairwise_sum(values.data(), values.size()) / static_cast<double>(values.size());
  for (double v : values) other.squares_ += (v - other.mean_) * (v - other.mean_);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  other.smallest_ = *low;
  other.largest_ = *high;
  merge(other);
}

void RunningStats::merge(const RunningStats& other) {
  if (other.count_ == 0) return;
  if (count_ == 0) {
    *this = other;
    return;
  }
  const auto a = static_cast<double>(count_), b = static_cast<double>(other.count_), gap = other.mean_ - mean_;
  squares_ += other.squares_ + gap * gap * a * b / (a + b);
  mean_ += gap * b / (a + b);
  count_ += other.count_;
  smallest_ = std::min(smallest_, other.smallest_);
  largest_ = std::max(largest_, other.largest_);
}

double RunningStats::standard_deviation() const {
  if (count_ == 0) return 1.0;
  const double variance = squares_ / static_cast<double>(count_);
  // scikit-learn takes a variance of nothing but rounding for none.
  const double rounding = 10 * 2.220446049250313e-16 * static_cast<double>(count_);
  return variance <= rounding * rounding * mean_ * mean_ || variance == 0 ? 1.0 : std::sqrt(variance);
}

}  // namespace timbre::audio
