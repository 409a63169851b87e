#pragma once
#include "codecs/hifigan/config.h"
#include "nn/discriminators.h"
#include "nn/normed_conv.h"

/// The generator of HiFi-GAN (Kong et al. 2020, §2.2); parameter names as upstream. Letters: N samples.
namespace timbre::hifigan {

using nn::Tensor;

/// Residual block: kind 1 has two convolutions a dilation, kind 2 one.
class ResidualBlock final : public nn::Module {
 public:
  ResidualBlock(const Config& config, std::size_t block, std::int64_t width);
  Tensor forward(const Tensor& x_BTC) const;

 private:
  friend class Generator;
  std::vector<std::unique_ptr<nn::NormedConv1d>> first_, second_;
};

class Generator final : public nn::Module {
 public:
  explicit Generator(const Config& config);

  /// Called with "conv_pre", "ups.0", "resblocks.0" …, "conv_post" and each one's output [B, T, C].
  using Trace = std::function<void(const std::string& name, const Tensor& x_BTC)>;
  /// mel_BFM → [B, F · hop], -1 … 1.
  Tensor forward(const Tensor& mel_BFM, const Trace& trace = {}) const;
  /// The same in pieces of `frames` with their receptive field around them; equal to forward() within rounding, in
  /// memory that does not grow with the mel.
  Tensor forward_in_pieces(const Tensor& mel_BFM, std::int64_t frames) const;

  /// Computes every layer's weight once and for all, for inference.
  void fold();
  /// Loads a checkpoint without weight norm into this network with it: g = ‖v‖, v = weight.
  void load_bare(const weights::TensorMap& map, const std::string& where);

 private:
  std::vector<std::pair<std::string, nn::NormedWeight*>> layers();
  Config config_;
  std::unique_ptr<nn::NormedConv1d> conv_pre_, conv_post_;
  std::vector<std::unique_ptr<nn::NormedConvTranspose1d>> ups_;
  std::vector<std::unique_ptr<ResidualBlock>> blocks_;
};

/// Discriminators with the published widths times `options.width`.
nn::MultiPeriodDiscriminator::Options period_options(const DiscriminatorOptions& options);
nn::MultiScaleDiscriminator::Options scale_options(const DiscriminatorOptions& options);

/// Everything that is trained, under upstream's names: generator, mpd, msd.
class Learner final : public nn::Module {
 public:
  Learner(const Config& config, const nn::MultiPeriodDiscriminator::Options& periods,
          const nn::MultiScaleDiscriminator::Options& scales);
  Generator generator;
  nn::MultiPeriodDiscriminator mpd;
  nn::MultiScaleDiscriminator msd;
};

}  // namespace timbre::hifigan
