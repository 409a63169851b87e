#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace timbre::audio {

/// What DIO and StoneMask look for, and where its frames lie.
struct DioOptions {
  double floor_hz = 71.0;
  double ceil_hz = 800.0;
  std::int64_t rate_hz = 0;
  std::int64_t hop_samples = 0;
};

/// Fundamental frequency by DIO (Morise, Kawahara, Katayose 2009): the signal in half-octave bands, the intervals
/// between zero crossings, peaks and dips of each band, the band whose four intervals agree best. 0 where unvoiced;
/// frame i at i · hop / rate, dio_frames() of them.
/// The bands are filtered by blocks, all bands side by side in vector lanes: the same numbers as WORLD's, whose one
/// transform spans the recording, up to rounding.
std::vector<double> dio(std::span<const double> wave_N, const DioOptions& options);

/// Frames of a recording of that many samples: 1 + samples/hop but for pyworld's rounding, which at some exact
/// multiples of the hop gives one fewer.
std::int64_t dio_frames(std::int64_t samples, const DioOptions& options);

/// StoneMask: f0_F refined by the instantaneous frequency of its first harmonics, as pyworld.stonemask. Only the bins
/// of those harmonics are computed.
std::vector<double> stone_mask(std::span<const double> wave_N, std::span<const double> f0_F, const DioOptions& options);

}  // namespace timbre::audio
