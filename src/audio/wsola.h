#pragma once
#include <cstdint>
#include <span>
#include <vector>

/// Speech made longer or shorter at its pitch: waveform-similarity overlap-add (Verhelst and Roelands 1993, "An
/// overlap-add technique based on waveform similarity (WSOLA) for high quality time-scale modification of speech").
namespace timbre::audio {

struct WsolaOptions {
  double window_s = 0.03;  ///< two or more periods of the lowest voice
  double reach_s = 0.01;   ///< how far a window may be moved to fit its neighbour: more than half such a period
};

/// `factor` times as long (2 = half the speed): round(N · factor) samples. 1 gives the samples back. Throws UsageError
/// for a factor outside 0.25 … 4 and for rates below 1,000 Hz.
std::vector<float> stretch(std::span<const float> samples_N, std::int64_t rate_hz, double factor,
                           const WsolaOptions& options = {});

}  // namespace timbre::audio
