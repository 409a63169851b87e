#include "models/llasa/model_layers.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "kernels/elementwise.h"
#include "models/llasa/model_levels.h"
#include "nn/threads.h"

namespace timbre::llasa {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Rows of one piece of work.
constexpr std::int64_t kRows = 8;

Tensor product_type(const Tensor& x, bool bf16) { return x.to(bf16 ? at::kBFloat16 : at::kFloat); }

struct Linears : Function<Linears> {
  static variable_list forward(AutogradContext* context, const Tensor& x_ND, const Tensor& first,
                               const std::optional<Tensor>& second, const std::optional<Tensor>& third, bool bf16) {
    context->saved_data["bf16"] = bf16;
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const Tensor x = product_type(x_ND, bf16);
    variable_list saved = {x, first}, out;
    if (second) saved.push_back(*second);
    if (third) saved.push_back(*third);
    for (std::size_t i = 1; i < saved.size(); ++i)
      out.push_back(at::mm(x, product_type(saved[i], bf16).t()).to(at::kFloat));
    context->save_for_backward(saved);
    return out;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const variable_list saved = context->get_saved_variables();
    const bool bf16 = context->saved_data["bf16"].toBool();
    const Tensor& x = saved[0];
    Tensor dx_ND;
    for (std::size_t i = 1; i < saved.size(); ++i) {
      if (!gradients[i - 1].defined()) continue;
      const Tensor dy_NO = product_type(gradients[i - 1], bf16).contiguous();
      if (context->needs_input_grad(0)) {
        const Tensor w = product_type(saved[i], bf16);
        if (!dx_ND.defined())
          dx_ND = at::mm(dy_NO, w);
        else
          at::addmm_out(dx_ND, dx_ND, dy_NO, w);
      }
      if (saved[i].requires_grad()) add_product_to_grad(saved[i], dy_NO, x);
    }
    return {dx_ND.defined() ? dx_ND.to(at::kFloat) : dx_ND, {}, {}, {}, {}};
  }
};

TIMBRE_LEVELS float sum_of_squares(const float* x, std::int64_t n) {
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
  return sum;
}
TIMBRE_LEVELS void scaled_by(const float* x, const float* weight, float factor, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = weight[i] * (x[i] * factor);
}
TIMBRE_LEVELS float triple(const float* dy, const float* weight, const float* x, std::int64_t n) {
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += dy[i] * weight[i] * x[i];
  return sum;
}
TIMBRE_LEVELS void norm_gradient(const float* dy, const float* weight, const float* x, float factor, float pull,
                                 float* dx, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) dx[i] = factor * dy[i] * weight[i] - pull * x[i];
}
TIMBRE_LEVELS void add_weight_gradient(const float* dy, const float* x, float factor, float* dw, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) dw[i] += dy[i] * (x[i] * factor);
}

struct RmsNorm : Function<RmsNorm> {
  static Tensor forward(AutogradContext* context, const Tensor& x_ND, const Tensor& weight_D, double eps) {
    const std::int64_t rows = x_ND.size(0), width = x_ND.size(1);
    const Tensor x = x_ND.contiguous(), weight = weight_D.to(at::kFloat).contiguous();
    Tensor y_ND = at::empty_like(x), factors_N = at::empty({rows}, x.options());
    const float* from = x.const_data_ptr<float>();
    const float* w = weight.const_data_ptr<float>();
    float* y = y_ND.mutable_data_ptr<float>();
    float* factors = factors_N.mutable_data_ptr<float>();
    nn::parallel_ranges(rows, kRows, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        const float* row = from + r * width;
        const float mean = sum_of_squares(row, width) / static_cast<float>(width);
        factors[r] = 1.0f / std::sqrt(mean + static_cast<float>(eps));
        scaled_by(row, w, factors[r], y + r * width, width);
      }
    });
    context->save_for_backward({x, weight_D, factors_N});
    return y_ND;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor& x_ND = saved[0];
    const Tensor dy_ND = gradients[0].contiguous(), weight = saved[1].to(at::kFloat).contiguous();
    const std::int64_t rows = x_ND.size(0), width = x_ND.size(1);
    const float* x = x_ND.const_data_ptr<float>();
    const float* dy = dy_ND.const_data_ptr<float>();
    const float* w = weight.const_data_ptr<float>();
    const float* factors = saved[2].const_data_ptr<float>();
    Tensor dx_ND, dw_D;
    if (context->needs_input_grad(0)) {
      dx_ND = at::empty_like(x_ND);
      float* dx = dx_ND.mutable_data_ptr<float>();
      nn::parallel_ranges(rows, kRows, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = begin; r < end; ++r) {
          const std::int64_t at = r * width;
          const float f = factors[r];
          const float pull = f * f * f * triple(dy + at, w, x + at, width) / static_cast<float>(width);
          norm_gradient(dy + at, w, x + at, f, pull, dx + at, width);
        }
      });
    }
    if (context->needs_input_grad(1)) {
      dw_D = at::zeros({width}, x_ND.options());
      float* dw = dw_D.mutable_data_ptr<float>();
      nn::parallel_ranges(width, 256, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t r = 0; r < rows; ++r)
          add_weight_gradient(dy + r * width + begin, x + r * width + begin, factors[r], dw + begin, end - begin);
      });
      dw_D = dw_D.to(saved[1].scalar_type());
    }
    return {dx_ND, dw_D, {}};
  }
};

