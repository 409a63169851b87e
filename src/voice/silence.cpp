#include "voice/silence.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace timbre::voice {
namespace {

constexpr double kFrame_s = 0.02, kBelowLoudest = 1e-4, kBelowFullScale = 1e-6;  // powers: −40 and −60 dB

}  // namespace

Silence silence_in(std::span<const float> wave_N, std::int64_t rate_hz) {
  const auto hop = static_cast<std::size_t>(std::max(1.0, kFrame_s * static_cast<double>(rate_hz)));
  std::vector<double> power;
  for (std::size_t at = 0; at < wave_N.size(); at += hop) {
    const std::size_t end = std::min(wave_N.size(), at + hop);
    double sum = 0;
    for (std::size_t n = at; n < end; ++n) sum += static_cast<double>(wave_N[n]) * static_cast<double>(wave_N[n]);
    power.push_back(sum / static_cast<double>(end - at));
  }
  if (power.empty()) return {.longest_s = 0, .share = 1};
  const double floor = std::max(kBelowFullScale, kBelowLoudest * *std::max_element(power.begin(), power.end()));
  std::size_t run = 0, longest = 0, all = 0;
  for (const double one : power) {
    run = one < floor ? run + 1 : 0;
    all += one < floor ? 1 : 0;
    longest = std::max(longest, run);
  }
  return {.longest_s = static_cast<double>(longest) * kFrame_s,
          .share = static_cast<double>(all) / static_cast<double>(power.size())};
}

}  // namespace timbre::voice
