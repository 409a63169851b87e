#pragma once
#include <cmath>

#include "codecs/encodec/codec.h"
#include "codecs/encodec/files.h"
#include "support/golden.h"

namespace timbre::encodec {

/// The codec of a .th of the golden set ("24khz", "48khz").
inline std::unique_ptr<Codec> codec_of(const fs::path& set, const std::string& kind) {
  const fs::path file = set / ("encodec_" + kind + ".th");
  const auto tensors = read_original(file);
  return std::make_unique<Codec>(std::make_shared<Network>(config_of_tensors(tensors, kind), tensors, file.string()));
}

/// Something with all kinds of frequencies in it, planar.
inline std::vector<float> sound(std::int64_t samples, std::int64_t channels = 1, std::uint32_t seed = 1) {
  std::vector<float> out;
  std::uint32_t state = seed * 2654435761u + 1;
  for (std::int64_t i = 0; i < samples * channels; ++i) {
    state = state * 1664525u + 1013904223u;
    const float noise = static_cast<float>(state >> 8) / 16777216.0f - 0.5f;
    out.push_back(0.4f * std::sin(0.05f * static_cast<float>(i)) + 0.3f * noise);
  }
  return out;
}

}  // namespace timbre::encodec
