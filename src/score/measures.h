#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "audio/mel.h"
#include "base/mean.h"

/// Objective measures of speech, one clip at a time and summed up.
namespace timbre::score {

/// Wilson's 95 % interval of a share (Wilson 1927), which stays sensible near 0 and 1.
struct Interval {
  double low = 0, high = 0;
};
Interval wilson_interval(std::int64_t successes, std::int64_t trials);

/// Pitch of a clip by DIO and StoneMask: median of the voiced frames, and the width from their 5th to their 95th
/// percentile.
struct PitchRange {
  double median_hz = 0;  ///< 0 when nothing is voiced
  double range_semitones = 0;
};
PitchRange pitch_range(std::span<const float> wave_N, std::int64_t rate_hz);

/// Phones a second between the first and the last sound.
double speaking_rate(std::span<const float> wave_N, std::int64_t rate_hz, std::int64_t phones);

}  // namespace timbre::score
