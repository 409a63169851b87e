#include "codecs/hifigan/model.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/tanh.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace timbre::hifigan {
namespace {

constexpr double kSlope = 0.1;
constexpr double kLastSlope = 0.01;  ///< before conv_post; upstream leaves that one at LibTorch's default

nn::Norm norm_of(const Config& config) { return config.generator.weight_norm ? nn::Norm::kWeight : nn::Norm::kNone; }

Tensor activated(const Tensor& x) { return at::leaky_relu(x, kSlope); }

}  // namespace

ResidualBlock::ResidualBlock(const Config& config, std::size_t block, std::int64_t width) {
  const std::int64_t kernel = config.generator.kernels[block];
  const bool two = config.generator.resblock == "1";
  const auto dilations = config.dilations_of(block);
  for (const std::int64_t dilation : dilations) {
    first_.push_back(std::make_unique<nn::NormedConv1d>(
        width, width, nn::ConvOptions{.kernel = kernel, .dilation = dilation}, norm_of(config)));
    child(fmt::format("{}.{}", two ? "convs1" : "convs", first_.size() - 1), *first_.back());
  }
  if (!two) return;
  for (std::size_t d = 0; d < dilations.size(); ++d) {
    second_.push_back(
        std::make_unique<nn::NormedConv1d>(width, width, nn::ConvOptions{.kernel = kernel}, norm_of(config)));
    child(fmt::format("convs2.{}", d), *second_.back());
  }
}

Tensor ResidualBlock::forward(const Tensor& x_BTC) const {
  Tensor x = x_BTC;
  for (std::size_t d = 0; d < first_.size(); ++d) {
    Tensor y = first_[d]->forward_BTC(activated(x));
    if (!second_.empty()) y = second_[d]->forward_BTC(activated(y));
    x = y + x;
  }
  return x;
}

Generator::Generator(const Config& config) : config_(config) {
  const GeneratorOptions& g = config_.generator;
  const nn::Norm norm = norm_of(config_);
  conv_pre_ = std::make_unique<nn::NormedConv1d>(config_.mel.mels, g.channels, nn::ConvOptions{.kernel = 7}, norm);
  child("conv_pre", *conv_pre_);
  for (std::size_t i = 0; i < g.upsample_rates.size(); ++i) {
    const std::int64_t rate = g.upsample_rates[i], kernel = g.upsample_kernels[i];
    ups_.push_back(std::make_unique<nn::NormedConvTranspose1d>(
        g.channels >> i, g.channels >> (i + 1),
        nn::NormedConvTranspose1d::Options{.kernel = kernel, .stride = rate, .padding = (kernel - rate) / 2}, norm));
    child(fmt::format("ups.{}", i), *ups_.back());
  }
  std::int64_t width = g.channels;
  for (std::size_t i = 0; i < g.upsample_rates.size(); ++i) {
    width = g.channels >> (i + 1);
    for (std::size_t block = 0; block < g.kernels.size(); ++block) {
      blocks_.push_back(std::make_unique<ResidualBlock>(config_, block, width));
      child(fmt::format("resblocks.{}", blocks_.size() - 1), *blocks_.back());
    }
  }
  conv_post_ = std::make_unique<nn::NormedConv1d>(width, 1, nn::ConvOptions{.kernel = 7}, norm);
  child("conv_post", *conv_post_);
}

Tensor Generator::forward(const Tensor& mel_BFM, const Trace& trace) const {
  nn::expect_shape(mel_BFM, {nn::kAny, nn::kAny, config_.mel.mels}, "hifigan::Generator: mel_BFM");
  const auto seen = [&](const std::string& name, const Tensor& x_BTC) {
    if (trace) trace(name, x_BTC);
    return x_BTC;
  };
  const std::size_t count = config_.generator.kernels.size();
  Tensor x = seen("conv_pre", conv_pre_->forward_BTC(mel_BFM));
  for (std::size_t i = 0; i < ups_.size(); ++i) {
    x = seen(fmt::format("ups.{}", i), ups_[i]->forward_BTC(activated(x)));
    Tensor sum;
    for (std::size_t b = i * count; b < (i + 1) * count; ++b) {
      const Tensor y = seen(fmt::format("resblocks.{}", b), blocks_[b]->forward(x));
      sum = sum.defined() ? sum + y : y;
    }
    x = sum / static_cast<double>(count);
  }
  const Tensor y_BN1 = seen("conv_post", conv_post_->forward_BTC(at::leaky_relu(x, kLastSlope)));
  return at::tanh(y_BN1).squeeze(2);
}

