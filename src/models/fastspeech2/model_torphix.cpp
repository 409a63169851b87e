#include "models/fastspeech2/model_torphix.h"

#include <ATen/ops/bucketize.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/isnan.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/masked_fill.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/round.h>
#include <ATen/ops/tanh.h>

#include <fmt/format.h>

#include "nn/attention.h"
#include "nn/dropout.h"
#include "nn/sequence.h"

namespace timbre::fastspeech2 {
namespace {

/// Its code has 0.1 here and 0.2 behind the convolutions, which is what the option says.
constexpr double kShareOfDropout = 0.5;

Tensor zero_padding(const Tensor& x_BTD, const Tensor& pad_BT) {
  return pad_BT.defined() ? x_BTD.masked_fill(pad_BT.unsqueeze(-1), 0) : x_BTD;
}

void hear(const Probe& probe, const std::string& name, const Tensor& value) {
  if (probe) probe(name, value);
}

}  // namespace

TorphixKind torphix_kind(const Config& config) {
  return config.compat == "torphix-19e23c5" ? TorphixKind::march : TorphixKind::head;
}

Tensor torphix_bucket(const Tensor& value, const Tensor& bins) {
  return at::bucketize(value, bins.to(value.scalar_type())).masked_fill(at::isnan(value), 0);
}

TorphixPositions::TorphixPositions(std::int64_t rows, std::int64_t width, double dropout)
    : pe_T1D_(buffer("pe", nn::sinusoid_positions(rows, width).unsqueeze(1))), dropout_(dropout) {}

Tensor TorphixPositions::forward(const Tensor& x_BTD) const {
  const std::int64_t length = x_BTD.size(1);
  const Tensor rows_TD = length <= pe_T1D_.size(0) ? pe_T1D_.narrow(0, 0, length).squeeze(1)
                                                   : nn::sinusoid_positions(length, pe_T1D_.size(2)).to(x_BTD.device());
  return nn::dropout(x_BTD + rows_TD, dropout_, is_training());
}

TorphixAttention::TorphixAttention(const StackOptions& o)
    : w_qs_(o.width, o.heads * o.width),
      w_ks_(o.width, o.heads * o.width),
      w_vs_(o.width, o.heads * o.width),
      layer_norm_(o.width),
      fc_(o.heads * o.width, o.width),
      heads_(o.heads),
      dropout_(o.dropout * kShareOfDropout) {
  child("w_qs", w_qs_);
  child("w_ks", w_ks_);
  child("w_vs", w_vs_);
  child("layer_norm", layer_norm_);
  child("fc", fc_);
}

Tensor TorphixAttention::forward(const Tensor& x_BTD, const Tensor& pad_BT) const {
  const Tensor q_BHTK = nn::split_heads(w_qs_.forward(x_BTD), heads_);
  const Tensor k_BHTK = nn::split_heads(w_ks_.forward(x_BTD), heads_);
  const Tensor v_BHTK = nn::split_heads(w_vs_.forward(x_BTD), heads_);
  const Tensor heard_BTD = fc_.forward(nn::join_heads(nn::attention(v_BHTK, q_BHTK, k_BHTK, pad_BT)));
  return layer_norm_.forward(nn::dropout_add(heard_BTD, x_BTD, dropout_, is_training()));
}

TorphixBlock::TorphixBlock(const StackOptions& o, TorphixKind kind)
    : attention_(o),
      widen_(o.width, o.filter, {.kernel = o.kernel}),
      narrow_(o.filter, o.width, {.kernel = o.kernel_second}),
      norm_(o.width),
      kind_(kind),
      dropout_(o.dropout) {
  child("attention", attention_);
  child("post_layers.0.layers.0", widen_);
  child("post_layers.2.layers.0", narrow_);
  child(kind == TorphixKind::head ? "post_layers.3" : "layer_norm", norm_);
}

Tensor TorphixBlock::forward(const Tensor& x_BTD, const Tensor& pad_BT, const std::string& name,
                             const Probe& probe) const {
  const Tensor attended_BTD = attention_.forward(x_BTD, pad_BT);
  hear(probe, name + ".attention", attended_BTD);
  const Tensor in_BTD = zero_padding(attended_BTD, pad_BT);
  const Tensor local_BTD = narrow_.forward_BTC(at::relu(widen_.forward_BTC(in_BTD)));
  const Tensor out_BTD = kind_ == TorphixKind::head
                             ? nn::dropout_add(norm_.forward(local_BTD), in_BTD, dropout_, is_training())
                             : norm_.forward(nn::dropout_add(local_BTD, in_BTD, dropout_, is_training()));
  return zero_padding(out_BTD, pad_BT);
}

TorphixStack::TorphixStack(const StackOptions& o, std::int64_t positions, TorphixKind kind, std::int64_t symbols)
    : positional_enc_(positions, o.width, o.dropout * kShareOfDropout) {
  for (std::int64_t i = 0; i < o.layers; ++i) {
    layers_.push_back(std::make_unique<TorphixBlock>(o, kind));
    child("layers." + std::to_string(i), *layers_.back());
  }
  if (symbols > 0) {
    phoneme_embedding_ = std::make_unique<nn::Embedding>(symbols, o.width, 0);
    child("phoneme_embedding", *phoneme_embedding_);
  }
  child("positional_enc", positional_enc_);
}

Tensor TorphixStack::forward(Tensor x_BTD, const Tensor& pad_BT, const std::string& name, const Probe& probe) const {
  x_BTD = positional_enc_.forward(x_BTD);
  hear(probe, name + ".positional_enc", x_BTD);
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const std::string block = name + ".layers." + std::to_string(i);
    x_BTD = layers_[i]->forward(x_BTD, pad_BT, block, probe);
    hear(probe, block, x_BTD);
  }
  hear(probe, name, x_BTD);
  return x_BTD;
}

