#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What lifeiteng's trainer adds up over batches, and how it prints it (icefall's MetricsTracker).
namespace timbre::valle {

/// Sums by name in the order they came; "frames" and "utterances" are counts, all others are divided by the frames when
/// they are shown.
class Totals {
 public:
  void add(std::string_view name, double value);
  /// 0 when absent.
  double value(std::string_view name) const;
  double frames() const { return value("frames"); }
  const std::vector<std::pair<std::string, double>>& sums() const { return sums_; }
  /// Sums but the counts, each divided by the frames.
  std::vector<std::pair<std::string, double>> per_frame() const;
  /// "loss=6.794, ArTop10Accuracy=0.3333, over 36.00 frames. "
  std::string text() const;

  Totals& operator+=(const Totals& other);
  /// Every sum and count; the trainer's running totals fade by 1 − 1/reset_interval a batch.
  Totals& operator*=(double factor);

 private:
  std::vector<std::pair<std::string, double>> sums_;
};

}  // namespace timbre::valle