TIMBRE_LEVELS void gate(const float* s, const float* g, const float* u, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = g[i] * s[i] * u[i];
}
TIMBRE_LEVELS void gate_gradient(const float* dy, const float* s, const float* g, const float* u, float* dg, float* du,
                                 std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    du[i] = dy[i] * g[i] * s[i];
    dg[i] = dy[i] * u[i] * s[i] * (1.0f + g[i] * (1.0f - s[i]));
  }
}

/// Numbers of one step over an array: the sigmoid stays in the first-level cache.
constexpr std::int64_t kPiece = 1024;

struct SwiGlu : Function<SwiGlu> {
  static Tensor forward(AutogradContext* context, const Tensor& gate_NO, const Tensor& up_NO) {
    const Tensor g_NO = gate_NO.contiguous(), u_NO = up_NO.contiguous();
    Tensor y_NO = at::empty_like(g_NO);
    const float* g = g_NO.const_data_ptr<float>();
    const float* u = u_NO.const_data_ptr<float>();
    float* y = y_NO.mutable_data_ptr<float>();
    nn::parallel_ranges(g_NO.numel(), 8 * kPiece, [&](std::int64_t begin, std::int64_t end) {
      alignas(64) float s[kPiece];
      for (std::int64_t i = begin; i < end; i += kPiece) {
        const std::int64_t n = std::min(kPiece, end - i);
        kernels::sigmoid(g + i, s, n);
        gate(s, g + i, u + i, y + i, n);
      }
    });
    context->save_for_backward({g_NO, u_NO});
    return y_NO;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor dy_NO = gradients[0].contiguous();
    Tensor dg_NO = at::empty_like(dy_NO), du_NO = at::empty_like(dy_NO);
    const float* g = saved[0].const_data_ptr<float>();
    const float* u = saved[1].const_data_ptr<float>();
    const float* dy = dy_NO.const_data_ptr<float>();
    float* dg = dg_NO.mutable_data_ptr<float>();
    float* du = du_NO.mutable_data_ptr<float>();
    nn::parallel_ranges(dy_NO.numel(), 8 * kPiece, [&](std::int64_t begin, std::int64_t end) {
      alignas(64) float s[kPiece];
      for (std::int64_t i = begin; i < end; i += kPiece) {
        const std::int64_t n = std::min(kPiece, end - i);
        kernels::sigmoid(g + i, s, n);
        gate_gradient(dy + i, s, g + i, u + i, dg + i, du + i, n);
      }
    });
    return {dg_NO, du_NO};
  }
};

struct Embed : Function<Embed> {
  static Tensor forward(AutogradContext* context, const Tensor& ids_N, const Tensor& table_VD) {
    context->save_for_backward({ids_N, table_VD});
    return at::index_select(table_VD, 0, ids_N).to(at::kFloat);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    Tensor& grad = saved[1].mutable_grad();
    if (!grad.defined()) grad = at::zeros_like(saved[1]);
    grad.index_add_(0, saved[0], gradients[0].to(grad.scalar_type()));
    return {{}, {}};
  }
};

}  // namespace

bool products_in_bf16(const Tensor& x) {
  const auto device = x.device().type();
  return at::autocast::is_autocast_enabled(device) && at::autocast::get_autocast_dtype(device) == at::kBFloat16;
}

void add_product_to_grad(const Tensor& weight_OD, const Tensor& lhs_NO, const Tensor& rhs_ND) {
  Tensor& grad = weight_OD.mutable_grad();
  if (!grad.defined()) {
    grad = at::mm(lhs_NO.t(), rhs_ND).to(weight_OD.scalar_type());
  } else if (grad.scalar_type() == lhs_NO.scalar_type()) {
    at::addmm_out(grad, grad, lhs_NO.t(), rhs_ND);
  } else {
    grad.add_(at::mm(lhs_NO.t(), rhs_ND));
  }
}

std::vector<Tensor> linears(const Tensor& x_ND, const std::vector<Tensor>& weights_OD) {
  std::optional<Tensor> second, third;
  if (weights_OD.size() > 1) second = weights_OD[1];
  if (weights_OD.size() > 2) third = weights_OD[2];
  return Linears::apply(x_ND, weights_OD[0], second, third, products_in_bf16(x_ND));
}

Tensor rms_norm(const Tensor& x_ND, const Tensor& weight_D, double eps) {
  if (x_ND.is_cpu()) return RmsNorm::apply(x_ND, weight_D, eps);
  return weight_D * (x_ND * at::rsqrt((x_ND * x_ND).mean(-1, true) + eps));
}

Tensor swiglu(const Tensor& gate_NO, const Tensor& up_NO) {
  if (gate_NO.is_cpu()) return SwiGlu::apply(gate_NO, up_NO);
  return at::silu(gate_NO) * up_NO;
}

Tensor embed(const Tensor& ids_N, const Tensor& table_VD) { return Embed::apply(ids_N, table_VD); }

}  // namespace timbre::llasa
