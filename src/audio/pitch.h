#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace timbre::audio {

/// WORLD's defaults.
struct PitchOptions {
  double floor_hz = 71.0;
  double ceil_hz = 800.0;
};

/// Fundamental frequency by DIO (Morise et al. 2009) refined by StoneMask, one value a frame of `hop_samples`, 0 where
/// unvoiced; 1 + N/hop values, frame i at i · hop / rate. As pyworld.dio + pyworld.stonemask in double precision.
/// Throws DataError when the recording is empty.
std::vector<double> pitch_dio_stonemask(std::span<const double> wave_N, std::int64_t rate_hz, std::int64_t hop_samples,
                                        const PitchOptions& options = {});
std::vector<double> pitch_dio_stonemask(std::span<const float> wave_N, std::int64_t rate_hz, std::int64_t hop_samples,
                                        const PitchOptions& options = {});
/// DIO alone, before refinement.
std::vector<double> pitch_dio(std::span<const double> wave_N, std::int64_t rate_hz, std::int64_t hop_samples,
                              const PitchOptions& options = {});

/// Harvest (Morise 2017), as pyworld.harvest with the same grid of frames: few unvoiced gaps, some 20 times slower than
/// DIO.
std::vector<double> pitch_harvest(std::span<const double> wave_N, std::int64_t rate_hz, std::int64_t hop_samples,
                                  const PitchOptions& options = {});

/// Linear between voiced frames, held at both ends. All-zero input stays as it is.
std::vector<double> interpolate_unvoiced(std::span<const double> pitch_F);

/// Frames with a value above 0.
std::int64_t voiced_frames(std::span<const double> pitch_F);

}  // namespace timbre::audio
