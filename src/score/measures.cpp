#include "score/measures.h"

#include <algorithm>
#include <cmath>

#include "audio/averages.h"
#include "audio/levels.h"
#include "audio/pitch.h"

namespace timbre::score {
namespace {
constexpr double kZ = 1.959963984540054;  // 97.5th percentile of the standard normal
}

Interval wilson_interval(std::int64_t successes, std::int64_t trials) {
  if (trials <= 0) return {0, 1};
  const double n = static_cast<double>(trials), p = static_cast<double>(successes) / n, z2 = kZ * kZ;
  const double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
  const double half = kZ / (1 + z2 / n) * std::sqrt(p * (1 - p) / n + z2 / (4 * n * n));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

PitchRange pitch_range(std::span<const float> wave_N, std::int64_t rate_hz) {
  if (wave_N.empty()) return {};
  const auto pitch_F = audio::pitch_dio_stonemask(wave_N, rate_hz, rate_hz / 100);
  std::vector<double> voiced;
  for (const double hz : pitch_F) {
    if (hz > 0) voiced.push_back(hz);
  }
  if (voiced.empty()) return {};
  return {audio::percentile(voiced, 50), 12 * std::log2(audio::percentile(voiced, 95) / audio::percentile(voiced, 5))};
}

double speaking_rate(std::span<const float> wave_N, std::int64_t rate_hz, std::int64_t phones) {
  const auto sound = audio::trim_silence(wave_N, rate_hz);
  return sound.count > 0 ? static_cast<double>(phones) * static_cast<double>(rate_hz) / static_cast<double>(sound.count)
                         : 0;
}

}  // namespace timbre::score
