#pragma once
#include <span>

#include "config/fields.h"

/// Coqui's AudioProcessor around the spectrum: pre-emphasis before it, a gain on its logarithm, and the move of
/// decibels into a symmetric or one-sided range that its older models were trained on.
namespace timbre::audio {

/// Decibels → numbers around 0. Off: the logarithm stays as it is (signal_norm false).
struct MelRange {
  bool enabled = false;
  double ref_level_db = 20;    ///< subtracted first
  double min_level_db = -100;  ///< becomes the low end
  double max_norm = 4;         ///< the high end
  bool symmetric = true;       ///< −max_norm … max_norm, else 0 … max_norm
  bool clip = true;            ///< values beyond the ends are cut
  bool operator==(const MelRange&) const = default;
};
config::Fields fields(MelRange& range);

/// In place, for values that are gain · log.
void to_range(std::span<float> values, const MelRange& range);
/// The inverse; what was cut is lost.
void from_range(std::span<float> values, const MelRange& range);

/// y[n] = x[n] − coefficient · x[n − 1], x[−1] = 0; in place.
void pre_emphasise(std::span<float> wave_N, double coefficient);
/// The inverse: y[n] = x[n] + coefficient · y[n − 1].
void de_emphasise(std::span<float> wave_N, double coefficient);

}  // namespace timbre::audio
