#include "models/valle/model_transformer.h"

#include <ATen/core/Reduction.h>
#include <ATen/ops/binary_cross_entropy_with_logits.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/mse_loss.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "base/error.h"
#include "models/valle/layout.h"
#include "nn/sequence.h"

namespace timbre::valle {
namespace {

constexpr double kPositionDropout = 0.1, kDecoderPrenetDropout = 0.5;
constexpr double kStopWeight = 100.0;
constexpr std::int64_t kFramesPerToken = 10;

StackOptions stack_of(const Config& config, bool cross) {
  return {.width = config.decoder_dim,
          .heads = config.nhead,
          .layers = config.num_decoder_layers,
          .dropout = config.dropout,
          .norm_first = config.norm_first,
          .cross = cross,
          .norm = config.scaling_xformers ? NormKind::balanced : NormKind::plain};
}

double unless_off(const Config& config, double dropout) { return config.dropout > 0 ? dropout : 0.0; }

}  // namespace

MelTransformer::MelTransformer(const Config& config)
    : text_embedding_(config.text_rows, config.decoder_dim),
      encoder_prenet_(config.decoder_dim, {.on = config.add_prenet, .dropout = config.dropout > 0}),
      decoder_prenet_(kMelBins, config.decoder_dim,
                      {.on = config.add_prenet, .dropout = unless_off(config, kDecoderPrenetDropout)}),
      encoder_position_(config.decoder_dim, {.dropout = unless_off(config, kPositionDropout)}),
      decoder_position_(config.decoder_dim, {.dropout = unless_off(config, kPositionDropout)}),
      encoder_(stack_of(config, false)),
      decoder_(stack_of(config, true)),
      predict_layer_(config.decoder_dim, kMelBins),
      stop_layer_(config.decoder_dim, 1) {
  if (const auto problems = config.problems(); !problems.empty()) throw std::logic_error("valle: " + problems.front());
  child("text_embedding", text_embedding_);
  child("encoder_prenet", encoder_prenet_);
  if (config.add_prenet) {
    child("decoder_prenet", decoder_prenet_);
  } else {
    decoder_line_ = std::make_unique<nn::Linear>(kMelBins, config.decoder_dim);
    child("decoder_prenet", *decoder_line_);
  }
  child("encoder_position", encoder_position_);
  child("decoder_position", decoder_position_);
  child("encoder", encoder_);
  child("decoder", decoder_);
  child("predict_layer", predict_layer_);
  child("stop_layer", stop_layer_);
}

Tensor MelTransformer::encode(const Tensor& text_BX, const std::vector<std::int64_t>& text_lens_B,
                              const Probe& probe) const {
  Tensor x = encoder_prenet_.forward(text_embedding_.forward(text_BX));
  heard(probe, "encoder_prenet", x);
  x = encoder_position_.forward(x);
  heard(probe, "encoder_position", x);
  StackInputs inputs;
  inputs.attend.tail_lens = text_lens_B;
  return encoder_.forward(x, inputs, "encoder", probe);
}

Tensor MelTransformer::decode(const Tensor& shifted_BFM, const Tensor& memory_BXD,
                              const std::vector<std::int64_t>& text_lens_B, const Probe& probe) const {
  Tensor y = decoder_line_ ? decoder_line_->forward(shifted_BFM) : decoder_prenet_.forward(shifted_BFM);
  heard(probe, "decoder_prenet", y);
  y = decoder_position_.forward(y);
  heard(probe, "decoder_position", y);
  StackInputs inputs;
  inputs.attend.causal = true;
  inputs.memory_BXD = memory_BXD;
  inputs.over_memory.tail_lens = text_lens_B;
  return decoder_.forward(y, inputs, "decoder", probe);
}

MelOutputs MelTransformer::forward(const Tensor& text_BX, const std::vector<std::int64_t>& text_lens_B,
                                   const Tensor& mel_BFM, const std::vector<std::int64_t>& mel_lens_B,
                                   const Probe& probe) const {
  if (*std::min_element(text_lens_B.begin(), text_lens_B.end()) < 1)
    throw DataError("a text of this batch has no tokens", "leave it out");
  const std::int64_t frames = mel_BFM.size(1);
  const Tensor pad_BF = nn::padding_mask(at::tensor(mel_lens_B, at::kLong), frames).to(mel_BFM.device());
  const Tensor target_BFM = mel_BFM.masked_fill(pad_BF.unsqueeze(2), 0.0);
  const Tensor shifted_BFM = at::constant_pad_nd(target_BFM, {0, 0, 1, 0}, 0).narrow(1, 0, frames);
  const Tensor y_BFD = decode(shifted_BFM, encode(text_BX, text_lens_B, probe), text_lens_B, probe);
  MelOutputs out;
  out.mel_BFM = predict_layer_.forward(y_BFD);
  heard(probe, "predict_layer", out.mel_BFM);
  const Tensor stop_BF1 = stop_layer_.forward(y_BFD);
  heard(probe, "stop_layer", stop_BF1);
  const Tensor stop_BF = stop_BF1.squeeze(2), ended_BF = pad_BF.to(stop_BF.scalar_type());
  const Tensor stop_loss =
      at::binary_cross_entropy_with_logits(stop_BF, ended_BF, 1.0 + 4.0 * ended_BF, {}, at::Reduction::Sum);
  out.loss = at::mse_loss(out.mel_BFM, target_BFM, at::Reduction::Sum) + kStopWeight * stop_loss;
  out.stop_loss = stop_loss.detach();
  const Tensor right_BF = (stop_BF.detach() >= 0).eq(pad_BF);
  out.stop_accuracy = static_cast<double>(right_BF.sum().item<std::int64_t>()) / static_cast<double>(right_BF.numel());
  return out;
}

Tensor MelTransformer::infer(const Tensor& text_1X) const {
  const at::NoGradGuard no_grad;
  const std::vector<std::int64_t> lens = {text_1X.size(1)};
  if (lens[0] < 1) throw DataError("the text has no tokens", "give it some words");
  const Tensor memory_1XD = encode(text_1X, lens, {});
  Tensor mel_1FM = at::zeros({1, 1, kMelBins}, memory_1XD.options());
  for (;;) {
    const Tensor all_1FD = decode(mel_1FM, memory_1XD, lens, {});
    const Tensor last_11D = all_1FD.narrow(1, all_1FD.size(1) - 1, 1);
    if (mel_1FM.size(1) > lens[0] * kFramesPerToken || stop_layer_.forward(last_11D).item<float>() > 0) break;
    mel_1FM = at::cat({mel_1FM, predict_layer_.forward(last_11D)}, 1);
  }
  return mel_1FM.narrow(1, 1, mel_1FM.size(1) - 1);
}

}  // namespace timbre::valle