TorphixPredictor::TorphixPredictor(const Config& config, TorphixKind kind)
    : linear_(config.encoder.width, 1), dropout_(config.variance.dropout) {
  const std::int64_t width = config.encoder.width, filter = config.variance.filter;
  const std::int64_t sizes[] = {width, filter, filter, width};
  std::int64_t place = 0;  // in the reference's Sequential: convolution, ReLU, norm (if any), dropout
  for (int i = 0; i < 3; ++i) {
    convolutions_.push_back(
        std::make_unique<nn::Conv1d>(sizes[i], sizes[i + 1], nn::ConvOptions{.kernel = config.variance.kernel}));
    child(fmt::format("layers.{}.layers.0", place), *convolutions_.back());
    place += 2;
    norms_.push_back(i == 1 && kind == TorphixKind::march ? nullptr : std::make_unique<nn::LayerNorm>(sizes[i + 1]));
    if (norms_.back()) child(fmt::format("layers.{}", place++), *norms_.back());
    ++place;
  }
  child(fmt::format("layers.{}", place), linear_);
}

Tensor TorphixPredictor::forward(const Tensor& x_BTD, const Tensor& pad_BT) const {
  Tensor h_BTC = x_BTD;
  for (std::size_t i = 0; i < convolutions_.size(); ++i) {
    h_BTC = at::relu(convolutions_[i]->forward_BTC(h_BTC));
    if (norms_[i]) h_BTC = norms_[i]->forward(h_BTC);
    h_BTC = nn::dropout(h_BTC, dropout_, is_training());
  }
  const Tensor out_BT = linear_.forward(h_BTC).squeeze(-1);
  return pad_BT.defined() ? out_BT.masked_fill(pad_BT, 0) : out_BT;
}

TorphixVariance::TorphixVariance(const Config& config, TorphixKind kind, const Statistics& pitch,
                                 const Statistics& energy)
    : options_(config.variance),
      kind_(kind),
      pitch_bins_(buffer("pitch_bins", at::linspace(pitch.min, pitch.max, config.variance.bins - 1))),
      energy_bins_(buffer("energy_bins", at::linspace(energy.min, energy.max, config.variance.bins - 1))),
      duration_predictor_(config, kind),
      pitch_predictor_(config, kind),
      energy_predictor_(config, kind),
      pitch_embedding_(config.variance.bins, config.encoder.width),
      energy_embedding_(config.variance.bins, config.encoder.width) {
  child("duration_predictor", duration_predictor_);
  child("pitch_predictor", pitch_predictor_);
  child("energy_predictor", energy_predictor_);
  child("pitch_embedding", pitch_embedding_);
  child("energy_embedding", energy_embedding_);
}

