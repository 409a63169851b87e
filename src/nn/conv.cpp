#include "nn/conv.h"

#include <ATen/Parallel.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv1d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cstring>

#include "nn/simd.h"
#include "nn/threads.h"

namespace timbre::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Rows of one copy-and-multiply round: windows and products stay in the second-level cache (measured best of 256,
/// 1200, all).
constexpr std::int64_t kRows = 1024;

struct Geometry {
  std::int64_t B, T, C, O, K, padding, dilation;
  std::int64_t padded() const { return T + 2 * padding; }
  std::int64_t out() const { return padded() - (K - 1) * dilation; }
  std::int64_t rows() const { return B * out(); }
  std::int64_t window() const { return K * C; }
};

/// Row r of the padded input at which output row r begins.
std::int64_t source_row(const Geometry& g, std::int64_t r) { return r / g.out() * g.padded() + r % g.out(); }

void copy_windows(const Geometry& g, const float* x_padded, float* windows, std::int64_t first, std::int64_t count) {
  parallel_ranges(count, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const float* from = x_padded + source_row(g, first + i) * g.C;
      float* to = windows + i * g.window();
      if (g.dilation == 1) {
        std::memcpy(to, from, sizeof(float) * static_cast<std::size_t>(g.window()));
      } else {
        for (std::int64_t k = 0; k < g.K; ++k)
          std::memcpy(to + k * g.C, from + k * g.dilation * g.C, sizeof(float) * static_cast<std::size_t>(g.C));
      }
    }
  });
}

/// The opposite of copy_windows: adds every window back to where it came from. Utterances are split over threads, so
/// no two of them write one row and the order of additions is fixed.
void add_windows(const Geometry& g, const float* windows, float* x_padded, std::int64_t first, std::int64_t count) {
  const std::int64_t from_item = first / g.out(), to_item = (first + count - 1) / g.out() + 1;
  parallel_ranges(to_item - from_item, 1, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t r0 = std::max(first, (from_item + begin) * g.out()),
                       r1 = std::min(first + count, (from_item + end) * g.out());
    for (std::int64_t r = r0; r < r1; ++r) {
      const float* from = windows + (r - first) * g.window();
      float* to = x_padded + source_row(g, r) * g.C;
      if (g.dilation == 1) {
        simd::add(from, to, g.window());
      } else {
        for (std::int64_t k = 0; k < g.K; ++k) simd::add(from + k * g.C, to + k * g.dilation * g.C, g.C);
      }
    }
  });
}

Tensor pad_time(const Tensor& x_BTC, std::int64_t padding) {
  return padding == 0 ? x_BTC.contiguous() : at::constant_pad_nd(x_BTC, {0, 0, padding, padding});
}

