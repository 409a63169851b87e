#include "audio/pitch.h"

#include <algorithm>

#include "audio/dio.h"
#include "base/error.h"
#include "world/harvest.h"

namespace timbre::audio {
namespace {

void check(std::span<const double> wave_N, std::int64_t rate_hz, std::int64_t hop_samples) {
  if (wave_N.empty()) throw DataError("pitch of an empty recording");
  if (rate_hz < 1 || hop_samples < 1)
    throw UsageError(fmt::format("pitch at {} Hz with a hop of {} samples", rate_hz, hop_samples));
}

DioOptions dio_options(std::int64_t rate_hz, std::int64_t hop_samples, const PitchOptions& options) {
  return {.floor_hz = options.floor_hz, .ceil_hz = options.ceil_hz, .rate_hz = rate_hz, .hop_samples = hop_samples};
}

}  // namespace

std::vector<double> pitch_dio(std::span<const double> wave_N, std::int64_t rate_hz, std::int64_t hop_samples,
                              const PitchOptions& options) {
  check(wave_N, rate_hz, hop_samples);
  return dio(wave_N, dio_options(rate_hz, hop_samples, options));
}

std::vector<double> pitch_dio_stonemask(std::span<const double> wave_N, std::int64_t rate_hz, std::int64_t hop_samples,
                                        const PitchOptions& options) {
  const auto f0_F = pitch_dio(wave_N, rate_hz, hop_samples, options);
  return stone_mask(wave_N, f0_F, dio_options(rate_hz, hop_samples, options));
}

std::vector<double> pitch_dio_stonemask(std::span<const float> wave_N, std::int64_t rate_hz, std::int64_t hop_samples,
                                        const PitchOptions& options) {
  const std::vector<double> wide(wave_N.begin(), wave_N.end());
  return pitch_dio_stonemask(std::span<const double>(wide), rate_hz, hop_samples, options);
}

std::vector<double> pitch_harvest(std::span<const double> wave_N, std::int64_t rate_hz, std::int64_t hop_samples,
                                  const PitchOptions& options) {
  check(wave_N, rate_hz, hop_samples);
  HarvestOption harvest;
  InitializeHarvestOption(&harvest);
  harvest.f0_floor = options.floor_hz;
  harvest.f0_ceil = options.ceil_hz;
  harvest.frame_period = static_cast<double>(hop_samples) / static_cast<double>(rate_hz) * 1000.0;
  const int samples = static_cast<int>(wave_N.size()), rate = static_cast<int>(rate_hz);
  std::vector<double> f0_F(static_cast<std::size_t>(GetSamplesForHarvest(rate, samples, harvest.frame_period)));
  std::vector<double> times_F(f0_F.size());
  Harvest(wave_N.data(), samples, rate, &harvest, times_F.data(), f0_F.data());
  return f0_F;
}

std::vector<double> interpolate_unvoiced(std::span<const double> pitch_F) {
  std::vector<double> out(pitch_F.begin(), pitch_F.end());
  std::size_t last = out.size();  // the last voiced frame; none yet
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i] == 0) continue;
    if (last == out.size()) {
      std::fill(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(i), out[i]);
    } else {
      const double slope = (out[i] - out[last]) / static_cast<double>(i - last);
      for (std::size_t k = last + 1; k < i; ++k) out[k] = slope * static_cast<double>(k - last) + out[last];
    }
    last = i;
  }
  if (last != out.size()) std::fill(out.begin() + static_cast<std::ptrdiff_t>(last), out.end(), out[last]);
  return out;
}

std::int64_t voiced_frames(std::span<const double> pitch_F) {
  return std::count_if(pitch_F.begin(), pitch_F.end(), [](double f) { return f > 0; });
}

}  // namespace timbre::audio
