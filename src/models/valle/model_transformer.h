#pragma once
#include "models/valle/model_layers.h"

/// lifeiteng's debug model: text → mel by an encoder and an autoregressive decoder (arXiv 1809.08895, without stop
/// tricks and speakers), optionally of balanced layers. Letters: X text positions, F frames, M mel bins.
namespace timbre::valle {

/// Sums over all positions, padding included, as the reference counts.
struct MelOutputs {
  Tensor loss;               ///< squared error of the mel + 100 · stop_loss
  Tensor stop_loss;          ///< detached
  double stop_accuracy = 0;  ///< share of positions
  Tensor mel_BFM;
};

class MelTransformer : public nn::Module {
 public:
  explicit MelTransformer(const Config& config);
  MelOutputs forward(const Tensor& text_BX, const std::vector<std::int64_t>& text_lens_B, const Tensor& mel_BFM,
                     const std::vector<std::int64_t>& mel_lens_B, const Probe& probe = {}) const;
  /// One text; ends when the stop layer says so or after ten frames a token. [1, F, M]
  Tensor infer(const Tensor& text_1X) const;

 private:
  Tensor encode(const Tensor& text_BX, const std::vector<std::int64_t>& text_lens_B, const Probe& probe) const;
  /// Decoder output of shifted frames.
  Tensor decode(const Tensor& shifted_BFM, const Tensor& memory_BXD, const std::vector<std::int64_t>& text_lens_B,
                const Probe& probe) const;

  TokenEmbedding text_embedding_;
  TextPrenet encoder_prenet_;
  AudioPrenet decoder_prenet_;
  std::unique_ptr<nn::Linear> decoder_line_;  ///< in place of the prenet
  Positions encoder_position_, decoder_position_;
  Stack encoder_, decoder_;
  nn::Linear predict_layer_, stop_layer_;
};

}  // namespace timbre::valle
