#include "nn/normed_conv.h"

#include <ATen/ops/_weight_norm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/dot.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mv.h>
#include <ATen/ops/repeat_interleave.h>

#include "nn/conv.h"
#include "nn/init.h"

namespace timbre::nn {
namespace {

/// torch.nn.utils.spectral_norm's eps.
constexpr double kSpectralEps = 1e-12;

/// One number an entry of the first axis: ‖v‖ over all others, [O, 1, …].
Tensor row_norms(const Tensor& v) {
  std::vector<std::int64_t> axes;
  for (std::int64_t axis = 1; axis < v.dim(); ++axis) axes.push_back(axis);
  return at::linalg_vector_norm(v, 2, axes, true);
}

Tensor as_rows(const Tensor& weight) { return weight.reshape({weight.size(0), -1}); }

Tensor unit(const Tensor& vector) { return vector / at::linalg_vector_norm(vector).clamp_min(kSpectralEps); }

std::optional<Tensor> maybe(const Tensor& tensor) {
  return tensor.defined() ? std::optional<Tensor>(tensor) : std::nullopt;
}

std::vector<std::int64_t> conv1d_shape(std::int64_t in, std::int64_t out, const ConvOptions& options, bool columns) {
  std::vector<std::int64_t> shape{out, in / options.groups, options.kernel};
  if (columns) shape.push_back(1);
  return shape;
}

Tensor without_columns(const Tensor& weight) { return weight.dim() == 4 ? weight.squeeze(3) : weight; }

}  // namespace

NormedWeight::NormedWeight(Norm norm_in, at::IntArrayRef shape, std::int64_t out, std::int64_t fan_in, bool with_bias)
    : norm(norm_in) {
  const Tensor first = init_default(shape, fan_in);
  if (norm == Norm::kNone) weight_ = parameter("weight", first);
  if (with_bias) bias = parameter("bias", init_default({out}, fan_in));
  if (norm == Norm::kWeight) {
    weight_g_ = parameter("weight_g", row_norms(first));
    weight_v_ = parameter("weight_v", first);
  } else if (norm == Norm::kSpectral) {
    weight_orig_ = parameter("weight_orig", first);
    const Tensor rows = as_rows(first);
    vector_u_ = buffer("weight_u", unit(init_normal({rows.size(0)}, 0, 1)));
    vector_v_ = buffer("weight_v", unit(init_normal({rows.size(1)}, 0, 1)));
  }
}

Tensor NormedWeight::sigma() const {
  const Tensor rows_OW = as_rows(weight_orig_);
  if (is_training()) {
    const at::NoGradGuard no_grad;
    vector_v_.copy_(unit(at::mv(rows_OW.t(), vector_u_)));
    vector_u_.copy_(unit(at::mv(rows_OW, vector_v_)));
  }
  // Clones: the next pass moves the buffers before this pass's gradient is taken.
  return at::dot(vector_u_.clone(), at::mv(rows_OW, vector_v_.clone()));
}

Tensor NormedWeight::weight() const {
  if (folded_.defined()) return folded_;
  if (norm == Norm::kWeight) return at::_weight_norm(weight_v_, weight_g_, 0);
  if (norm == Norm::kSpectral) return weight_orig_ / sigma();
  return weight_;
}

std::pair<Tensor, Tensor> NormedWeight::two_weights() const {
  const Tensor first = weight();
  return {first, norm == Norm::kSpectral ? weight() : first};
}

void NormedWeight::fold() {
  const at::NoGradGuard no_grad;
  const bool training = is_training();
  train(false);  // folding must not move the spectral vectors
  unfold();
  folded_ = weight().clone(at::MemoryFormat::Contiguous);
  train(training);
}

void NormedWeight::set_weight(const Tensor& weight) {
  const at::NoGradGuard no_grad;
  if (norm == Norm::kNone) weight_.copy_(weight);
  if (norm == Norm::kWeight) {
    weight_v_.copy_(weight);
    weight_g_.copy_(row_norms(weight));
  }
  if (norm == Norm::kSpectral) throw std::logic_error("a spectral norm cannot be set from its result");
  unfold();
}

NormedConv1d::NormedConv1d(std::int64_t in, std::int64_t out, ConvOptions given, Norm norm_in, bool columns)
    : NormedWeight(norm_in, conv1d_shape(in, out, given, columns), out, in / given.groups * given.kernel, given.bias),
      options(given) {
  if (options.padding == kSame) options.padding = (options.kernel - 1) / 2 * options.dilation;
}

Tensor NormedConv1d::forward_BTC(const Tensor& x_BTC) const {
  if (!is_folded()) return forward_BTC(x_BTC, window_weight(weight()));
  if (!folded_from_.is_same(weight())) {
    folded_from_ = weight();
    folded_OKC_ = window_weight(folded_from_);
  }
  return forward_BTC(x_BTC, folded_OKC_);
}

Tensor NormedConv1d::forward_BTC(const Tensor& x_BTC, const Tensor& weight_OKC) const {
  return conv1d_windows_btc(x_BTC, weight_OKC, bias, options.padding, options.dilation, options.stride, options.groups);
}

Tensor NormedConv1d::window_weight(const Tensor& weight) const { return window_layout(without_columns(weight)); }

Tensor NormedConv1d::forward_two_BTC(const Tensor& x_BTC) const {
  if (norm != Norm::kSpectral) return forward_BTC(x_BTC);
  // The two weights differ by a factor alone, so one convolution serves both.
  const Tensor first = 1 / sigma(), second = 1 / sigma();
  const Tensor y_BTO = conv1d_btc(x_BTC, without_columns(before_norm()), {}, options.padding, options.dilation,
                                  options.stride, options.groups);
  const Tensor factors_B11 =
      at::cat({first.reshape({1}), second.reshape({1})}).repeat_interleave(x_BTC.size(0) / 2).view({-1, 1, 1});
  const Tensor scaled = y_BTO * factors_B11;
  return bias.defined() ? scaled + bias : scaled;
}

NormedConvTranspose1d::NormedConvTranspose1d(std::int64_t in, std::int64_t out, Options given, Norm norm_in)
    : NormedWeight(norm_in, {in, out, given.kernel}, out, out * given.kernel, given.bias), options(given) {}

Tensor NormedConvTranspose1d::forward_BTC(const Tensor& x_BTC) const {
  return conv_transpose1d_btc(x_BTC, weight(), bias, options.stride, options.padding, options.output_padding);
}

NormedConv2d::NormedConv2d(std::int64_t in, std::int64_t out, Options given, Norm norm_in)
    : NormedWeight(norm_in, {out, in, given.kernel.first, given.kernel.second}, out,
                   in * given.kernel.first * given.kernel.second, given.bias),
      options(given) {}

Tensor NormedConv2d::forward_BCHW(const Tensor& x_BCHW) const {
  return at::conv2d(x_BCHW, weight(), maybe(bias), {options.stride.first, options.stride.second},
                    {options.padding.first, options.padding.second}, {options.dilation.first, options.dilation.second});
}

}  // namespace timbre::nn
