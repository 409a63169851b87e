#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace timbre::report {

/// A sound as a data URI: packed as "ogg" or "flac" where this build and the rate allow it, else as WAV, which is only
/// larger.
std::string sound_uri(std::span<const float> samples_N, std::int64_t rate_hz, const std::string& format);

}  // namespace timbre::report
