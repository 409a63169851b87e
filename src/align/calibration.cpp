#include "align/calibration.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace timbre::align {
namespace {

constexpr double kFreedom = 3;
constexpr std::size_t kEnough = 8;
constexpr double kMadOfT3 = 0.7649;   // median absolute deviation of a t with 3 degrees and scale 1
constexpr double kLeastRight = 0.25;  // a voice's own variety; a smaller scale comes from too few clips
constexpr double kLeastApart = 2;     // nats between the groups, below which nothing could be told
constexpr double kLeastWrong = 0.002, kMostWrong = 0.5;

double log_density(double x, double location, double scale) {
  const double z = (x - location) / scale;
  return -std::log(scale) - (kFreedom + 1) / 2 * std::log1p(z * z / kFreedom);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Median, and the scale of the t whose median deviation is that of `values`.
void locate(std::span<const double> values, double& location, double& scale) {
  std::vector<double> v(values.begin(), values.end());
  location = median(v);
  for (double& x : v) x = std::abs(x - location);
  scale = median(v) / kMadOfT3;
}

}  // namespace

double Calibration::probability(double score) const {
  const double x = std::clamp(score, wrong_score, right_score);
  const double odds = log_density(x, right_score, right_scale) - log_density(x, wrong_score, wrong_scale) +
                      std::log1p(-wrong_share) - std::log(wrong_share);
  return 1 / (1 + std::exp(-odds));
}

Calibration calibrate(std::span<const double> own, std::span<const double> wrong) {
  Calibration c;
  if (own.size() >= kEnough) locate(own, c.right_score, c.right_scale);
  if (wrong.size() >= kEnough) locate(wrong, c.wrong_score, c.wrong_scale);
  c.right_scale = std::max(c.right_scale, kLeastRight);
  c.wrong_score = std::min(c.wrong_score, c.right_score - kLeastApart);
  c.wrong_scale = std::max(c.wrong_scale, c.right_scale);
  if (own.size() < kEnough) return c;
  for (int round = 0; round < 50; ++round) {
    double expected = 0;
    for (const double score : own) expected += 1 - c.probability(score);
    c.wrong_share = std::clamp(expected / static_cast<double>(own.size()), kLeastWrong, kMostWrong);
  }
  return c;
}

}  // namespace timbre::align
