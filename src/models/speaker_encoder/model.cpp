#include "models/speaker_encoder/model.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/norm.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/var.h>
#include <fmt/format.h>

#include "base/error.h"

namespace timbre::speaker_encoder {

Encoder::Layer::Layer(std::int64_t in, std::int64_t width, std::int64_t out)
    : lstm(in, width), linear(width, out, false) {
  child("lstm", lstm);
  child("linear", linear);
}

Encoder::Encoder(const Config& config)
    : instance_norm_(config.kind == "coqui"), unit_by_floor_(config.kind != "resemblyzer") {
  std::int64_t in = config.audio.mel.mels;
  const bool resemblyzer = config.kind == "resemblyzer";
  if (config.projection && !resemblyzer) {
    for (std::int64_t i = 0; i < config.layers; ++i) {
      projected_.push_back(std::make_unique<Layer>(in, config.width, config.embedding));
      child(fmt::format("layers.{}", i), *projected_.back());
      in = config.embedding;
    }
    return;
  }
  stack_ = std::make_unique<nn::Lstm>(in, config.width, nn::RecurrentOptions{.layers = config.layers});
  out_ = std::make_unique<nn::Linear>(config.width, config.embedding);
  child(resemblyzer ? "lstm" : "layers.lstm", *stack_);
  child(resemblyzer ? "linear" : "layers.linear", *out_);
}

Tensor instance_norm(const Tensor& x_BTM) {
  constexpr double kEps = 1e-5;  // torch's default
  const Tensor mean_B1M = x_BTM.mean(1, true);
  const Tensor variance_B1M = at::var(x_BTM, at::OptionalIntArrayRef({1}), 0, true);
  return (x_BTM - mean_B1M) * at::rsqrt(variance_B1M + kEps);
}

Tensor Encoder::forward(const Tensor& given_BTM) const {
  Tensor x_BTD = instance_norm_ ? instance_norm(given_BTM) : given_BTM;
  Tensor last_BE;
  if (stack_) {
    const auto result = stack_->forward(x_BTD);
    last_BE = at::relu(out_->forward(result.h_LBD.select(0, result.h_LBD.size(0) - 1)));
  } else {
    for (const auto& layer : projected_) x_BTD = layer->linear.forward(layer->lstm.forward(x_BTD).out_BTD);
    last_BE = x_BTD.select(1, x_BTD.size(1) - 1);
  }
  Tensor norm_B1 = at::norm(last_BE, 2, {1}, true);
  if (unit_by_floor_) norm_B1 = at::clamp(norm_B1, 1e-12);
  return last_BE / norm_B1;
}

Embedded embed_mel(const Encoder& encoder, const Config& config, const Tensor& mel_TM,
                   const std::vector<Range>& pieces) {
  Embedded out;
  const std::int64_t missing = pieces.back().end - mel_TM.size(0);
  const Tensor mel = missing > 0 ? at::constant_pad_nd(mel_TM, {0, 0, 0, missing}) : mel_TM;
  std::vector<Tensor> vectors;
  for (std::size_t i = 0; i < pieces.size();) {  // pieces of one length together
    constexpr std::size_t kTogether = 64;
    std::vector<Tensor> same;
    const std::int64_t length = pieces[i].end - pieces[i].begin;
    for (; i < pieces.size() && same.size() < kTogether && pieces[i].end - pieces[i].begin == length; ++i)
      same.push_back(mel.narrow(0, pieces[i].begin, length));
    vectors.push_back(encoder.forward(at::stack(same)));
  }
  out.pieces_PE = at::cat(vectors);
  out.vector_E = out.pieces_PE.mean(0);
  if (config.kind == "resemblyzer") out.vector_E = out.vector_E / at::norm(out.vector_E, 2);
  return out;
}

Embedded embed_wave(const Encoder& encoder, const Config& config, std::span<const float> wave_N) {
  const at::NoGradGuard no_grad;
  std::vector<float> wave = audio::speaker_wave(wave_N, config.audio);
  std::vector<Range> pieces;
  if (config.kind == "resemblyzer") {
    pieces = partial_slices(static_cast<std::int64_t>(wave.size()), {.size = config.slices.frames,
                                                                     .per_s = config.slices.per_s,
                                                                     .min_coverage = config.slices.min_coverage,
                                                                     .rate_hz = config.audio.mel.rate_hz,
                                                                     .hop_samples = config.audio.mel.hop_samples});
    const auto wanted = static_cast<std::size_t>(pieces.back().end * config.audio.mel.hop_samples);
    if (wave.size() <= wanted) wave.resize(wanted, 0.0f);
  }
  audio::Mel mel = audio::speaker_mel(wave, config.audio);
  if (mel.frames < 1) throw DataError("the recording is too short for a speaker encoder");
  if (config.kind == "coqui") pieces = {{0, mel.frames}};  // what its windows of 250 come to: see README.md
  if (pieces.empty()) pieces = overlapping_windows(mel.frames, config.slices.frames, config.slices.overlap);
  const Tensor mel_TM =
      nn::to_torch(weights::Tensor::of<float>({mel.frames, mel.bins}, std::move(mel.values_FM))).to(encoder.device());
  return embed_mel(encoder, config, mel_TM, pieces);
}

Tensor speaker_mean(const Config& config, const Tensor& vectors_NE) {
  const Tensor mean_E = vectors_NE.mean(0);
  return config.kind == "resemblyzer" ? mean_E / at::norm(mean_E, 2) : mean_E;
}

}  // namespace timbre::speaker_encoder
