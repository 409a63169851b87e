#pragma once
#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "audio/mel.h"
#include "batch/given_mel_options.h"
#include "batch/segment_options.h"
#include "corpus/split.h"
#include "roles/spec.h"

/// HiFi-GAN (Kong et al. 2020, arXiv 2010.05646): mel frames → waveform by transposed convolutions and residual blocks,
/// trained against discriminators of periods and scales.
namespace timbre::hifigan {

/// The generator; upstream's config.json has the same under the names in brackets.
struct GeneratorOptions {
  std::string resblock = "1";                                   ///< 1: two convolutions a dilation; 2: one
  std::int64_t channels = 512;                                  ///< [upsample_initial_channel], halved by every stage
  std::vector<std::int64_t> upsample_rates = {8, 8, 2, 2};      ///< their product is the hop
  std::vector<std::int64_t> upsample_kernels = {16, 16, 4, 4};  ///< [upsample_kernel_sizes]
  std::vector<std::int64_t> kernels = {3, 7, 11};               ///< [resblock_kernel_sizes] of a stage's blocks
  std::vector<std::string> dilations = {"1-3-5", "1-3-5", "1-3-5"};  ///< [resblock_dilation_sizes] of each block
  bool weight_norm = true;  ///< false: a network whose weight norm was removed; it can only speak
};

/// What training weighs.
struct LossOptions {
  double mel = 45;
  double features = 2;
  double f_max_hz = 0;  ///< of the loss's mel [fmax_for_loss]; 0 = half the rate
};

struct DiscriminatorOptions {
  double width = 1;  ///< factor on the published channels
  std::vector<std::int64_t> periods = {2, 3, 5, 7, 11};
  std::int64_t scales = 3;
};

struct Config final : roles::ModelConfig {
  GeneratorOptions generator;
  audio::MelOptions mel = audio::mel_preset("hifigan");
  LossOptions loss;
  DiscriminatorOptions discriminators;
  batch::GivenMelOptions fine_tune;
  batch::SegmentOptions segments{.samples = 8192, .peak = 0.95};  ///< peak: not when fine-tuning
  corpus::SplitOptions split;
  std::int64_t valid_pieces = 48;

  config::Fields fields() override;
  std::vector<std::string> problems() const override;
  std::unique_ptr<roles::ModelConfig> clone() const override { return std::make_unique<Config>(*this); }

  /// Dilations of residual block `block` of a stage.
  std::vector<std::int64_t> dilations_of(std::size_t block) const;
  /// The mel options of the loss.
  audio::MelOptions loss_mel() const;
  /// Frames before and after a stretch of frames that its samples depend on: the exact receptive field.
  struct Context {
    std::int64_t before = 0, after = 0;
  };
  Context context() const;
  /// The larger of both.
  std::int64_t context_frames() const;
};

/// Frames made at once: a few seconds, so that memory stays small and the receptive field around costs a tenth.
inline constexpr std::int64_t kPieceFrames = 400;

/// The published sizes, 22.05 kHz: 13.9, 0.9 and 1.5 M parameters.
void apply_v1(Config& config);
void apply_v2(Config& config);
void apply_v3(Config& config);
/// V2's shape at 16 kHz with hop 200 and narrow discriminators: what a CPU can train.
void apply_small(Config& config);
/// Width 16, for trying things out.
void apply_debug(Config& config);

/// The body of voice.json that every hifigan folder has.
nlohmann::json about_network(const Config& config);
/// The options of voice.json's model.config. Throws DataError naming `where` and the field.
Config config_of(const nlohmann::json& about, const std::string& where);

}  // namespace timbre::hifigan
