#pragma once
#include <cstdint>
#include <span>
#include <vector>

/// From frame values to phone values to normalised values, as the FastSpeech2 preparations do it.
namespace timbre::audio {

/// ming024 writes each average into the front of the array it still reads from. Where zero durations put the reading
/// position behind the writing one, later averages are made of earlier averages: `in_place` repeats that for parity.
enum class Averaging { exact, in_place };

/// Mean of the frames of each phone; 0 for a phone of no frames. Frames beyond the end of `values_F` are left out of
/// the mean, as Python's slices do. Throws DataError when a duration is negative, or (in_place) when there are more
/// phones than frames.
std::vector<double> average_by_duration(std::span<const double> values_F, std::span<const std::int64_t> durations_P,
                                        Averaging averaging = Averaging::exact);
/// The same, with the sums in single precision where NumPy has them so (energy).
std::vector<float> average_by_duration(std::span<const float> values_F, std::span<const std::int64_t> durations_P,
                                       Averaging averaging = Averaging::exact);

/// NumPy's linear percentile, 0 ≤ q ≤ 100. Throws DataError when there are no values.
double percentile(std::span<const double> values, double q);

/// What lies strictly between p25 − 1.5·IQR and p75 + 1.5·IQR. Strict, so constant values are all removed.
std::vector<double> remove_outliers(std::span<const double> values);

/// Mean and population standard deviation over everything added (scikit-learn's StandardScaler: 1.0 for no variance).
class RunningStats {
 public:
  void add(std::span<const double> values);
  /// Joins what another one saw (shards).
  void merge(const RunningStats& other);
  std::int64_t count() const { return count_; }
  double mean() const { return mean_; }
  double standard_deviation() const;
  /// Smallest and largest added; 0 when nothing was.
  double smallest() const { return smallest_; }
  double largest() const { return largest_; }

 private:
  std::int64_t count_ = 0;
  double mean_ = 0, squares_ = 0, smallest_ = 0, largest_ = 0;
};

}  // namespace timbre::audio
