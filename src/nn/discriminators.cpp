#include "nn/discriminators.h"

#include <ATen/ops/avg_pool1d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/leaky_relu.h>
#include <ATen/ops/reflection_pad1d.h>
#include <fmt/format.h>

namespace timbre::nn {
namespace {

constexpr double kSlope = 0.1;

using Streams = ConvJudge::Streams;

/// Applies `map` to whatever tensors there are; the first of two apart gets no gradient.
template <class Map>
Streams each(const Streams& x, const Map& map) {
  if (x.joined.defined()) return {map(x.joined), {}};
  Streams y;
  if (x.apart.first.defined()) {
    const at::NoGradGuard no_grad;
    y.apart.first = map(x.apart.first);
  }
  y.apart.second = map(x.apart.second);
  return y;
}

Streams joined(const Tensor& real_BN, const Tensor& fake_BN) {
  expect_shape(fake_BN, {real_BN.size(0), real_BN.size(1)}, "Discriminators: fake_BN");
  return {at::cat({real_BN, fake_BN}), {}};
}

Streams apart(const Tensor& real_BN, const Tensor& fake_BN) {
  expect_shape(fake_BN, {real_BN.size(0), real_BN.size(1)}, "Discriminators: fake_BN");
  return {{}, {real_BN, fake_BN}};
}

/// Puts one judge's layers into the verdicts. `score` brings the last layer's output to [B, places].
template <class Score>
void collect(const std::vector<Streams>& layers, const Score& score, Discriminators::Both& both) {
  Verdict real, fake;
  for (const Streams& layer : layers) {
    Tensor first = layer.apart.first, second = layer.apart.second;
    if (layer.joined.defined()) {
      const std::int64_t half = layer.joined.size(0) / 2;
      first = layer.joined.narrow(0, 0, half);
      second = layer.joined.narrow(0, half, half);
    }
    if (first.defined()) real.features.push_back(first);
    fake.features.push_back(second);
  }
  if (!real.features.empty()) {
    real.score = score(real.features.back());
    both.real.push_back(std::move(real));
  }
  fake.score = score(fake.features.back());
  both.fake.push_back(std::move(fake));
}

class PeriodJudge : public ConvJudge {
 public:
  explicit PeriodJudge(const MultiPeriodDiscriminator::Options& o) {
    std::int64_t in = 1;
    for (std::size_t i = 0; i < o.widths.size(); ++i) {
      const std::int64_t stride = i + 1 < o.widths.size() ? 3 : 1;
      add(fmt::format("convs.{}", i), in, o.widths[i],
          {.kernel = o.kernel, .padding = (o.kernel - 1) / 2, .stride = stride}, o.norm, true);
      in = o.widths[i];
    }
    add("conv_post", in, 1, {.kernel = 3}, o.norm, true);
  }
};

class ScaleJudge : public ConvJudge {
 public:
  ScaleJudge(const MultiScaleDiscriminator::Options& o, Norm norm) {
    std::int64_t in = 1;
    for (std::size_t i = 0; i < o.widths.size(); ++i) {
      add(fmt::format("convs.{}", i), in, o.widths[i],
          {.kernel = o.kernels.at(i), .groups = o.groups.at(i), .stride = o.strides.at(i)}, norm, false);
      in = o.widths[i];
    }
    add("conv_post", in, 1, {.kernel = 3}, norm, false);
  }
};

/// [B·P, T, 1] → [B, T·P], upstream's order.
Tensor period_score(const Tensor& score, std::int64_t period) {
  return score.view({-1, period, score.size(1)}).transpose(1, 2).reshape({score.size(0) / period, -1});
}

Tensor scale_score(const Tensor& score) { return score.squeeze(2); }

Tensor average_BN1(const Tensor& x_BN1) {
  return at::avg_pool1d(x_BN1.transpose(1, 2), 4, 2, 2).transpose(1, 2);  // zeros of the padding count
}

}  // namespace

void ConvJudge::add(std::string name, std::int64_t in, std::int64_t out, ConvOptions options, Norm norm, bool columns) {
  layers_.push_back(std::make_unique<NormedConv1d>(in, out, options, norm, columns));
  child(std::move(name), *layers_.back());
}

std::vector<Streams> ConvJudge::run(Streams x) const {
  std::vector<Streams> outputs;
  for (const auto& layer : layers_) {
    if (x.joined.defined()) {
      x.joined = layer->forward_two_BTC(x.joined);
    } else if (x.apart.first.defined()) {
      const auto [first, second] = layer->two_weights();
      const Tensor first_OKC = layer->window_weight(first),
                   second_OKC = second.is_same(first) ? first_OKC : layer->window_weight(second);
      {
        const at::NoGradGuard no_grad;
        x.apart.first = layer->forward_BTC(x.apart.first, first_OKC);
      }
      x.apart.second = layer->forward_BTC(x.apart.second, second_OKC);
    } else {
      x.apart.second = layer->forward_BTC(x.apart.second);
    }
    if (layer != layers_.back()) x = each(x, [](const Tensor& y) { return at::leaky_relu(y, kSlope); });
    outputs.push_back(x);
  }
  return outputs;
}

MultiPeriodDiscriminator::MultiPeriodDiscriminator(Options options) : options_(std::move(options)) {
  for (std::size_t i = 0; i < options_.periods.size(); ++i) {
    judges_.push_back(std::make_unique<PeriodJudge>(options_));
    child(fmt::format("discriminators.{}", i), *judges_.back());
  }
}

namespace {

/// [B, N] → [B·period, N/period, 1].
Tensor columns(const Tensor& wave_BN, std::int64_t period) {
  const std::int64_t rest = wave_BN.size(1) % period;
  const Tensor padded = rest == 0 ? wave_BN : at::reflection_pad1d(wave_BN.unsqueeze(1), {0, period - rest}).squeeze(1);
  return padded.reshape({padded.size(0), -1, period}).transpose(1, 2).reshape({-1, padded.size(1) / period, 1});
}

Discriminators::Both judge_periods(const std::vector<std::unique_ptr<ConvJudge>>& judges,
                                   const std::vector<std::int64_t>& periods, const Streams& waves) {
  Discriminators::Both both;
  for (std::size_t i = 0; i < judges.size(); ++i) {
    const std::int64_t period = periods[i];
    const auto layers = judges[i]->run(each(waves, [&](const Tensor& wave_BN) { return columns(wave_BN, period); }));
    collect(
        layers, [&](const Tensor& score) { return period_score(score, period); }, both);
  }
  return both;
}

Discriminators::Both judge_scales(const std::vector<std::unique_ptr<ConvJudge>>& judges, const Streams& waves) {
  Discriminators::Both both;
  Streams x = each(waves, [](const Tensor& wave_BN) { return wave_BN.unsqueeze(2); });
  for (std::size_t i = 0; i < judges.size(); ++i) {
    if (i > 0) x = each(x, average_BN1);
    collect(judges[i]->run(x), scale_score, both);
  }
  return both;
}

}  // namespace

std::vector<Verdict> MultiPeriodDiscriminator::judge(const Tensor& wave_BN) const {
  return judge_periods(judges_, options_.periods, {{}, {{}, wave_BN}}).fake;
}
Discriminators::Both MultiPeriodDiscriminator::judge_both(const Tensor& real_BN, const Tensor& fake_BN) const {
  return judge_periods(judges_, options_.periods, joined(real_BN, fake_BN));
}
Discriminators::Both MultiPeriodDiscriminator::judge_fake_against(const Tensor& real_BN, const Tensor& fake_BN) const {
  return judge_periods(judges_, options_.periods, apart(real_BN, fake_BN));
}

MultiScaleDiscriminator::MultiScaleDiscriminator(Options options) {
  for (std::int64_t i = 0; i < options.scales; ++i) {
    judges_.push_back(std::make_unique<ScaleJudge>(options, i == 0 ? Norm::kSpectral : Norm::kWeight));
    child(fmt::format("discriminators.{}", i), *judges_.back());
  }
}

std::vector<Verdict> MultiScaleDiscriminator::judge(const Tensor& wave_BN) const {
  return judge_scales(judges_, {{}, {{}, wave_BN}}).fake;
}
Discriminators::Both MultiScaleDiscriminator::judge_both(const Tensor& real_BN, const Tensor& fake_BN) const {
  return judge_scales(judges_, joined(real_BN, fake_BN));
}
Discriminators::Both MultiScaleDiscriminator::judge_fake_against(const Tensor& real_BN, const Tensor& fake_BN) const {
  return judge_scales(judges_, apart(real_BN, fake_BN));
}

}  // namespace timbre::nn
