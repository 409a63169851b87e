#include <ATen/ops/conv_transpose1d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "nn/conv.h"
#include "nn/windows.h"

namespace timbre::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// The convolution whose gradient towards its input this is: its input is our output [B, out, O], its rows are ours.
WindowGeometry adjoint(const Tensor& x_BTC, const Tensor& weight, std::int64_t stride, std::int64_t padding,
                       std::int64_t output_padding) {
  const std::int64_t K = weight.size(2), out = (x_BTC.size(1) - 1) * stride - 2 * padding + K + output_padding;
  return {x_BTC.size(0), out, weight.size(1), x_BTC.size(2), K, padding, 1, stride};
}

/// [C, O, K] → [C, K·O].
Tensor window_weights(const Tensor& weight) {
  return weight.permute({0, 2, 1}).contiguous().view({weight.size(0), -1});
}

struct Transposed : Function<Transposed> {
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& weight,
                        const std::optional<Tensor>& bias, std::int64_t stride, std::int64_t padding,
                        std::int64_t output_padding) {
    const Tensor x_BTC = x_in.contiguous();
    context->save_for_backward({x_BTC, weight});
    context->saved_data["setting"] = std::vector<std::int64_t>{stride, padding, output_padding, bias.has_value()};
    const WindowGeometry g = adjoint(x_BTC, weight, stride, padding, output_padding);
    const Tensor y_padded = at::zeros({g.B, g.padded(), g.C}, x_BTC.options());
    if (bias) y_padded.copy_(*bias);
    const Tensor w_CW = window_weights(weight), x_RC = x_BTC.view({g.rows(), g.O});
    const Tensor windows = at::empty({std::min(kWindowRows, g.rows()), g.window()}, x_BTC.options());
    for (std::int64_t first = 0; first < g.rows(); first += kWindowRows) {
      const std::int64_t count = std::min(kWindowRows, g.rows() - first);
      Tensor part = windows.narrow(0, 0, count);
      at::mm_out(part, x_RC.narrow(0, first, count), w_CW);
      add_windows(g, windows.const_data_ptr<float>(), y_padded.mutable_data_ptr<float>(), first, count);
    }
    return padding == 0 ? y_padded : y_padded.narrow(1, padding, g.T).contiguous();
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x_BTC = saved[0], &weight = saved[1];
    const auto kept = context->saved_data["setting"].toIntVector();
    const WindowGeometry g = adjoint(x_BTC, weight, kept[0], kept[1], kept[2]);
    const bool want_x = context->needs_input_grad(0), want_w = context->needs_input_grad(1);
    const Tensor dy_padded = pad_time(gradients[0], g.padding), x_RC = x_BTC.view({g.rows(), g.O});
    const Tensor w_WC = want_x ? window_weights(weight).t() : Tensor();
    const Tensor dx = want_x ? at::empty({g.rows(), g.O}, x_BTC.options()) : Tensor();
    const Tensor dw_CW = want_w ? at::zeros({g.O, g.window()}, x_BTC.options()) : Tensor();
    const Tensor windows = at::empty({std::min(kWindowRows, g.rows()), g.window()}, x_BTC.options());
    for (std::int64_t first = 0; first < g.rows(); first += kWindowRows) {
      const std::int64_t count = std::min(kWindowRows, g.rows() - first);
      const Tensor part = windows.narrow(0, 0, count);
      copy_windows(g, dy_padded.const_data_ptr<float>(), windows.mutable_data_ptr<float>(), first, count);
      if (want_x) {
        Tensor out = dx.narrow(0, first, count);
        at::mm_out(out, part, w_WC);
      }
      if (want_w) dw_CW.addmm_(x_RC.narrow(0, first, count).t(), part);
    }
    Tensor dw, dbias;
    if (want_w) dw = dw_CW.view({g.O, g.K, g.C}).permute({0, 2, 1}).contiguous();
    if (kept[3] != 0 && context->needs_input_grad(2)) dbias = gradients[0].sum(at::IntArrayRef{0, 1});
    return {want_x ? dx.view(x_BTC.sizes()) : Tensor(), dw, dbias, {}, {}, {}};
  }
};

}  // namespace

Tensor conv_transpose1d_btc(const Tensor& x_BTC, const Tensor& weight_COK, const Tensor& bias_O, std::int64_t stride,
                            std::int64_t padding, std::int64_t output_padding) {
  expect_shape(x_BTC, {kAny, kAny, weight_COK.size(0)}, "conv_transpose1d_btc: x_BTC");
  const auto bias = bias_O.defined() ? std::optional<Tensor>(bias_O) : std::nullopt;
  const bool ours =
      x_BTC.device().is_cpu() && x_BTC.scalar_type() == at::kFloat && weight_COK.scalar_type() == at::kFloat;
  if (!ours)
    return at::conv_transpose1d(x_BTC.transpose(1, 2), weight_COK, bias, {stride}, {padding}, {output_padding})
        .transpose(1, 2);
  return Transposed::apply(x_BTC, weight_COK, bias, stride, padding, output_padding);
}

}  // namespace timbre::nn
