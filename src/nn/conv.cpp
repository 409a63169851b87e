#include "nn/conv.h"

#include <ATen/Parallel.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "nn/simd.h"
#include "nn/threads.h"
#include "nn/windows.h"

namespace timbre::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Groups are convolutions of their own over slices of the channels: [B, T, G·C] → [G, B, T, C], so that a window is
/// one piece of memory again.
Tensor split_groups(const Tensor& x_BTC, std::int64_t groups) {
  if (groups == 1) return x_BTC;
  return x_BTC.view({x_BTC.size(0), x_BTC.size(1), groups, -1}).permute({2, 0, 1, 3}).contiguous();
}

Tensor join_groups(const Tensor& x_GBTC, std::int64_t groups) {
  if (groups == 1) return x_GBTC;
  return x_GBTC.permute({1, 2, 0, 3}).reshape({x_GBTC.size(1), x_GBTC.size(2), -1});
}

/// One group of [groups·O, K, C] as [O, K·C].
Tensor group_weights(const Tensor& weight_OKC, std::int64_t group, std::int64_t groups) {
  const std::int64_t O = weight_OKC.size(0) / groups;
  return weight_OKC.narrow(0, group * O, O).view({O, -1});
}

/// What Dense keeps besides tensors, and the sizes of one group.
struct Setting {
  std::int64_t padding, dilation, stride, groups;
  bool bias;
  WindowGeometry of(const Tensor& x_BTC, const Tensor& weight) const {
    return {x_BTC.size(0), x_BTC.size(1), x_BTC.size(2) / groups, weight.size(0) / groups, weight.size(1), padding,
            dilation,      stride};
  }
};

struct Dense : Function<Dense> {
  static Tensor forward(AutogradContext* context, const Tensor& x_BTC, const Tensor& weight,
                        const std::optional<Tensor>& bias, std::int64_t padding, std::int64_t dilation,
                        std::int64_t stride, std::int64_t groups) {
    const Setting setting{padding, dilation, stride, groups, bias.has_value()};
    context->save_for_backward({x_BTC, weight});
    context->saved_data["setting"] = std::vector<std::int64_t>{padding, dilation, stride, groups, bias.has_value()};
    const WindowGeometry g = setting.of(x_BTC, weight);
    const Tensor x_padded = split_groups(pad_time(x_BTC, padding), groups);
    const Tensor y = at::empty({g.rows(), g.O * groups}, x_BTC.options());
    const Tensor windows = at::empty({std::min(kWindowRows, g.rows()), g.window()}, x_BTC.options());
    for (std::int64_t group = 0; group < groups; ++group) {
      const Tensor w_WO = group_weights(weight, group, groups).t();
      const float* from = x_padded.const_data_ptr<float>() + group * g.B * g.padded() * g.C;
      for (std::int64_t first = 0; first < g.rows(); first += kWindowRows) {
        const std::int64_t count = std::min(kWindowRows, g.rows() - first);
        copy_windows(g, from, windows.mutable_data_ptr<float>(), first, count);
        Tensor out = y.narrow(0, first, count).narrow(1, group * g.O, g.O);
        if (bias)
          at::addmm_out(out, bias->narrow(0, group * g.O, g.O), windows.narrow(0, 0, count), w_WO);
        else
          at::mm_out(out, windows.narrow(0, 0, count), w_WO);
      }
    }
    return y.view({g.B, g.out(), g.O * groups});
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x_BTC = saved[0], &weight = saved[1];
    const auto kept = context->saved_data["setting"].toIntVector();
    const Setting setting{kept[0], kept[1], kept[2], kept[3], kept[4] != 0};
    const std::int64_t groups = setting.groups;
    const WindowGeometry g = setting.of(x_BTC, weight);
    const Tensor dy = gradients[0].contiguous().view({g.rows(), g.O * groups});
    const bool want_x = context->needs_input_grad(0), want_w = context->needs_input_grad(1);
    Tensor dx_padded, dw, x_padded;
    if (want_x)
      dx_padded = groups == 1 ? at::zeros({g.B, g.padded(), g.C}, x_BTC.options())
                              : at::zeros({groups, g.B, g.padded(), g.C}, x_BTC.options());
    if (want_w) {
      dw = at::zeros_like(weight);
      x_padded = split_groups(pad_time(x_BTC, g.padding), groups);
    }
    const Tensor windows = at::empty({std::min(kWindowRows, g.rows()), g.window()}, x_BTC.options());
    for (std::int64_t group = 0; group < groups; ++group) {
      const std::int64_t offset = group * g.B * g.padded() * g.C;
      const Tensor dw_OW = want_w ? group_weights(dw, group, groups) : Tensor();
      const Tensor w_OW = group_weights(weight, group, groups);
      for (std::int64_t first = 0; first < g.rows(); first += kWindowRows) {
        const std::int64_t count = std::min(kWindowRows, g.rows() - first);
        const Tensor dy_part = dy.narrow(0, first, count).narrow(1, group * g.O, g.O);
        Tensor part = windows.narrow(0, 0, count);
        if (want_w) {
          copy_windows(g, x_padded.const_data_ptr<float>() + offset, windows.mutable_data_ptr<float>(), first, count);
          dw_OW.addmm_(dy_part.t(), part);
        }
        if (want_x) {
          at::mm_out(part, dy_part, w_OW);
          add_windows(g, windows.const_data_ptr<float>(), dx_padded.mutable_data_ptr<float>() + offset, first, count);
        }
      }
    }
    Tensor dx, dbias;
    if (want_x) {
      dx = join_groups(dx_padded, groups);
      if (g.padding != 0) dx = dx.narrow(1, g.padding, g.T);
    }
    if (setting.bias && context->needs_input_grad(2)) dbias = dy.sum(0);
    return {dx, dw, dbias, {}, {}, {}, {}};
  }
};

