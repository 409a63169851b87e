#include "audio/resample.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "audio/sound_plugin_abi.h"
#include "base/error.h"
#include "base/plugin.h"

namespace timbre::audio {

std::vector<float> resample(std::span<const float> samples_N, std::int64_t from_hz, std::int64_t to_hz) {
  if (from_hz < 1 || to_hz < 1)
    throw UsageError(fmt::format("cannot resample from {} Hz to {} Hz", from_hz, to_hz), "give rates of at least 1 Hz");
  if (from_hz == to_hz || samples_N.empty()) return {samples_N.begin(), samples_N.end()};
  static const Plugin plugin("soxr", "the resampling library soxr", "libsoxr-dev");
  static auto* const call = plugin.find<TimbreResample>("timbre_soxr_resample");
  const double exact =
      static_cast<double>(samples_N.size()) * static_cast<double>(to_hz) / static_cast<double>(from_hz);
  std::vector<float> out(static_cast<std::size_t>(std::floor(exact + 0.5)));
  std::array<char, 256> error{};
  const auto made = call(samples_N.data(), samples_N.size(), static_cast<double>(from_hz), static_cast<double>(to_hz),
                         out.data(), out.size(), error.data(), error.size());
  if (made < 0)
    throw SystemError(fmt::format("resampling from {} Hz to {} Hz failed: {}", from_hz, to_hz, error.data()));
  out.resize(static_cast<std::size_t>(made));
  return out;
}

}  // namespace timbre::audio
