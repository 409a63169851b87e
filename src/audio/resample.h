#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace timbre::audio {

/// soxr in "very high quality", one thread: the same filter as Python's soxr.resample(…, quality="VHQ"), which made the
/// golden clips. Returns round(samples · to / from) samples. Throws SystemError when libsoxr is not installed,
/// UsageError for rates < 1.
std::vector<float> resample(std::span<const float> samples_N, std::int64_t from_hz, std::int64_t to_hz);

}  // namespace timbre::audio
