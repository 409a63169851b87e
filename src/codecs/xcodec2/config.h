#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "roles/spec.h"

/// X-Codec 2 (Ye et al. 2025, arXiv 2502.04128 §3.1): speech at 16 kHz ↔ one stream of 50 codes a second, each out of
/// 65,536. The codec of Llasa.
namespace timbre::xcodec2 {

struct Config final : roles::ModelConfig {
  // The semantic encoder: the first layers of w2v-BERT 2.0.
  std::int64_t semantic_layers = 16;
  std::int64_t semantic_width = 1024;
  std::int64_t semantic_ffn = 4096;
  std::int64_t semantic_heads = 16;
  std::int64_t left_distance = 64;    ///< relative keys: furthest frame before that has its own
  std::int64_t right_distance = 8;    ///< and after
  std::int64_t semantic_kernel = 31;  ///< of its depthwise convolution
  // The acoustic encoder.
  std::int64_t acoustic_width = 48;  ///< channels at 16 kHz, doubled by each stride
  std::vector<std::int64_t> strides = {2, 2, 4, 4, 5};
  // Codes.
  std::vector<std::int64_t> levels = {4, 4, 4, 4, 4, 4, 4, 4};
  // The decoder.
  std::int64_t width = 1024;
  std::int64_t ffn = 4096;
  std::int64_t layers = 12;
  std::int64_t heads = 16;
  // How it is run.
  std::int64_t chunk_frames = 0;  ///< decode in chunks of so many codes; 0 = the whole at once, as the reference
  std::int64_t context_frames = 100;

  config::Fields fields() override;
  std::vector<std::string> problems() const override;
  std::unique_ptr<roles::ModelConfig> clone() const override { return std::make_unique<Config>(*this); }

  std::int64_t hop_samples() const;
  /// Width of what is quantised: semantic and acoustic frames side by side.
  std::int64_t joint_width() const { return semantic_width + width; }
  std::int64_t fft_samples() const { return 4 * hop_samples(); }
};

/// A few thousand numbers, for trying things out.
void apply_debug(Config& config);

/// voice.json of a codec folder.
nlohmann::json about_codec(const Config& config);
/// Throws DataError naming `where` when it is no X-Codec 2 of a kind that can be run.
Config config_of_folder(const nlohmann::json& about, const std::string& where);

}  // namespace timbre::xcodec2