Tensor TorphixVariance::frames_of(const Inputs& in, const Tensor& log_duration_BP) const {
  const bool given = in.durations_BP.defined();
  const bool counts = given && (kind_ == TorphixKind::head || is_training() || in.whole_durations);
  const Tensor frames_BP =
      counts ? at::round(in.durations_BP.to(at::kFloat) * in.factors.duration)
             : at::round(at::exp(given ? in.durations_BP.to(at::kFloat) : log_duration_BP) - 1) * in.factors.duration;
  return at::clamp(frames_BP, 0);
}

Tensor TorphixVariance::add_variance(const TorphixPredictor& predictor, const nn::Embedding& table, const Tensor& bins,
                                     const Tensor& x_BTD, const Tensor& target_BT, const Tensor& pad_BT, double factor,
                                     Tensor& prediction_BT) const {
  prediction_BT = predictor.forward(x_BTD, pad_BT);
  if (!target_BT.defined()) prediction_BT = prediction_BT * factor;
  return x_BTD + table.forward(torphix_bucket(target_BT.defined() ? target_BT : prediction_BT, bins));
}

Tensor TorphixVariance::forward(Tensor x_BTD, const Inputs& in, Outputs& out, const Probe& probe) const {
  out.log_duration_BP = duration_predictor_.forward(x_BTD, out.text_pad_BP);
  hear(probe, "variance_adaptor.duration_predictor", out.log_duration_BP);
  if (options_.pitch_level == "phoneme")
    x_BTD = add_variance(pitch_predictor_, pitch_embedding_, pitch_bins_, x_BTD, in.pitch, out.text_pad_BP,
                         in.factors.pitch, out.pitch);
  if (options_.energy_level == "phoneme")
    x_BTD = add_variance(energy_predictor_, energy_embedding_, energy_bins_, x_BTD, in.energy, out.text_pad_BP,
                         in.factors.energy, out.energy);

  out.duration_BP = frames_of(in, out.log_duration_BP);
  const Tensor frames_BP = out.duration_BP.to(at::kLong);  // towards zero
  out.mel_lens_B = frames_BP.sum(1);
  // A target decides the length. Frames that its accident would add are cut, rather than made and thrown away.
  const bool bound = in.mel_lens_B.defined() && in.frames_max > 0;
  const std::int64_t frames = bound ? in.frames_max : out.mel_lens_B.max().item<std::int64_t>();
  const Tensor lens_B = bound ? in.mel_lens_B : out.mel_lens_B;
  out.mel_pad_BF = nn::padding_mask(lens_B, frames);
  x_BTD = nn::length_regulate(x_BTD, frames_BP, frames);

  const Tensor mask_BF = bound ? out.mel_pad_BF : Tensor();
  if (options_.pitch_level == "frame") {
    out.pitch = pitch_predictor_.forward(x_BTD, mask_BF);
    if (!in.pitch.defined()) out.pitch = out.pitch * in.factors.pitch;
  }
  if (options_.energy_level == "frame") {
    out.energy = energy_predictor_.forward(x_BTD, mask_BF);
    if (!in.energy.defined()) out.energy = out.energy * in.factors.energy;
  }
  hear(probe, "variance_adaptor", x_BTD);
  return x_BTD;
}

