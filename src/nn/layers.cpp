#include "nn/layers.h"

#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/gru.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/lstm.h>
#include <ATen/ops/zeros.h>

#include <fmt/format.h>

#include "nn/conv.h"
#include "nn/init.h"
#include "nn/sync.h"

namespace timbre::nn {
namespace {

std::optional<Tensor> maybe(const Tensor& tensor) {
  return tensor.defined() ? std::optional<Tensor>(tensor) : std::nullopt;
}

/// The tensors of torch's recurrent layers, in the order the ATen operators take them.
template <class Make>
std::vector<Tensor> recurrent_weights(std::int64_t in, std::int64_t hidden, std::int64_t gates, std::int64_t layers,
                                      bool bidirectional, Make make) {
  std::vector<Tensor> list;
  const std::int64_t directions = bidirectional ? 2 : 1;
  for (std::int64_t layer = 0; layer < layers; ++layer)
    for (std::int64_t direction = 0; direction < directions; ++direction) {
      const std::string suffix = fmt::format("l{}{}", layer, direction ? "_reverse" : "");
      const std::int64_t from = layer == 0 ? in : hidden * directions;
      list.push_back(make("weight_ih_" + suffix, init_default({gates * hidden, from}, hidden)));
      list.push_back(make("weight_hh_" + suffix, init_default({gates * hidden, hidden}, hidden)));
      list.push_back(make("bias_ih_" + suffix, init_default({gates * hidden}, hidden)));
      list.push_back(make("bias_hh_" + suffix, init_default({gates * hidden}, hidden)));
    }
  return list;
}

}  // namespace

Linear::Linear(std::int64_t in, std::int64_t out, bool with_bias) {
  weight = parameter("weight", init_default({out, in}, in));
  if (with_bias) bias = parameter("bias", init_default({out}, in));
}

Tensor Linear::forward(const Tensor& x) const { return at::linear(x, weight, maybe(bias)); }

Conv1d::Conv1d(std::int64_t in, std::int64_t out, ConvOptions given) : options(given) {
  if (options.padding == kSame) options.padding = (options.kernel - 1) / 2 * options.dilation;
  const std::int64_t fan_in = in / options.groups * options.kernel;
  weight = parameter("weight", init_default({out, in / options.groups, options.kernel}, fan_in));
  if (options.bias) bias = parameter("bias", init_default({out}, fan_in));
}

Tensor Conv1d::forward_BTC(const Tensor& x_BTC) const {
  const bool depthwise = options.groups == weight.size(0) && weight.size(1) == 1;
  if (options.stride == 1 && depthwise && options.groups > 1)
    return depthwise_conv1d_btc(x_BTC, weight, bias, options.padding, options.dilation);
  return conv1d_btc(x_BTC, weight, bias, options.padding, options.dilation, options.stride, options.groups);
}

Tensor Conv1d::forward_BCT(const Tensor& x_BCT) const {
  return at::conv1d(x_BCT, weight, maybe(bias), {options.stride}, {options.padding}, {options.dilation},
                    options.groups);
}

LayerNorm::LayerNorm(std::int64_t dim, double eps_in) : eps(eps_in) {
  weight = parameter("weight", init_constant({dim}, 1.0));
  bias = parameter("bias", init_constant({dim}, 0.0));
}

Tensor LayerNorm::forward(const Tensor& x) const { return at::layer_norm(x, weight.sizes(), weight, bias, eps); }

BatchNorm1d::BatchNorm1d(std::int64_t channels, double eps_in, double momentum_in)
    : eps(eps_in), momentum(momentum_in) {
  weight = parameter("weight", init_constant({channels}, 1.0));
  bias = parameter("bias", init_constant({channels}, 0.0));
  running_mean = buffer("running_mean", init_constant({channels}, 0.0));
  running_var = buffer("running_var", init_constant({channels}, 1.0));
  num_batches_tracked = buffer("num_batches_tracked", at::zeros({}, at::TensorOptions(at::kLong)));
}

Tensor BatchNorm1d::forward_BTC(const Tensor& x_BTC) const {
  const Tensor rows_NC = x_BTC.reshape({-1, x_BTC.size(-1)});
  if (is_training()) {
    const at::NoGradGuard no_grad;
    num_batches_tracked.add_(1);
  }
  if (is_training() && all_reduce()) {
    const SyncedNorm norm = synced_batch_norm(rows_NC, weight, bias, eps);
    const Tensor out = norm.out_NC.view(x_BTC.sizes());
    const at::NoGradGuard no_grad;
    running_mean.mul_(1 - momentum).add_(norm.mean_C, momentum);
    running_var.mul_(1 - momentum)
        .add_(norm.variance_C, momentum * norm.count / (norm.count - 1));  // torch keeps the unbiased one
    return out;
  }
  return at::batch_norm(rows_NC, weight, bias, running_mean, running_var, is_training(), momentum, eps, false)
      .view(x_BTC.sizes());
}

Tensor BatchNorm1d::forward_BCT(const Tensor& x_BCT) const {
  return forward_BTC(x_BCT.transpose(1, 2)).transpose(1, 2);
}

Embedding::Embedding(std::int64_t rows, std::int64_t dim, std::int64_t padding_row_in) : padding_row(padding_row_in) {
  Tensor first = init_normal({rows, dim}, 0.0, 1.0);
  if (padding_row >= 0) first[padding_row].zero_();
  weight = parameter("weight", first);
}

Tensor Embedding::forward(const Tensor& ids) const { return at::embedding(weight, ids, padding_row); }

Lstm::Lstm(std::int64_t in, std::int64_t hidden_in, RecurrentOptions options_in)
    : hidden(hidden_in), options(options_in) {
  weights_ = recurrent_weights(in, hidden, 4, options.layers, options.bidirectional,
                               [this](std::string name, Tensor value) { return parameter(std::move(name), value); });
}

Lstm::Result Lstm::forward(const Tensor& x_BTC, const Tensor& h_LBD, const Tensor& c_LBD) const {
  const std::int64_t rows = options.layers * (options.bidirectional ? 2 : 1);
  const Tensor h = h_LBD.defined() ? h_LBD : at::zeros({rows, x_BTC.size(0), hidden}, x_BTC.options());
  const Tensor c = c_LBD.defined() ? c_LBD : at::zeros({rows, x_BTC.size(0), hidden}, x_BTC.options());
  auto [out, h_last, c_last] =
      at::lstm(x_BTC, {h, c}, weights_, true, options.layers, 0.0, is_training(), options.bidirectional, true);
  return {out, h_last, c_last};
}

Gru::Gru(std::int64_t in, std::int64_t hidden_in, RecurrentOptions options_in)
    : hidden(hidden_in), options(options_in) {
  weights_ = recurrent_weights(in, hidden, 3, options.layers, options.bidirectional,
                               [this](std::string name, Tensor value) { return parameter(std::move(name), value); });
}

Gru::Result Gru::forward(const Tensor& x_BTC, const Tensor& h_LBD) const {
  const std::int64_t rows = options.layers * (options.bidirectional ? 2 : 1);
  const Tensor h = h_LBD.defined() ? h_LBD : at::zeros({rows, x_BTC.size(0), hidden}, x_BTC.options());
  auto [out, h_last] =
      at::gru(x_BTC, h, weights_, true, options.layers, 0.0, is_training(), options.bidirectional, true);
  return {out, h_last};
}

}  // namespace timbre::nn