struct Depthwise : Function<Depthwise> {
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& weight,
                        const std::optional<Tensor>& bias, std::int64_t padding, std::int64_t dilation) {
    const Tensor x = x_in.contiguous();
    context->save_for_backward({x, weight});
    context->saved_data["padding"] = padding;
    context->saved_data["dilation"] = dilation;
    context->saved_data["bias"] = bias.has_value();
    const Tensor w_KC = weight.view({weight.size(0), weight.size(2)}).t().contiguous();
    return run(x, w_KC, bias.value_or(Tensor()), padding, dilation);
  }

  static Tensor run(const Tensor& x, const Tensor& w_KC, const Tensor& bias, std::int64_t padding,
                    std::int64_t dilation) {
    const std::int64_t B = x.size(0), T = x.size(1), C = x.size(2), K = w_KC.size(0),
                       out = T + 2 * padding - (K - 1) * dilation;
    Tensor y = at::empty({B, out, C}, x.options());
    const float* bias_C = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
    const float *from = x.const_data_ptr<float>(), *w = w_KC.const_data_ptr<float>();
    float* to = y.mutable_data_ptr<float>();
    parallel_ranges(B, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b)
        simd::depthwise_forward(from + b * T * C, w, bias_C, to + b * out * C, T, C, K, padding, dilation);
    });
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const std::int64_t padding = context->saved_data["padding"].toInt(),
                       dilation = context->saved_data["dilation"].toInt();
    const std::int64_t B = x.size(0), T = x.size(1), C = x.size(2), K = weight.size(2),
                       out = T + 2 * padding - (K - 1) * dilation;
    const Tensor dy = gradients[0].contiguous();
    Tensor dx, dw, dbias;
    if (context->needs_input_grad(0)) {
      // The transposed operator is the same loop with the taps reversed.
      const Tensor flipped_KC = weight.view({C, K}).flip({1}).t().contiguous();
      dx = run(dy, flipped_KC, {}, (K - 1) * dilation - padding, dilation);
    }
    if (context->needs_input_grad(1)) {
      // One sum per utterance, added up in order: the same for any number of threads.
      const Tensor parts_BKC = at::zeros({B, K, C}, x.options());
      float* to = parts_BKC.mutable_data_ptr<float>();
      const float *px = x.const_data_ptr<float>(), *pg = dy.const_data_ptr<float>();
      parallel_ranges(B, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t b = begin; b < end; ++b)
          simd::depthwise_weight_gradient(px + b * T * C, pg + b * out * C, to + b * K * C, T, C, K, padding, dilation);
      });
      dw = parts_BKC.sum(0).t().contiguous().view({C, 1, K});
    }
    if (context->saved_data["bias"].toBool() && context->needs_input_grad(2)) dbias = dy.sum(at::IntArrayRef{0, 1});
    return {dx, dw, dbias, {}, {}};
  }
};

