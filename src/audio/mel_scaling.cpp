#include "audio/mel_scaling.h"

#include <algorithm>

namespace timbre::audio {

config::Fields fields(MelRange& r) {
  config::Fields f;
  f.add("enabled", r.enabled, "move decibels into a range around 0 (Coqui's signal_norm)");
  f.add("ref_level_db", r.ref_level_db, "decibels subtracted first").range(-1000, 1000);
  f.add("min_level_db", r.min_level_db, "decibels that become the low end").range(-1000, -1e-3);
  f.add("max_norm", r.max_norm, "the high end").range(1e-6, 1e6);
  f.add("symmetric", r.symmetric, "from -max_norm, else from 0");
  f.add("clip", r.clip, "cut what lies beyond the ends");
  return f;
}

void to_range(std::span<float> values, const MelRange& r) {
  const double low = r.symmetric ? -r.max_norm : 0.0, width = r.max_norm - low;
  for (float& v : values) {
    double x = low + width * (v - r.ref_level_db - r.min_level_db) / -r.min_level_db;
    if (r.clip) x = std::clamp(x, low, r.max_norm);
    v = static_cast<float>(x);
  }
}

void from_range(std::span<float> values, const MelRange& r) {
  const double low = r.symmetric ? -r.max_norm : 0.0, width = r.max_norm - low;
  for (float& v : values) {
    const double x = r.clip ? std::clamp(static_cast<double>(v), low, r.max_norm) : v;
    v = static_cast<float>((x - low) / width * -r.min_level_db + r.min_level_db + r.ref_level_db);
  }
}

void pre_emphasise(std::span<float> wave_N, double coefficient) {
  for (std::size_t n = wave_N.size(); n-- > 1;) wave_N[n] = static_cast<float>(wave_N[n] - coefficient * wave_N[n - 1]);
}

void de_emphasise(std::span<float> wave_N, double coefficient) {
  double last = 0;
  for (float& x : wave_N) x = static_cast<float>(last = x + coefficient * last);
}

}  // namespace timbre::audio