Tensor Generator::forward_in_pieces(const Tensor& mel_BFM, std::int64_t frames) const {
  const std::int64_t F = mel_BFM.size(1), hop = config_.mel.hop_samples;
  const Config::Context around = config_.context();
  std::vector<Tensor> pieces;
  for (std::int64_t first = 0; first < F; first += frames) {
    const std::int64_t end = std::min(F, first + frames), from = std::max<std::int64_t>(0, first - around.before),
                       to = std::min(F, end + around.after);
    pieces.push_back(forward(mel_BFM.narrow(1, from, to - from)).narrow(1, (first - from) * hop, (end - first) * hop));
  }
  return at::cat(pieces, 1);
}

std::vector<std::pair<std::string, nn::NormedWeight*>> Generator::layers() {
  std::vector<std::pair<std::string, nn::NormedWeight*>> list{{"conv_pre", conv_pre_.get()}};
  for (std::size_t i = 0; i < ups_.size(); ++i) list.emplace_back(fmt::format("ups.{}", i), ups_[i].get());
  for (std::size_t b = 0; b < blocks_.size(); ++b) {
    const bool two = !blocks_[b]->second_.empty();
    for (std::size_t d = 0; d < blocks_[b]->first_.size(); ++d)
      list.emplace_back(fmt::format("resblocks.{}.{}.{}", b, two ? "convs1" : "convs", d), blocks_[b]->first_[d].get());
    for (std::size_t d = 0; d < blocks_[b]->second_.size(); ++d)
      list.emplace_back(fmt::format("resblocks.{}.convs2.{}", b, d), blocks_[b]->second_[d].get());
  }
  list.emplace_back("conv_post", conv_post_.get());
  return list;
}

void Generator::fold() {
  for (const auto& [name, layer] : layers()) layer->fold();
}

void Generator::load_bare(const weights::TensorMap& map, const std::string& where) {
  const at::NoGradGuard no_grad;
  for (const auto& [name, layer] : layers()) {
    const weights::Tensor *weight = map.find(name + ".weight"), *bias = map.find(name + ".bias");
    if (!weight || !bias) throw DataError(fmt::format("{}: '{}.weight' is missing", where, name));
    layer->set_weight(nn::to_torch(*weight));
    layer->bias.copy_(nn::to_torch(*bias));
  }
}

nn::MultiPeriodDiscriminator::Options period_options(const DiscriminatorOptions& options) {
  nn::MultiPeriodDiscriminator::Options out;
  out.periods = options.periods;
  for (std::int64_t& width : out.widths)
    width = std::max<std::int64_t>(4, std::llround(static_cast<double>(width) * options.width));
  return out;
}

nn::MultiScaleDiscriminator::Options scale_options(const DiscriminatorOptions& options) {
  nn::MultiScaleDiscriminator::Options out;
  out.scales = options.scales;
  constexpr std::int64_t kGroups = 16;  // the widths must be divided by the most groups
  for (std::int64_t& width : out.widths) {
    const double wanted = static_cast<double>(width) * options.width / static_cast<double>(kGroups);
    width = std::max<std::int64_t>(1, std::llround(wanted)) * kGroups;
  }
  return out;
}

Learner::Learner(const Config& config, const nn::MultiPeriodDiscriminator::Options& periods,
                 const nn::MultiScaleDiscriminator::Options& scales)
    : generator(config), mpd(periods), msd(scales) {
  child("generator", generator);
  child("mpd", mpd);
  child("msd", msd);
}

}  // namespace timbre::hifigan
