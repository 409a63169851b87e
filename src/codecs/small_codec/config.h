#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "batch/segment_options.h"
#include "corpus/split.h"
#include "roles/spec.h"

/// A small causal codec of our own: a few codebooks of finite scalar quantisation at 50 frames a second, for language
/// models that are trained where no published codec is at hand. See README.md.
namespace timbre::small_codec {

/// The quantiser: codebooks one after the other, each of what the ones before left over.
struct QuantiserOptions {
  std::int64_t codebooks = 4;
  std::vector<std::int64_t> levels = {8, 5, 5, 5};  ///< of each codebook: 1,000 entries
  /// Share of the training pieces that get by with fewer codebooks, drawn evenly: the first one alone stays
  /// intelligible, which is what a model of a single stream of tokens uses.
  double dropout = 0.5;
};

struct LossOptions {
  double mel = 1.0;          ///< mean absolute difference of log-mels, over several resolutions
  double convergence = 0.3;  ///< spectral convergence, over several resolutions
  double magnitude = 0.3;    ///< mean absolute difference of log-magnitudes
};

/// The game against discriminators of periods (HiFi-GAN's, narrow), which makes decoded speech less dull.
struct AdversarialOptions {
  std::int64_t first_step = 0;  ///< it begins here; 0 = it is not played
  double weight = 0.1;          ///< of being taken for real
  double features = 0.2;        ///< of the distance between what the discriminators see in both
  std::vector<std::int64_t> widths = {8, 16, 32, 64, 64};
};

struct Config final : roles::ModelConfig {
  std::int64_t rate_hz = 16000;
  std::int64_t fft_samples = 640;
  std::int64_t hop_samples = 160;  ///< of the inner frames; two of them are a frame of codes
  std::int64_t mels = 80;
  std::int64_t lookahead = 4;  ///< inner frames that the encoder hears ahead
  std::int64_t encoder_width = 192;
  std::int64_t encoder_layers = 2;  ///< at the rate of codes
  std::int64_t encoder_fine = 2;    ///< at the rate of inner frames
  std::int64_t decoder_width = 256;
  std::int64_t decoder_layers = 4;
  std::int64_t decoder_fine = 2;
  std::int64_t kernel = 7;
  std::int64_t filter = 3;  ///< width of the blocks' inner layer, as a multiple
  QuantiserOptions quantiser;
  LossOptions loss;
  AdversarialOptions adversarial;
  batch::SegmentOptions pieces = {.samples = 16000, .gain_db = 6};
  corpus::SplitOptions split;

  config::Fields fields() override;
  std::vector<std::string> problems() const override;
  std::unique_ptr<roles::ModelConfig> clone() const override { return std::make_unique<Config>(*this); }

  /// Samples of a frame of codes.
  std::int64_t frame_samples() const { return 2 * hop_samples; }
  std::int64_t codebook_size() const;
  /// Samples before the first one that the first window covers.
  std::int64_t margin() const { return (fft_samples - hop_samples) / 2; }
};

/// Four codebooks of 1,000: 2 kbit/s, for models of several levels; the first alone for models of one.
void apply_small(Config& config);
/// One codebook of 15,360: 0.7 kbit/s, for models of a single stream.
void apply_single(Config& config);
/// Widths of 32, for tests.
void apply_debug(Config& config);

/// Reads voice.json; `where` for messages. Throws DataError.
Config config_of(const nlohmann::json& about, const std::string& where);

}  // namespace timbre::small_codec