struct Dense : Function<Dense> {
  static Tensor forward(AutogradContext* context, const Tensor& x_BTC, const Tensor& weight,
                        const std::optional<Tensor>& bias, std::int64_t padding, std::int64_t dilation) {
    const Geometry g{x_BTC.size(0), x_BTC.size(1), x_BTC.size(2), weight.size(0), weight.size(2), padding, dilation};
    context->save_for_backward({x_BTC, weight});
    context->saved_data["padding"] = padding;
    context->saved_data["dilation"] = dilation;
    context->saved_data["bias"] = bias.has_value();
    const Tensor x_padded = pad_time(x_BTC, padding);
    const Tensor w_WO = weight.permute({2, 1, 0}).contiguous().view({g.window(), g.O});
    Tensor y = at::empty({g.rows(), g.O}, x_BTC.options());
    const Tensor windows = at::empty({std::min(kRows, g.rows()), g.window()}, x_BTC.options());
    for (std::int64_t first = 0; first < g.rows(); first += kRows) {
      const std::int64_t count = std::min(kRows, g.rows() - first);
      copy_windows(g, x_padded.const_data_ptr<float>(), windows.mutable_data_ptr<float>(), first, count);
      Tensor out = y.narrow(0, first, count);
      if (bias)
        at::addmm_out(out, *bias, windows.narrow(0, 0, count), w_WO);
      else
        at::mm_out(out, windows.narrow(0, 0, count), w_WO);
    }
    return y.view({g.B, g.out(), g.O});
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x_BTC = saved[0], &weight = saved[1];
    const Geometry g{x_BTC.size(0),
                     x_BTC.size(1),
                     x_BTC.size(2),
                     weight.size(0),
                     weight.size(2),
                     context->saved_data["padding"].toInt(),
                     context->saved_data["dilation"].toInt()};
    const Tensor dy = gradients[0].contiguous().view({g.rows(), g.O});
    const bool want_x = context->needs_input_grad(0), want_w = context->needs_input_grad(1);
    Tensor dx_padded, dw_WO, w_OW, x_padded, dbias;
    if (want_x) {
      dx_padded = at::zeros({g.B, g.padded(), g.C}, x_BTC.options());
      w_OW = weight.permute({0, 2, 1}).contiguous().view({g.O, g.window()});
    }
    if (want_w) {
      dw_WO = at::zeros({g.window(), g.O}, x_BTC.options());
      x_padded = pad_time(x_BTC, g.padding);
    }
    const Tensor windows = at::empty({std::min(kRows, g.rows()), g.window()}, x_BTC.options());
    for (std::int64_t first = 0; first < g.rows(); first += kRows) {
      const std::int64_t count = std::min(kRows, g.rows() - first);
      const Tensor dy_part = dy.narrow(0, first, count);
      Tensor part = windows.narrow(0, 0, count);
      if (want_w) {
        copy_windows(g, x_padded.const_data_ptr<float>(), windows.mutable_data_ptr<float>(), first, count);
        dw_WO.addmm_(part.t(), dy_part);
      }
      if (want_x) {
        at::mm_out(part, dy_part, w_OW);
        add_windows(g, windows.const_data_ptr<float>(), dx_padded.mutable_data_ptr<float>(), first, count);
      }
    }
    Tensor dx, dw;
    if (want_x) dx = g.padding == 0 ? dx_padded : dx_padded.narrow(1, g.padding, g.T);
    if (want_w) dw = dw_WO.view({g.K, g.C, g.O}).permute({2, 1, 0}).contiguous();
    if (context->saved_data["bias"].toBool() && context->needs_input_grad(2)) dbias = dy.sum(0);
    return {dx, dw, dbias, {}, {}};
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
                  std::int64_t dilation, std::int64_t groups) {
  return at::conv1d(x_BTC.transpose(1, 2), weight, maybe(bias), {1}, {padding}, {dilation}, groups).transpose(1, 2);
}

}  // namespace

Tensor conv1d_btc(const Tensor& x_BTC, const Tensor& weight_OCK, const Tensor& bias_O, std::int64_t padding,
                  std::int64_t dilation) {
  expect_shape(x_BTC, {kAny, kAny, weight_OCK.size(1)}, "conv1d_btc: x_BTC");
  if (weight_OCK.size(2) == 1 && padding == 0) {  // a linear map of every row
    return at::linear(x_BTC, weight_OCK.squeeze(2), maybe(bias_O));
  }
  if (!ours(x_BTC, weight_OCK)) return by_library(x_BTC, weight_OCK, bias_O, padding, dilation, 1);
  return Dense::apply(x_BTC, weight_OCK, maybe(bias_O), padding, dilation);
}

Tensor depthwise_conv1d_btc(const Tensor& x_BTC, const Tensor& weight_C1K, const Tensor& bias_C, std::int64_t padding,
                            std::int64_t dilation) {
  expect_shape(x_BTC, {kAny, kAny, weight_C1K.size(0)}, "depthwise_conv1d_btc: x_BTC");
  if (!ours(x_BTC, weight_C1K)) return by_library(x_BTC, weight_C1K, bias_C, padding, dilation, weight_C1K.size(0));
  return Depthwise::apply(x_BTC, weight_C1K, maybe(bias_C), padding, dilation);
}

}  // namespace timbre::nn
