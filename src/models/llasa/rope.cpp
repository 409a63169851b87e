#include "models/llasa/rope.h"

#include <cmath>
#include <numbers>

namespace timbre::llasa {

std::vector<float> rope_frequencies(const Config& config) {
  const RopeScaling& scaling = config.rope_scaling;
  std::vector<float> out(static_cast<std::size_t>(config.head_dim / 2));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(config.head_dim);
    float f = 1.0f / std::pow(static_cast<float>(config.rope_theta), exponent);
    if (scaling.rope_type == "llama3") {
      const auto original = static_cast<float>(scaling.original_max_position_embeddings);
      const auto low = static_cast<float>(scaling.low_freq_factor), high = static_cast<float>(scaling.high_freq_factor);
      const auto factor = static_cast<float>(scaling.factor);
      const float wave = 2.0f * std::numbers::pi_v<float> / f;
      if (wave > original / low) {
        f /= factor;
      } else if (wave >= original / high) {
        const float smooth = (original / wave - low) / (high - low);
        f = (1.0f - smooth) * f / factor + smooth * f;
      }
    }
    out[i] = f;
  }
  return out;
}

RopeTable rope_table(const Config& config, std::span<const std::int64_t> positions) {
  const std::vector<float> frequencies = rope_frequencies(config);
  RopeTable out;
  out.cos.reserve(positions.size() * frequencies.size());
  out.sin.reserve(positions.size() * frequencies.size());
  for (const std::int64_t position : positions) {
    for (const float f : frequencies) {
      const float angle = static_cast<float>(position) * f;
      out.cos.push_back(std::cos(angle));
      out.sin.push_back(std::sin(angle));
    }
  }
  return out;
}

}  // namespace timbre::llasa
