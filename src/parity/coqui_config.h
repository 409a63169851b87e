#pragma once
#include <nlohmann/json.hpp>

#include "audio/levels.h"
#include "audio/mel.h"

namespace timbre::parity {

/// Coqui's "audio" section, as its AudioProcessor reads it.
struct CoquiConfig {
  audio::MelOptions mel;
  bool trim = false;
  double trim_db = 60;
  double pitch_min_hz = 1, pitch_max_hz = 640;
};
/// Throws DataError for an option that is not known here or has a value that is not computed here.
CoquiConfig read_coqui_config(const nlohmann::json& config);

/// What do_trim_silence keeps: 10 ms off both ends first, then whatever is `trim_db` below the loudest frame.
audio::Span coqui_trim(std::span<const float> wave_N, const CoquiConfig& config);

}  // namespace timbre::parity
