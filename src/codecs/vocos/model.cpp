#include "codecs/vocos/model.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/clamp_max.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/sin.h>

#include "base/error.h"
#include "nn/frames.h"
#include "nn/init.h"

namespace timbre::vocos {
namespace {

constexpr double kEps = 1e-6;
constexpr double kLoudest = 100;  ///< magnitudes are cut there
constexpr const char* kCodecPrefix = "feature_extractor.encodec.";

/// The reference's first values of the backbone: N(0, 0.02), no bias.
template <class Layer>
void start_small(Layer& layer) {
  const at::NoGradGuard no_grad;
  layer.weight.copy_(nn::init_normal(layer.weight.sizes(), 0.0, 0.02));
  layer.bias.zero_();
}

nn::ConvOptions seven(std::int64_t groups) { return {.kernel = 7, .padding = 3, .groups = groups}; }

}  // namespace

FrameNorm::FrameNorm(std::int64_t width, std::int64_t rows) : rows_(rows) {
  if (rows == 0) {
    weight_ = parameter("weight", nn::init_constant({width}, 1.0));
    bias_ = parameter("bias", nn::init_constant({width}, 0.0));
    return;
  }
  scale_ = std::make_unique<nn::Embedding>(rows, width);
  shift_ = std::make_unique<nn::Embedding>(rows, width);
  const at::NoGradGuard no_grad;
  scale_->weight.fill_(1.0);
  shift_->weight.zero_();
  child("scale", *scale_);
  child("shift", *shift_);
}

Tensor FrameNorm::forward(const Tensor& x_BFD, std::int64_t row) const {
  if (rows_ == 0) return at::layer_norm(x_BFD, {x_BFD.size(-1)}, weight_, bias_, kEps);
  if (row < 0 || row >= rows_) throw std::logic_error(fmt::format("bandwidth row {} of {}", row, rows_));
  return at::layer_norm(x_BFD, {x_BFD.size(-1)}, scale_->weight[row], shift_->weight[row], kEps);
}

Block::Block(const BackboneOptions& o)
    : dwconv_(o.width, o.width, seven(o.width)),
      norm_(o.width, o.bandwidths),
      pwconv1_(o.width, o.hidden),
      pwconv2_(o.hidden, o.width) {
  gamma_D_ = parameter(
      "gamma", nn::init_constant({o.width}, o.layer_scale > 0 ? o.layer_scale : 1.0 / static_cast<double>(o.layers)));
  child("dwconv", dwconv_);
  child("norm", norm_);
  child("pwconv1", pwconv1_);
  child("pwconv2", pwconv2_);
  start_small(dwconv_);
  start_small(pwconv1_);
  start_small(pwconv2_);
}

Tensor Block::forward(const Tensor& x_BFD, std::int64_t row) const {
  const Tensor normed_BFD = norm_.forward(dwconv_.forward_BTC(x_BFD), row);
  return x_BFD + gamma_D_ * pwconv2_.forward(at::gelu(pwconv1_.forward(normed_BFD)));
}

Backbone::Backbone(std::int64_t inputs, const BackboneOptions& o)
    : embed_(inputs, o.width, seven(1)), norm_(o.width, o.bandwidths), final_layer_norm_(o.width, kEps) {
  start_small(embed_);
  child("embed", embed_);
  child("norm", norm_);
  for (std::int64_t i = 0; i < o.layers; ++i) {
    convnext_.push_back(std::make_unique<Block>(o));
    child(fmt::format("convnext.{}", i), *convnext_.back());
  }
  child("final_layer_norm", final_layer_norm_);
}

Tensor Backbone::forward(const Tensor& x_BFC, std::int64_t row, const Look& each) const {
  const auto look = [&](const std::string& name, Tensor x) {
    if (each) each(name, x);
    return x;
  };
  Tensor x_BFD = look("embed", embed_.forward_BTC(x_BFC));
  x_BFD = look("norm", norm_.forward(x_BFD, row));
  for (std::size_t i = 0; i < convnext_.size(); ++i)
    x_BFD = look(fmt::format("convnext.{}", i), convnext_[i]->forward(x_BFD, row));
  return look("final_layer_norm", final_layer_norm_.forward(x_BFD));
}

Head::Head(std::int64_t width, const HeadOptions& options) : out_(width, options.fft_samples + 2), options_(options) {
  child("out", out_);
  window_S_ = buffer("istft.window", nn::hann_window(options.fft_samples, options.fft_samples));
}

Head::Spectrum Head::spectrum_of(const Tensor& projected_BF2K) const {
  const std::int64_t K = options_.fft_samples / 2 + 1;
  const Tensor magnitude_BFK = at::clamp_max(at::exp(projected_BF2K.narrow(2, 0, K)), kLoudest);
  const Tensor phase_BFK = projected_BF2K.narrow(2, K, K);
  return {magnitude_BFK * at::cos(phase_BFK), magnitude_BFK * at::sin(phase_BFK)};
}

Head::Spectrum Head::spectrum(const Tensor& x_BFD) const { return spectrum_of(project(x_BFD)); }

nn::Istft Head::istft() const {
  return nn::Istft({.fft_samples = options_.fft_samples,
                    .hop_samples = options_.hop_samples,
                    .center = options_.padding == "center"},
                   window_S_);
}

FeatureExtractor::FeatureExtractor(const Config& config) : codebook_size_(config.codes.codebook_size) {
  if (config.takes_codes()) {
    codebooks_ = parameter("codebook_weights",
                           nn::init_normal({config.codes.codebooks * codebook_size_, config.input_channels()}, 0, 1));
    if (!config.codes.train_codebooks) codebooks_.set_requires_grad(false);
    return;
  }
  const audio::MelOptions& mel = config.mel;
  const bool htk = mel.convention == "vocos";
  buffer("mel_spec.spectrogram.window", nn::hann_window(mel.window_samples, mel.window_samples));
  buffer("mel_spec.mel_scale.fb",
         nn::to_torch(weights::Tensor::of<float>(
                          {mel.mels, mel.fft_samples / 2 + 1},
                          audio::mel_filters(mel.rate_hz, mel.fft_samples, mel.mels, mel.f_min_hz, mel.f_max_hz,
                                             htk ? audio::MelScale::htk : audio::MelScale::slaney,
                                             htk ? audio::MelNorm::none : audio::MelNorm::slaney_area)))
             .t()
             .contiguous());
}

Tensor FeatureExtractor::of_codes(const Tensor& codes_BFQ) const {
  const std::int64_t Q = codes_BFQ.size(2);
  const Tensor offsets_Q = at::arange(Q, codes_BFQ.options()) * codebook_size_;
  return at::embedding(codebooks_, codes_BFQ + offsets_Q).sum(2);
}

Network::Network(const Config& config)
    : config_(config),
      feature_extractor_(config),
      backbone_(config.input_channels(), config.backbone),
      head_(config.backbone.width, config.head) {
  child("feature_extractor", feature_extractor_);
  child("backbone", backbone_);
  child("head", head_);
}

Tensor Network::forward(const Tensor& x_BFC, std::int64_t row) const {
  const Head::Spectrum spectrum = head_.spectrum(backbone_.forward(x_BFC, row));
  return head_.istft().forward(spectrum.real_BFK, spectrum.imag_BFK);
}

Tensor Network::forward_whole(const Tensor& x_BFC, std::int64_t row) const {
  const Head::Spectrum spectrum = head_.spectrum(backbone_.forward(x_BFC, row));
  return head_.istft().forward_whole(spectrum.real_BFK, spectrum.imag_BFK);
}

void load_network(Network& network, const weights::TensorMap& map, const std::string& where) {
  weights::TensorMap own;
  for (const auto& [name, tensor] : map)
    if (!name.starts_with(kCodecPrefix)) own.insert(name, tensor);
  network.load_exactly(own, where);
}

}  // namespace timbre::vocos
