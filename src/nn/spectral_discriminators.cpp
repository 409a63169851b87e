#include "nn/spectral_discriminators.h"

#include <ATen/ops/amax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/view_as_real.h>
#include <fmt/format.h>

namespace timbre::nn {
namespace {

constexpr double kSlope = 0.1;
/// Edges of the bands as shares of the bins.
constexpr std::pair<double, double> kBands[] = {{0.0, 0.1}, {0.1, 0.25}, {0.25, 0.5}, {0.5, 0.75}, {0.75, 1.0}};

std::int64_t bin_at(double share, std::int64_t bins) {
  return static_cast<std::int64_t>(share * static_cast<double>(bins));
}

/// Level does not tell what is real.
Tensor levelled(const Tensor& wave_BN) {
  const Tensor centred = wave_BN - wave_BN.mean(-1, true);
  return 0.8 * centred / (at::amax(centred.abs(), {-1}, true) + 1e-9);
}

}  // namespace

BandJudge::BandJudge(std::int64_t fft_samples, std::int64_t channels)
    : stft_({.fft_samples = fft_samples,
             .window_samples = fft_samples,
             .hop_samples = fft_samples / 4,
             .pad = fft_samples / 2}) {
  const std::int64_t bins = fft_samples / 2 + 1;
  for (std::size_t b = 0; b < std::size(kBands); ++b) {
    bands_.emplace_back(bin_at(kBands[b].first, bins), bin_at(kBands[b].second, bins));
    auto& stack = layers_.emplace_back();
    for (std::size_t i = 0; i < 5; ++i) {
      const bool wide = i < 4;
      stack.push_back(std::make_unique<NormedConv2d>(
          i == 0 ? 2 : channels, channels,
          NormedConv2d::Options{
              .kernel = {3, wide ? 9 : 3}, .stride = {1, i == 0 || !wide ? 1 : 2}, .padding = {1, wide ? 4 : 1}}));
      child(fmt::format("band_convs.{}.{}", b, i), *stack.back());
    }
  }
  post_ = std::make_unique<NormedConv2d>(channels, 1, NormedConv2d::Options{.kernel = {3, 3}, .padding = {1, 1}});
  child("conv_post", *post_);
}

Verdict BandJudge::judge(const Tensor& wave_BN) const {
  // [B, F, K] complex → [B, 2, F, K]
  const Tensor spectrum = at::view_as_real(stft_.forward(levelled(wave_BN))).permute({0, 3, 1, 2});
  Verdict verdict;
  std::vector<Tensor> ends;
  for (std::size_t b = 0; b < bands_.size(); ++b) {
    Tensor x = spectrum.narrow(3, bands_[b].first, bands_[b].second - bands_[b].first).contiguous();
    for (std::size_t i = 0; i < layers_[b].size(); ++i) {
      x = at::leaky_relu(layers_[b][i]->forward_BCHW(x), kSlope);
      if (i > 0) verdict.features.push_back(x);
    }
    ends.push_back(x);
  }
  verdict.score = post_->forward_BCHW(at::cat(ends, -1));
  verdict.features.push_back(verdict.score);
  return verdict;
}

MultiResolutionDiscriminator::MultiResolutionDiscriminator(const Options& options) {
  for (std::size_t i = 0; i < options.fft_samples.size(); ++i) {
    judges_.push_back(std::make_unique<BandJudge>(options.fft_samples[i], options.channels));
    child(fmt::format("discriminators.{}", i), *judges_.back());
  }
}

std::vector<Verdict> MultiResolutionDiscriminator::judge(const Tensor& wave_BN) const {
  std::vector<Verdict> all;
  for (const auto& one : judges_) all.push_back(one->judge(wave_BN));
  return all;
}

Discriminators::Both MultiResolutionDiscriminator::judge_both(const Tensor& real_BN, const Tensor& fake_BN) const {
  // Each waveform is judged by itself, so both go through as one batch and are told apart afterwards.
  const std::int64_t B = real_BN.size(0);
  Both both;
  for (const Verdict& joined : judge(at::cat({real_BN, fake_BN}))) {
    const auto half = [&](std::int64_t first) {
      Verdict verdict{joined.score.narrow(0, first, B), {}};
      for (const Tensor& feature : joined.features) verdict.features.push_back(feature.narrow(0, first, B));
      return verdict;
    };
    both.real.push_back(half(0));
    both.fake.push_back(half(B));
  }
  return both;
}

Discriminators::Both MultiResolutionDiscriminator::judge_fake_against(const Tensor& real_BN,
                                                                      const Tensor& fake_BN) const {
  Both both;
  {
    const at::NoGradGuard no_grad;
    both.real = judge(real_BN);
  }
  both.fake = judge(fake_BN);
  return both;
}

}  // namespace timbre::nn
