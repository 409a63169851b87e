#pragma once
#include <cstdint>
#include <span>
#include <vector>

/// Repairs of samples. Each takes a clip of one channel and gives it back changed.
namespace timbre::doctor {

/// Takes the mean away.
void remove_offset(std::vector<float>& wave_N);

/// Narrow notches at the mains frequency and its harmonics up to 500 Hz (second-order sections with a quality of 25).
void notch_hum(std::vector<float>& wave_N, std::int64_t rate_hz, std::int64_t mains_hz);

/// Leaves at most `margin_s` of silence (40 dB below the loudest 25 ms) at either end.
void trim_edges(std::vector<float>& wave_N, std::int64_t rate_hz, double margin_s);

/// Cuts silences between sounds that are longer than `limit_s` down to `left_s`, in their middle. Silent are frames of
/// 20 ms that lie 40 dB below the loudest.
void shorten_silences(std::vector<float>& wave_N, std::int64_t rate_hz, double limit_s, double left_s);

/// Multiplies so that a level of `now_db` becomes `wanted_db`, or less where the peak would pass 0.97.
void set_level(std::vector<float>& wave_N, double now_db, double wanted_db);

}  // namespace timbre::doctor
