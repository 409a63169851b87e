#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace timbre::train {

/// What a run will need, told before it starts.
struct Forecast {
  double memory_bytes = 0;      ///< highest resident memory of this process
  double checkpoint_bytes = 0;  ///< one checkpoint
  double disk_bytes = 0;        ///< the run folder at its largest
  double step_s = 0;            ///< mean of a step
  double valid_s = 0;           ///< one validation
  double total_s = 0;           ///< all steps, validations and checkpoints
  std::int64_t steps = 0;

  /// "about 12 min for 800 steps (0.9 s each), 1.2 GB of memory, 95 MB of disk"; without times where none were measured
  std::string text() const;
};

/// Refuses what cannot fit: SystemError saying what is needed, what there is and what to change.
void require_room(const Forecast& forecast, double memory_available_bytes, double disk_free_bytes,
                  const std::filesystem::path& folder);

/// Memory this process may still take: MemAvailable, or less where a control group says so.
double available_memory_bytes();
/// Resident memory now, and its peak since the last reset (or start).
double resident_bytes();
double peak_resident_bytes();
void reset_peak_resident();

/// Straight line through measured (units, seconds) by least squares; through the origin's side: never negative.
struct CostLine {
  double fixed_s = 0, per_unit_s = 0;
  double at(double units) const { return fixed_s + per_unit_s * units; }
};
CostLine fit_cost(const std::vector<std::pair<double, double>>& units_and_seconds);

}  // namespace timbre::train