std::optional<Tensor> maybe(const Tensor& tensor) {
  return tensor.defined() ? std::optional<Tensor>(tensor) : std::nullopt;
}

bool ours(const Tensor& x, const Tensor& weight) {
  return x.device().is_cpu() && x.scalar_type() == at::kFloat && weight.scalar_type() == at::kFloat;
}

Tensor by_library(const Tensor& x_BTC, const Tensor& weight, const Tensor& bias, std::int64_t padding,
                  std::int64_t dilation, std::int64_t stride, std::int64_t groups) {
  return at::conv1d(x_BTC.transpose(1, 2), weight, maybe(bias), {stride}, {padding}, {dilation}, groups)
      .transpose(1, 2);
}

}  // namespace

Tensor conv1d_btc(const Tensor& x_BTC, const Tensor& weight_OCK, const Tensor& bias_O, std::int64_t padding,
                  std::int64_t dilation, std::int64_t stride, std::int64_t groups) {
  expect_shape(x_BTC, {kAny, kAny, weight_OCK.size(1) * groups}, "conv1d_btc: x_BTC");
  if (weight_OCK.size(2) == 1 && padding == 0 && stride == 1 && groups == 1) {  // a linear map of every row
    return at::linear(x_BTC, weight_OCK.squeeze(2), maybe(bias_O));
  }
  if (!ours(x_BTC, weight_OCK)) return by_library(x_BTC, weight_OCK, bias_O, padding, dilation, stride, groups);
  return Dense::apply(x_BTC, window_layout(weight_OCK), maybe(bias_O), padding, dilation, stride, groups);
}

Tensor window_layout(const Tensor& weight_OCK) { return weight_OCK.permute({0, 2, 1}).contiguous(); }

Tensor conv1d_windows_btc(const Tensor& x_BTC, const Tensor& weight_OKC, const Tensor& bias_O, std::int64_t padding,
                          std::int64_t dilation, std::int64_t stride, std::int64_t groups) {
  expect_shape(x_BTC, {kAny, kAny, weight_OKC.size(2) * groups}, "conv1d_windows_btc: x_BTC");
  if (!ours(x_BTC, weight_OKC))
    return by_library(x_BTC, weight_OKC.permute({0, 2, 1}), bias_O, padding, dilation, stride, groups);
  return Dense::apply(x_BTC, weight_OKC, maybe(bias_O), padding, dilation, stride, groups);
}

Tensor depthwise_conv1d_btc(const Tensor& x_BTC, const Tensor& weight_C1K, const Tensor& bias_C, std::int64_t padding,
                            std::int64_t dilation) {
  expect_shape(x_BTC, {kAny, kAny, weight_C1K.size(0)}, "depthwise_conv1d_btc: x_BTC");
  if (!ours(x_BTC, weight_C1K)) return by_library(x_BTC, weight_C1K, bias_C, padding, dilation, 1, weight_C1K.size(0));
  return Depthwise::apply(x_BTC, weight_C1K, maybe(bias_C), padding, dilation);
}

}  // namespace timbre::nn
