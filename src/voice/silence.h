#pragma once
#include <cstdint>
#include <span>

/// Silence inside of what a voice said: what a network that lost its text often ends in.
namespace timbre::voice {

struct Silence {
  double longest_s = 0;  ///< the longest stretch without a break
  double share = 0;      ///< of the whole; 1 for nothing at all
};

/// Of stretches of 20 ms that are 40 dB below the loudest one, or below −60 dB of full scale.
Silence silence_in(std::span<const float> wave_N, std::int64_t rate_hz);

}  // namespace timbre::voice
