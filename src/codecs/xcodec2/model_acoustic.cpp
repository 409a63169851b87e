#include <ATen/ops/cat.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/conv_transpose1d.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/replication_pad1d.h>
#include <ATen/ops/sin.h>

#include <algorithm>

#include "base/error.h"
#include "codecs/xcodec2/model.h"
#include "codecs/xcodec2/names.h"
#include "codecs/xcodec2/snake.h"
#include "nn/init.h"
#include "nn/threads.h"

namespace timbre::xcodec2 {
namespace {

Tensor filter() {
  const std::vector<float> taps = resampling_filter();
  return nn::to_torch(weights::Tensor::of<float>({1, 1, static_cast<std::int64_t>(taps.size())}, taps));
}

constexpr double kNeverZero = 1e-9;
constexpr std::int64_t kDilations[] = {1, 3, 9};
/// Codes to either side that an acoustic frame hears, rounded up. At 16 kHz the first block reaches 39 samples by its
/// convolutions and 7·6 by its activations; the others as far at their own rates, and the last three taps 320 samples
/// and an activation of 6 codes: 9,900 samples in all.
constexpr std::int64_t kReachFrames = 32;

}  // namespace

Activation::Activation(std::int64_t channels) {
  alpha_ = parameter("act.alpha", nn::init_constant({channels}, 0));
  beta_ = parameter("act.beta", nn::init_constant({channels}, 0));
  up_ = buffer("upsample.filter", filter());
  down_ = buffer("downsample.lowpass.filter", filter());
}

Tensor Activation::forward_plainly(const Tensor& x_BCT, Tensor* upsampled) const {
  const std::int64_t C = x_BCT.size(1);
  const Tensor wide = at::replication_pad1d(x_BCT, {5, 5});
  Tensor y = at::conv_transpose1d(wide, up_.expand({C, -1, -1}), {}, {2}, {0}, {0}, C) * 2;
  y = y.slice(2, 15, y.size(2) - 15);
  if (upsampled) *upsampled = y;
  const Tensor wave = at::sin(y * at::exp(alpha_).unsqueeze(-1));
  y = y + wave * wave / (at::exp(beta_).unsqueeze(-1) + kNeverZero);
  return at::conv1d(at::replication_pad1d(y, {5, 6}), down_.expand({C, -1, -1}), std::nullopt, {2},
                    at::IntArrayRef({0}), {1}, C);
}

Tensor Activation::forward_BCT(const Tensor& given_BCT) const {
  const Tensor x_BCT = given_BCT.contiguous();
  const std::int64_t C = x_BCT.size(1), T = x_BCT.size(2);
  SnakeFilters filters{};
  std::copy_n(up_.const_data_ptr<float>(), filters.up.size(), filters.up.begin());
  std::copy_n(down_.const_data_ptr<float>(), filters.down.size(), filters.down.begin());
  const Tensor frequency_C = at::exp(alpha_), height_C = (at::exp(beta_) + kNeverZero).reciprocal();
  const Tensor out_BCT = at::empty_like(x_BCT);
  const float* x = x_BCT.const_data_ptr<float>();
  float* out = out_BCT.mutable_data_ptr<float>();
  const float* frequency = frequency_C.const_data_ptr<float>();
  const float* height = height_C.const_data_ptr<float>();
  nn::parallel_ranges(x_BCT.size(0) * C, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row)
      snake_rows(x + row * T, out + row * T, 1, T, frequency + row % C, height + row % C, filters);
  });
  return out_BCT;
}

ResidualUnit::ResidualUnit(std::int64_t channels, std::int64_t dilation)
    : act1_(channels),
      conv1_(channels, channels, {.kernel = 7, .dilation = dilation}),
      act2_(channels),
      conv2_(channels, channels, {.kernel = 1}) {
  child("block.0", act1_);
  child("block.1", conv1_);
  child("block.2", act2_);
  child("block.3", conv2_);
}

Tensor ResidualUnit::forward_BCT(const Tensor& x_BCT, const Probe& probe, const std::string& at) const {
  Tensor first_BCT;
  if (probe) {
    Tensor upsampled;
    first_BCT = act1_.forward_plainly(x_BCT, &upsampled);
    probe(at + ".block.0.upsample", upsampled);
    probe(at + ".block.0", first_BCT);
  } else {
    first_BCT = act1_.forward_BCT(x_BCT);
  }
  return x_BCT + conv2_.forward_BCT(act2_.forward_BCT(conv1_.forward_BCT(first_BCT)));
}

AcousticEncoder::Block::Block(std::int64_t channels, std::int64_t stride)
    : act(channels),
      conv(channels, 2 * channels, {.kernel = 2 * stride, .padding = stride / 2 + stride % 2, .stride = stride}) {
  for (std::size_t i = 0; i < std::size(kDilations); ++i) {
    units.push_back(std::make_unique<ResidualUnit>(channels, kDilations[i]));
    child(fmt::format("block.{}", i), *units.back());
  }
  child("block.3", act);
  child("block.4", conv);
}

AcousticEncoder::AcousticEncoder(const Config& config)
    : hop_samples_(config.hop_samples()),
      first_(1, config.acoustic_width, {.kernel = 7}),
      act_(config.acoustic_width << config.strides.size()),
      last_(config.acoustic_width << config.strides.size(), config.width, {.kernel = 3}) {
  child("conv_blocks.0", first_);
  for (std::size_t i = 0; i < config.strides.size(); ++i) {
    blocks_.push_back(std::make_unique<Block>(config.acoustic_width << i, config.strides[i]));
    child(fmt::format("conv_blocks.{}", i + 1), *blocks_.back());
  }
  child("conv_final_block.0", act_);
  child("conv_final_block.1", last_);
}

Tensor AcousticEncoder::forward(const Tensor& wave_B1N, const Probe& probe) const {
  Tensor x_BCT = first_.forward_BCT(wave_B1N);
  if (probe) probe("codecenc.conv_blocks.0", x_BCT);
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const std::string at = fmt::format("codecenc.conv_blocks.{}", i + 1);
    for (std::size_t unit = 0; unit < blocks_[i]->units.size(); ++unit) {
      const std::string name = fmt::format("{}.block.{}", at, unit);
      x_BCT = blocks_[i]->units[unit]->forward_BCT(x_BCT, probe, name);
      if (probe) probe(name, x_BCT);
    }
    x_BCT = blocks_[i]->conv.forward_BCT(blocks_[i]->act.forward_BCT(x_BCT));
    if (probe) probe(at, x_BCT);
  }
  return last_.forward_BCT(act_.forward_BCT(x_BCT));
}

Tensor AcousticEncoder::in_pieces(const Tensor& wave_11N, std::int64_t frames) const {
  const std::int64_t all = wave_11N.size(2) / hop_samples_;
  if (all <= frames) return forward(wave_11N);
  std::vector<Tensor> parts;
  for (std::int64_t first = 0; first < all; first += frames) {
    const std::int64_t end = std::min(first + frames, all);
    const std::int64_t from = std::max<std::int64_t>(0, first - kReachFrames), to = std::min(all, end + kReachFrames);
    const Tensor piece = forward(wave_11N.narrow(2, from * hop_samples_, (to - from) * hop_samples_));
    parts.push_back(piece.narrow(2, first - from, end - first));
  }
  return at::cat(parts, 2);
}

}  // namespace timbre::xcodec2
