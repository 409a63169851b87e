#include "models/fastspeech2/model.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/bucketize.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/diff.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/log.h>
#include <ATen/ops/log1p.h>
#include <ATen/ops/masked_fill.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/round.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

#include "models/fastspeech2/model_torphix.h"
#include "nn/dropout.h"
#include "nn/sequence.h"

/// Variance adaptor and the network as a whole.
namespace timbre::fastspeech2 {
namespace {

/// Boundaries of the bins between the least and the largest value seen (§2.3: pitch on a log scale).
Tensor make_bins(const Statistics& statistics, const std::string& scale, std::int64_t bins) {
  if (scale == "log") return at::exp(at::linspace(std::log(statistics.min), std::log(statistics.max), bins - 1));
  return at::linspace(statistics.min, statistics.max, bins - 1);
}

}  // namespace

VariancePredictor::VariancePredictor(const Config& config)
    : conv_1_(config.encoder.width, config.variance.filter, {.kernel = config.variance.kernel}),
      norm_1_(config.variance.filter),
      conv_2_(config.variance.filter, config.variance.filter, {.kernel = config.variance.kernel, .padding = 1}),
      norm_2_(config.variance.filter),
      linear_(config.variance.filter, 1),
      dropout_(config.variance.dropout),
      masks_between_(config.block == "separable") {
  child("conv_layer.conv1d_1.conv", conv_1_);
  child("conv_layer.layer_norm_1", norm_1_);
  child("conv_layer.conv1d_2.conv", conv_2_);
  child("conv_layer.layer_norm_2", norm_2_);
  child("linear_layer", linear_);
}

Tensor VariancePredictor::forward(const Tensor& x_BTD, const Tensor& pad_BT) const {
  const Tensor pad_BT1 = pad_BT.unsqueeze(-1);
  const Tensor in_BTD = masks_between_ ? x_BTD.masked_fill(pad_BT1, 0) : x_BTD;
  Tensor h_BTC = nn::dropout(norm_1_.forward(at::relu(conv_1_.forward_BTC(in_BTD))), dropout_, is_training());
  if (masks_between_) h_BTC = h_BTC.masked_fill(pad_BT1, 0);
  h_BTC = nn::dropout(norm_2_.forward(at::relu(conv_2_.forward_BTC(h_BTC))), dropout_, is_training());
  return linear_.forward(h_BTC).squeeze(-1).masked_fill(pad_BT, 0);
}

VarianceAdaptor::Variance::Variance(const Config& config, const std::string& scale, const Statistics& of)
    : predictor(config), statistics(of) {
  const VarianceOptions& o = config.variance;
  if (o.embedding == "bins") {
    bins = make_bins(of, scale, o.bins);
    table = std::make_unique<nn::Embedding>(o.bins, config.encoder.width);
  } else {
    conv = std::make_unique<nn::Conv1d>(1, config.encoder.width, nn::ConvOptions{.kernel = o.embedding_kernel});
  }
}

VarianceAdaptor::VarianceAdaptor(const Config& config, const Statistics& pitch, const Statistics& energy)
    : options_(config.variance),
      duration_predictor_(config),
      pitch_(config, config.variance.pitch_scale, pitch),
      energy_(config, config.variance.energy_scale, energy) {
  if (pitch_.table) {
    pitch_.bins = buffer("pitch_bins", pitch_.bins);
    energy_.bins = buffer("energy_bins", energy_.bins);
  }
  child("duration_predictor", duration_predictor_);
  child("pitch_predictor", pitch_.predictor);
  child("energy_predictor", energy_.predictor);
  if (pitch_.table) {
    child("pitch_embedding", *pitch_.table);
    child("energy_embedding", *energy_.table);
  } else {
    child("pitch_conv", *pitch_.conv);
    child("energy_conv", *energy_.conv);
  }
  if (config.phase) {
    phase_linear_ = std::make_unique<nn::Linear>(4, config.encoder.width);
    child("phase_linear", *phase_linear_);
  }
}

Tensor VarianceAdaptor::add_variance(const Variance& variance, const std::string& kind, const Tensor& x_BTD,
                                     const Tensor& target_BT, const Tensor& pad_BT, double factor,
                                     Tensor& prediction_BT, const Probe& probe) const {
  prediction_BT = variance.predictor.forward(x_BTD, pad_BT);
  if (probe) probe("variance_adaptor." + kind + "_predictor", prediction_BT);
  if (!target_BT.defined() && variance.table) {
    prediction_BT = prediction_BT * factor;  // on the normalised value, as ming024 does
  } else if (!target_BT.defined() && factor != 1) {
    // in the unit of the recording: (v·dev + mean)·factor, normalised again
    const double shift = variance.statistics.mean * (factor - 1) / variance.statistics.deviation;
    prediction_BT = (prediction_BT * factor + shift).masked_fill(pad_BT, 0);
  }
  const Tensor& value_BT = target_BT.defined() ? target_BT : prediction_BT;
  const Tensor embedding_BTD = variance.table ? variance.table->forward(at::bucketize(value_BT, variance.bins))
                                              : variance.conv->forward_BTC(value_BT.unsqueeze(-1));
  if (probe) probe("variance_adaptor." + kind + "_embedding", embedding_BTD);
  return x_BTD + embedding_BTD;
}

Tensor VarianceAdaptor::predicted_durations(const Tensor& log_duration_BP, const Tensor& pad_BP, double factor) const {
  const Tensor frames_BP = at::exp(log_duration_BP) - 1;
  if (options_.rounding == "each") return at::clamp(at::round(frames_BP) * factor, 0);
  const Tensor at_least_one_BP = at::clamp(frames_BP * factor, 1).masked_fill(pad_BP, 0);
  const Tensor ends_BP = at::round(at::cumsum(at_least_one_BP, 1));
  return at::diff(ends_BP, 1, 1, at::zeros({ends_BP.size(0), 1}, ends_BP.options()));
}

Tensor VarianceAdaptor::phase(const Tensor& duration_BP, std::int64_t frames) const {
  const Tensor where_BF = nn::frame_positions(duration_BP, frames);
  const Tensor none_B1 = at::zeros({duration_BP.size(0), 1}, duration_BP.options());
  // One more column: frames beyond the end point at it.
  const Tensor length_BF = at::cat({duration_BP, none_B1}, 1).gather(1, where_BF);
  const Tensor start_BF = at::cat({at::cumsum(duration_BP, 1) - duration_BP, none_B1}, 1).gather(1, where_BF);
  const Tensor before_BF =
      at::clamp(at::arange(frames, duration_BP.options()).unsqueeze(0) - start_BF, 0).to(at::kFloat);
  const Tensor after_BF = at::clamp(length_BF.to(at::kFloat) - 1 - before_BF, 0);
  const Tensor share_BF = (before_BF + 0.5) / (before_BF + after_BF + 1);
  return at::stack({share_BF * 2 - 1, at::log1p(before_BF), at::log1p(after_BF), at::log1p(length_BF.to(at::kFloat))},
                   -1);
}

Tensor VarianceAdaptor::forward(Tensor x_BTD, const Inputs& in, Outputs& out, const Probe& probe) const {
  const double energy_factor = options_.energy_obeys_pitch_control ? in.factors.pitch : in.factors.energy;
  out.log_duration_BP = duration_predictor_.forward(x_BTD, out.text_pad_BP);
  if (probe) probe("variance_adaptor.duration_predictor", out.log_duration_BP);
  if (options_.pitch_level == "phoneme") {
    x_BTD = add_variance(pitch_, "pitch", x_BTD, in.pitch, out.text_pad_BP, in.factors.pitch, out.pitch, probe);
  }
  if (options_.energy_level == "phoneme") {
    x_BTD = add_variance(energy_, "energy", x_BTD, in.energy, out.text_pad_BP, energy_factor, out.energy, probe);
  }

  const bool given = in.durations_BP.defined();
  out.duration_BP =
      given ? in.durations_BP : predicted_durations(out.log_duration_BP, out.text_pad_BP, in.factors.duration);
  const Tensor frames_BP = out.duration_BP.to(at::kLong);  // towards zero
  out.mel_lens_B = frames_BP.sum(1);
  const std::int64_t frames = given && in.frames_max > 0 ? in.frames_max : out.mel_lens_B.max().item<std::int64_t>();
  out.mel_pad_BF = nn::padding_mask(given && in.mel_lens_B.defined() ? in.mel_lens_B : out.mel_lens_B, frames);
  x_BTD = nn::length_regulate(x_BTD, frames_BP, frames);
  if (probe) probe("variance_adaptor.length_regulator", x_BTD);
  if (phase_linear_) x_BTD = x_BTD + phase_linear_->forward(phase(frames_BP, frames));

  if (options_.pitch_level == "frame") {
    x_BTD = add_variance(pitch_, "pitch", x_BTD, in.pitch, out.mel_pad_BF, in.factors.pitch, out.pitch, probe);
  }
  if (options_.energy_level == "frame") {
    x_BTD = add_variance(energy_, "energy", x_BTD, in.energy, out.mel_pad_BF, energy_factor, out.energy, probe);
  }
  if (probe) probe("variance_adaptor", x_BTD);
  return x_BTD;
}

FastSpeech2::FastSpeech2(const Config& config, std::int64_t symbols, std::int64_t speakers, const Statistics& pitch,
                         const Statistics& energy)
    : config_(config),
      encoder_(config.encoder, config, symbols),
      variance_adaptor_(config, pitch, energy),
      decoder_(config.decoder, config),
      mel_linear_(config.decoder.width, config.mel.mels) {
  child("encoder", encoder_);
  child("variance_adaptor", variance_adaptor_);
  child("decoder", decoder_);
  child("mel_linear", mel_linear_);
  if (config.postnet_layers > 0) {
    postnet_ = std::make_unique<PostNet>(config.mel.mels, config.postnet_filter, config.postnet_layers,
                                         config.postnet_dropout);
    child("postnet", *postnet_);
  }
  if (config.speaker.size > 0) {
    speaker_vec_ = std::make_unique<nn::Linear>(config.speaker.size, config.encoder.width);
    child("speaker_vec", *speaker_vec_);
  }
  if ((speakers > 1 && !speaker_vec_) || config.speaker_table) {
    speaker_emb_ = std::make_unique<nn::Embedding>(speakers, config.encoder.width);
    child("speaker_emb", *speaker_emb_);
  }
}

Outputs FastSpeech2::forward(const Inputs& in) const {
  Outputs out;
  out.text_lens_B = in.text_lens_B;
  out.text_pad_BP = nn::padding_mask(in.text_lens_B, in.text_BP.size(1));

  Tensor x_BPD = encoder_.forward(encoder_.embed(in.text_BP), out.text_pad_BP, "encoder", probe);
  if (speaker_emb_) {
    const Tensor speaker_B = in.speaker_B.defined() ? in.speaker_B : at::zeros_like(in.text_lens_B);
    x_BPD = x_BPD + speaker_emb_->forward(speaker_B).unsqueeze(1);
  }
  if (speaker_vec_) x_BPD = x_BPD + speaker_vec_->forward(in.speaker_vec_BE).unsqueeze(1);
  Tensor x_BFD = variance_adaptor_.forward(x_BPD, in, out, probe);
  x_BFD = decoder_.forward(x_BFD, out.mel_pad_BF, "decoder", probe);

  out.mel_BFM = mel_linear_.forward(x_BFD);
  if (probe) probe("mel_linear", out.mel_BFM);
  out.mel_postnet_BFM = out.mel_BFM;
  if (postnet_) {
    const Tensor correction_BFM = postnet_->forward(out.mel_BFM);
    if (probe) probe("postnet", correction_BFM);
    out.mel_postnet_BFM = out.mel_BFM + correction_BFM;
  }
  return out;
}

std::unique_ptr<Network> make_network(const Config& config, std::int64_t symbols, std::int64_t speakers,
                                      const Statistics& pitch, const Statistics& energy) {
  if (is_torphix(config)) return std::make_unique<Torphix>(config, symbols, pitch, energy);
  return std::make_unique<FastSpeech2>(config, symbols, speakers, pitch, energy);
}

}  // namespace timbre::fastspeech2
