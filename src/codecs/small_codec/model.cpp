#include "codecs/small_codec/model.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/log.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <fmt/format.h>

#include <cmath>

#include "audio/mel.h"
#include "nn/frames.h"

namespace timbre::small_codec {
namespace {

constexpr double kNormEps = 1e-6;
constexpr double kMelFloor = 1e-5;
constexpr double kLoudest = 200;  ///< of a bin of a window; a full-scale tone of 640 samples has 160

std::vector<std::unique_ptr<Block>> blocks_of(std::int64_t count, std::int64_t width, const Config& config,
                                              std::int64_t all) {
  std::vector<std::unique_ptr<Block>> blocks;
  for (std::int64_t i = 0; i < count; ++i) blocks.push_back(std::make_unique<Block>(width, config, all));
  return blocks;
}

}  // namespace

Tensor Stream::joined(const Tensor& x_BTC, std::int64_t frames) {
  const bool first = next_ == past_.size();
  if (first) past_.push_back(at::zeros({x_BTC.size(0), frames, x_BTC.size(2)}, x_BTC.options()));
  const Tensor both = at::cat({past_[next_], x_BTC}, 1);
  past_[next_++] = both.narrow(1, x_BTC.size(1), frames).clone();
  return both;
}

Tensor causal_conv(const nn::Conv1d& conv, const Tensor& x_BTC, Stream* stream) {
  const std::int64_t back = conv.options.kernel - 1;
  return conv.forward_BTC(stream ? stream->joined(x_BTC, back) : at::constant_pad_nd(x_BTC, {0, 0, back, 0}));
}

Block::Block(std::int64_t width, const Config& config, std::int64_t blocks)
    : depthwise_(width, width, {.kernel = config.kernel, .padding = 0, .groups = width}),
      norm_(width, kNormEps),
      expand_(width, width * config.filter),
      contract_(width * config.filter, width) {
  child("depthwise", depthwise_);
  child("norm", norm_);
  child("expand", expand_);
  child("contract", contract_);
  scale_ = parameter("scale", at::full({width}, 1.0 / static_cast<double>(blocks)));
}

Tensor Block::forward(const Tensor& x_BTC, Stream* stream) const {
  const Tensor heard_BTC = norm_.forward(causal_conv(depthwise_, x_BTC, stream));
  return x_BTC + contract_.forward(at::gelu(expand_.forward(heard_BTC), "tanh")) * scale_;
}

Encoder::Encoder(const Config& config)
    : in_(config.mels, config.encoder_width, {.kernel = 3, .padding = 0}),
      in_norm_(config.encoder_width, kNormEps),
      fine_(blocks_of(config.encoder_fine, config.encoder_width, config, config.encoder_fine + config.encoder_layers)),
      blocks_(
          blocks_of(config.encoder_layers, config.encoder_width, config, config.encoder_fine + config.encoder_layers)),
      join_(2 * config.encoder_width, config.encoder_width),
      norm_(config.encoder_width, kNormEps) {
  child("in", in_);
  child("in_norm", in_norm_);
  for (std::size_t i = 0; i < fine_.size(); ++i) child(fmt::format("fine.{}", i), *fine_[i]);
  child("join", join_);
  for (std::size_t i = 0; i < blocks_.size(); ++i) child(fmt::format("blocks.{}", i), *blocks_[i]);
  child("norm", norm_);
}

Tensor Encoder::forward(const Tensor& mel_BTM, Stream* stream) const {
  if (stream) stream->begin();
  Tensor x = in_norm_.forward(causal_conv(in_, mel_BTM, stream));
  for (const auto& block : fine_) x = block->forward(x, stream);
  x = join_.forward(x.reshape({x.size(0), x.size(1) / 2, 2 * x.size(2)}));
  for (const auto& block : blocks_) x = block->forward(x, stream);
  return norm_.forward(x);
}

Quantiser::Quantiser(const Config& config) {
  for (std::int64_t q = 0; q < config.quantiser.codebooks; ++q) {
    levels_.push_back(
        std::make_unique<nn::Fsq>(config.encoder_width, nn::FsqOptions{.levels = config.quantiser.levels}));
    child(fmt::format("levels.{}", q), *levels_.back());
  }
}

Quantiser::Result Quantiser::forward(const Tensor& x_BFD, std::int64_t codebooks, const Tensor& codebooks_B) const {
  Tensor left_BFD = x_BFD, sum_BFD = at::zeros_like(x_BFD);
  std::vector<Tensor> codes;
  for (std::int64_t q = 0; q < codebooks; ++q) {
    const auto result = levels_[static_cast<std::size_t>(q)]->forward(left_BFD);
    left_BFD = left_BFD - result.out_BTD;
    codes.push_back(result.codes_BT);
    sum_BFD = sum_BFD + (codebooks_B.defined()
                             ? result.out_BTD * codebooks_B.gt(q).to(result.out_BTD.scalar_type()).view({-1, 1, 1})
                             : result.out_BTD);
  }
  return {sum_BFD, at::stack(codes, -1)};
}

Tensor Quantiser::decode(const Tensor& codes_BFQ) const {
  Tensor sum_BFD;
  for (std::int64_t q = 0; q < codes_BFQ.size(2); ++q) {
    const Tensor part_BFD = levels_.at(static_cast<std::size_t>(q))->decode(codes_BFQ.select(2, q));
    sum_BFD = sum_BFD.defined() ? sum_BFD + part_BFD : at::zeros_like(part_BFD) + part_BFD;
  }
  return sum_BFD;
}

Decoder::Decoder(const Config& config)
    : in_(config.encoder_width, config.decoder_width, {.kernel = 3, .padding = 0}),
      in_norm_(config.decoder_width, kNormEps),
      blocks_(
          blocks_of(config.decoder_layers, config.decoder_width, config, config.decoder_fine + config.decoder_layers)),
      fine_(blocks_of(config.decoder_fine, config.decoder_width, config, config.decoder_fine + config.decoder_layers)),
      split_(config.decoder_width, 2 * config.decoder_width),
      norm_(config.decoder_width, kNormEps),
      head_(config.decoder_width, config.fft_samples + 2),
      bins_(config.fft_samples / 2 + 1) {
  child("in", in_);
  child("in_norm", in_norm_);
  for (std::size_t i = 0; i < blocks_.size(); ++i) child(fmt::format("blocks.{}", i), *blocks_[i]);
  child("split", split_);
  for (std::size_t i = 0; i < fine_.size(); ++i) child(fmt::format("fine.{}", i), *fine_[i]);
  child("norm", norm_);
  child("head", head_);
}

Decoder::Spectra Decoder::forward(const Tensor& x_BFD, Stream* stream) const {
  if (stream) stream->begin();
  Tensor x = in_norm_.forward(causal_conv(in_, x_BFD, stream));
  for (const auto& block : blocks_) x = block->forward(x, stream);
  x = split_.forward(x);
  x = x.reshape({x.size(0), 2 * x.size(1), x.size(2) / 2});
  for (const auto& block : fine_) x = block->forward(x, stream);
  const Tensor out_BTK = head_.forward(norm_.forward(x));
  const Tensor magnitude_BTK = at::exp(at::clamp(out_BTK.narrow(2, 0, bins_), at::nullopt, std::log(kLoudest)));
  const Tensor phase_BTK = out_BTK.narrow(2, bins_, bins_);
  return {magnitude_BTK * at::cos(phase_BTK), magnitude_BTK * at::sin(phase_BTK)};
}

SmallCodec::SmallCodec(const Config& config)
    : encoder(config),
      quantiser(config),
      decoder(config),
      config_(config),
      istft_({.fft_samples = config.fft_samples, .hop_samples = config.hop_samples, .center = false}),
      window_S_(nn::hann_window(config.fft_samples, config.fft_samples)) {
  child("encoder", encoder);
  child("quantiser", quantiser);
  child("decoder", decoder);
  const std::int64_t bins = config.fft_samples / 2 + 1;
  filters_KM_ =
      nn::to_torch(weights::Tensor::of<float>({config.mels, bins},
                                              audio::mel_filters(config.rate_hz, config.fft_samples, config.mels, 0,
                                                                 static_cast<double>(config.rate_hz) / 2)))
          .t()
          .contiguous();
}

Tensor SmallCodec::mel(const Tensor& padded_BN) const {
  const Tensor windows_BTS =
      nn::windows_of(padded_BN, config_.fft_samples, config_.hop_samples) * window_S_.to(padded_BN.device());
  const Tensor magnitude_BTK = at::abs(nn::real_fft(windows_BTS));
  const Tensor mel_BTM = at::matmul(magnitude_BTK, filters_KM_.to(padded_BN.device()));
  return (at::log(at::clamp(mel_BTM, kMelFloor)) + 5.0) * 0.3;  // about unit variance for speech
}

Tensor SmallCodec::encode(const Tensor& wave_BN) const {
  const std::int64_t ahead = config_.lookahead * config_.hop_samples;
  const Tensor mel_BTM = mel(at::constant_pad_nd(wave_BN, {config_.margin(), config_.margin() + ahead}));
  return encoder.forward(mel_BTM.narrow(1, config_.lookahead, mel_BTM.size(1) - config_.lookahead), nullptr);
}

Tensor SmallCodec::decode(const Tensor& x_BFD) const {
  const auto spectra = decoder.forward(x_BFD, nullptr);
  return istft_.forward(spectra.real_BTK, spectra.imag_BTK);
}

}  // namespace timbre::small_codec