TorphixPostNet::TorphixPostNet(const Config& config, TorphixKind kind) : dropout_(config.postnet_dropout) {
  const std::int64_t mels = config.mel.mels, filter = config.postnet_filter,
                     first = config.postnet_filter_first > 0 ? config.postnet_filter_first : filter;
  const bool head = kind == TorphixKind::head;
  // Places in the reference's Sequential: the first layer lies open in it (convolution, norm, tanh, dropout).
  const std::int64_t open = head ? 4 : 3;
  for (std::int64_t i = 0; i < config.postnet_layers; ++i) {
    const bool last = i + 1 == config.postnet_layers;
    const std::int64_t in = i == 0 ? mels : i == 1 ? first : filter, out = last ? mels : i == 0 ? first : filter;
    convolutions_.push_back(std::make_unique<nn::Conv1d>(in, out, nn::ConvOptions{.kernel = 5}));
    const std::string place = i == 0 ? "layers.0" : fmt::format("layers.{}", open + i - 1);
    child(head ? (i == 0 ? place : place + ".0") : place + (i == 0 ? ".layers.0" : ".0.layers.0"),
          *convolutions_.back());
    if (head) {
      batch_norms_.push_back(std::make_unique<nn::BatchNorm1d>(out));
      child(i == 0 ? "layers.1" : place + ".1", *batch_norms_.back());
    } else if (i > 0 && !last) {
      layer_norms_.push_back(std::make_unique<nn::LayerNorm>(out));
      child(place + ".3", *layer_norms_.back());
    }
  }
}

Tensor TorphixPostNet::forward(const Tensor& mel_BFM) const {
  Tensor x_BFC = mel_BFM;
  for (std::size_t i = 0; i < convolutions_.size(); ++i) {
    x_BFC = convolutions_[i]->forward_BTC(x_BFC);
    if (!batch_norms_.empty()) x_BFC = batch_norms_[i]->forward_BTC(x_BFC);
    if (i + 1 == convolutions_.size()) break;
    x_BFC = nn::dropout(at::tanh(x_BFC), dropout_, is_training());
    if (batch_norms_.empty() && i > 0) x_BFC = layer_norms_[i - 1]->forward(x_BFC);
  }
  return x_BFC;
}

Torphix::Torphix(const Config& config, std::int64_t symbols, const Statistics& pitch, const Statistics& energy)
    : config_(config),
      kind_(torphix_kind(config)),
      encoder_(config.encoder, config.max_frames, kind_, kind_ == TorphixKind::head ? symbols : 0),
      variance_adaptor_(config, kind_, pitch, energy),
      projection_(config.encoder.width, config.decoder.width, {}),
      decoder_(config.decoder, config.max_frames, kind_),
      postnet_(config, kind_) {
  if (kind_ == TorphixKind::march) {
    phoneme_embedding_ = std::make_unique<nn::Embedding>(symbols, config.encoder.width, 0);
    child("phoneme_embedding", *phoneme_embedding_);
    positional_encoding_ = std::make_unique<TorphixPositions>(config.max_frames, config.encoder.width,
                                                              config.encoder.dropout * kShareOfDropout);
    child("positional_encoding", *positional_encoding_);
  }
  child("encoder", encoder_);
  child("variance_adaptor", variance_adaptor_);
  child("projection.layers.0", projection_);
  child("decoder", decoder_);
  child("postnet", postnet_);
}

Outputs Torphix::forward(const Inputs& in) const {
  Outputs out;
  out.text_lens_B = in.text_lens_B;
  out.text_pad_BP = nn::padding_mask(in.text_lens_B, in.text_BP.size(1));
  Tensor x_BPD = kind_ == TorphixKind::head ? encoder_.embed(in.text_BP)
                                            : positional_encoding_->forward(phoneme_embedding_->forward(in.text_BP));
  x_BPD = encoder_.forward(x_BPD, out.text_pad_BP, "encoder", probe);
  if (in.speaker_vec_BE.defined()) x_BPD = x_BPD + in.speaker_vec_BE.unsqueeze(1);
  Tensor x_BFD = variance_adaptor_.forward(x_BPD, in, out, probe);
  x_BFD = projection_.forward_BTC(x_BFD);
  hear(probe, "projection", x_BFD);
  const bool masked = in.mel_lens_B.defined() && in.frames_max > 0;
  out.mel_BFM = decoder_.forward(x_BFD, masked ? out.mel_pad_BF : Tensor(), "decoder", probe);
  out.mel_postnet_BFM = postnet_.forward(out.mel_BFM);
  hear(probe, "postnet", out.mel_postnet_BFM);
  if (kind_ == TorphixKind::march) out.mel_postnet_BFM = out.mel_postnet_BFM + out.mel_BFM;
  return out;
}

}  // namespace timbre::fastspeech2
