#include "codecs/xcodec2/model.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/var_mean.h>

#include <algorithm>

#include "base/error.h"
#include "nn/attention.h"
#include "nn/init.h"

namespace timbre::xcodec2 {
namespace {

constexpr double kEps = 1e-6;
constexpr std::int64_t kGroups = 32;
/// Frames of wide hidden layers that exist at once.
constexpr std::int64_t kRows = 4096;
/// Frames of the acoustic encoder that are computed at once: 20 s.
constexpr std::int64_t kAcousticFrames = 1000;

/// Over time and the channels of a group (Wu & He 2018).
Tensor group_norm(const Tensor& x_BTC, const Tensor& weight_C, const Tensor& bias_C) {
  const std::int64_t B = x_BTC.size(0), T = x_BTC.size(1), C = x_BTC.size(2);
  const Tensor x_BTGC = x_BTC.reshape({B, T, kGroups, C / kGroups});
  const auto [variance, mean] = at::var_mean(x_BTGC, at::OptionalIntArrayRef({1, 3}), 0, true);
  return ((x_BTGC - mean) * at::rsqrt(variance + kEps)).view({B, T, C}) * weight_C + bias_C;
}

Tensor rms_norm(const Tensor& x_BTD, const Tensor& weight_D) {
  return x_BTD * at::rsqrt((x_BTD * x_BTD).mean(-1, true) + kEps) * weight_D;
}

}  // namespace

ResnetBlock::ResnetBlock(std::int64_t width)
    : conv1_(width, width, {.kernel = 3}), conv2_(width, width, {.kernel = 3}) {
  norm1_weight_ = parameter("norm1.weight", nn::init_constant({width}, 1));
  norm1_bias_ = parameter("norm1.bias", nn::init_constant({width}, 0));
  norm2_weight_ = parameter("norm2.weight", nn::init_constant({width}, 1));
  norm2_bias_ = parameter("norm2.bias", nn::init_constant({width}, 0));
  child("conv1", conv1_);
  child("conv2", conv2_);
}

Tensor ResnetBlock::forward_BTC(const Tensor& x_BTC) const {
  const Tensor first = conv1_.forward_BTC(at::silu(group_norm(x_BTC, norm1_weight_, norm1_bias_)));
  return x_BTC + conv2_.forward_BTC(at::silu(group_norm(first, norm2_weight_, norm2_bias_)));
}

DecoderLayer::DecoderLayer(const Config& c)
    : heads_(c.heads),
      c_attn_(c.width, 3 * c.width, false),
      c_proj_(c.width, c.width, false),
      fc1_(c.width, c.ffn, false),
      fc2_(c.ffn, c.width, false) {
  att_norm_ = parameter("att_norm.weight", nn::init_constant({c.width}, 1));
  ffn_norm_ = parameter("ffn_norm.weight", nn::init_constant({c.width}, 1));
  child("att.c_attn", c_attn_);
  child("att.c_proj", c_proj_);
  child("mlp.fc1", fc1_);
  child("mlp.fc2", fc2_);
}

Tensor DecoderLayer::forward(const Tensor& given_BTD, const Probe& probe, const std::string& at) const {
  const auto qkv = c_attn_.forward(rms_norm(given_BTD, att_norm_)).chunk(3, -1);
  const auto heads = [&](std::size_t which) { return nn::split_heads(qkv[which].contiguous(), heads_); };
  const Tensor attended = c_proj_.forward(nn::join_heads(nn::attention(heads(0), heads(1), heads(2), {})));
  if (probe) probe(at + ".att", attended);
  const Tensor x_BTD = given_BTD + attended;
  const Tensor out_BTD = x_BTD + by_frames(x_BTD, kRows, [&](const Tensor& rows_BTD) {
                           return fc2_.forward(at::silu(fc1_.forward(rms_norm(rows_BTD, ffn_norm_))));
                         });
  if (probe) probe(at, out_BTD);
  return out_BTD;
}

Decoder::Decoder(const Config& c)
    : quantizer_(c.joint_width(), {.levels = c.levels, .bounds = 2}),
      embed_(c.width, c.width, {.kernel = 7}),
      final_layer_norm_(c.width, kEps),
      out_(c.width, c.fft_samples() + 2),
      istft_({.fft_samples = c.fft_samples(), .hop_samples = c.hop_samples(), .center = false}) {
  child("quantizer", quantizer_);
  child("backbone.embed", embed_);
  for (int i = 0; i < 2; ++i) {
    prior_net_.push_back(std::make_unique<ResnetBlock>(c.width));
    child(fmt::format("backbone.prior_net.{}", i), *prior_net_.back());
  }
  for (std::int64_t i = 0; i < c.layers; ++i) {
    transformers_.push_back(std::make_unique<DecoderLayer>(c));
    child(fmt::format("backbone.transformers.{}", i), *transformers_.back());
  }
  child("backbone.final_layer_norm", final_layer_norm_);
  for (int i = 0; i < 2; ++i) {
    post_net_.push_back(std::make_unique<ResnetBlock>(c.width));
    child(fmt::format("backbone.post_net.{}", i), *post_net_.back());
  }
  child("head.out", out_);
}

Tensor Decoder::backbone(const Tensor& given_BTD, const Probe& probe) const {
  const auto seen = [&](const std::string& name, const Tensor& value, bool channels_first) {
    if (probe) probe("backbone." + name, channels_first ? value.transpose(1, 2) : value);
  };
  Tensor x_BTD = embed_.forward_BTC(given_BTD);
  seen("embed", x_BTD, true);
  for (std::size_t i = 0; i < prior_net_.size(); ++i) {
    x_BTD = prior_net_[i]->forward_BTC(x_BTD);
    seen(fmt::format("prior_net.{}", i), x_BTD, true);
  }
  for (std::size_t i = 0; i < transformers_.size(); ++i)
    x_BTD = transformers_[i]->forward(x_BTD, probe, fmt::format("backbone.transformers.{}", i));
  for (std::size_t i = 0; i < post_net_.size(); ++i) {
    x_BTD = post_net_[i]->forward_BTC(x_BTD);
    seen(fmt::format("post_net.{}", i), x_BTD, true);
  }
  x_BTD = final_layer_norm_.forward(x_BTD);
  seen("final_layer_norm", x_BTD, false);
  return x_BTD;
}

Tensor Decoder::wave(const Tensor& head_BTC) const {
  const auto parts = head_BTC.chunk(2, -1);
  constexpr double kLoudest = 100;
  return istft_.forward_polar(at::clamp_max(at::exp(parts[0]), kLoudest), parts[1]);
}

Model::Model(const Config& given)
    : config(given),
      semantic_model(given),
      adapter(given),
      acoustic(given),
      fc_prior(given.joint_width(), given.joint_width()),
      fc_post_a(given.joint_width(), given.width),
      decoder(given) {
  child("semantic_model", semantic_model);
  child("SemanticEncoder_module", adapter);
  child("CodecEnc", acoustic);
  child("fc_prior", fc_prior);
  child("fc_post_a", fc_post_a);
  child("generator", decoder);
}

Tensor Model::joined(const Tensor& semantic_BTC, const Tensor& acoustic_BTC) const {
  return fc_prior.forward(at::cat({semantic_BTC, acoustic_BTC}, -1));
}

Tensor Model::embedded(const Tensor& codes_BT) const { return fc_post_a.forward(decoder.quantizer().decode(codes_BT)); }

Tensor Model::decode(const Tensor& codes_BT) const {
  return decoder.wave(decoder.head(decoder.backbone(embedded(codes_BT))));
}

Tensor Model::decode_in_chunks(const Tensor& codes_1T) const {
  const std::int64_t all = codes_1T.size(1), hop = config.hop_samples();
  if (config.chunk_frames == 0 || all <= config.chunk_frames) return decode(codes_1T);
  std::vector<Tensor> parts;
  for (std::int64_t first = 0; first < all; first += config.chunk_frames) {
    const std::int64_t end = std::min(first + config.chunk_frames, all);
    const std::int64_t from = std::max<std::int64_t>(0, first - config.context_frames);
    const std::int64_t to = std::min(all, end + config.context_frames);
    parts.push_back(decode(codes_1T.narrow(1, from, to - from)).narrow(1, (first - from) * hop, (end - first) * hop));
  }
  return at::cat(parts, 1);
}

Tensor Model::encode(const Tensor& wave_1N, const Tensor& features_1TC) const {
  const Tensor acoustic_1TC = acoustic.in_pieces(wave_1N.unsqueeze(1), kAcousticFrames).transpose(1, 2);
  return decoder.quantizer().encode(joined(semantic(features_1TC), acoustic_1TC));
}

std::int64_t pad_samples(std::int64_t samples, std::int64_t hop_samples) { return hop_samples - samples % hop_samples; }

}  // namespace timbre::xcodec2
