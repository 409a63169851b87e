#include "models/llasa/model_loss.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "kernels/elementwise.h"
#include "models/llasa/model_layers.h"
#include "models/llasa/model_levels.h"
#include "nn/threads.h"

namespace timbre::llasa {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Numbers of one step: they stay in the first-level cache between their passes.
constexpr std::int64_t kPiece = 2048;

TIMBRE_LEVELS float largest(const float* x, std::int64_t n) {
  float most = x[0];
  for (std::int64_t i = 0; i < n; ++i) most = x[i] > most ? x[i] : most;
  return most;
}
TIMBRE_LEVELS float total(const float* x, std::int64_t n) {
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += x[i];
  return sum;
}
TIMBRE_LEVELS void moved(const float* x, float by, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] + by;
}
TIMBRE_LEVELS void times(float* x, float by, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] *= by;
}

/// log Σ e^x of one row; sums of pieces are added in double precision. Where `weights`, the row becomes
/// factor · softmax.
double log_sum(float* row, std::int64_t n, bool weights, float factor) {
  alignas(64) float piece[kPiece];
  const float most = largest(row, n);
  double sum = 0;
  for (std::int64_t i = 0; i < n; i += kPiece) {
    const std::int64_t count = std::min(kPiece, n - i);
    float* to = weights ? row + i : piece;
    moved(row + i, -most, to, count);
    kernels::exp(to, to, count);
    sum += static_cast<double>(total(to, count));
  }
  if (weights) times(row, static_cast<float>(static_cast<double>(factor) / sum), n);
  return static_cast<double>(most) + std::log(sum);
}

/// Logits of some rows → their nll and, where gradients are wanted, factor · (softmax − one at the target) in place.
void finish_rows(Tensor& logits_CV, const Tensor& targets_C, Tensor nll_C, bool gradients, double factor) {
  const std::int64_t rows = logits_CV.size(0), width = logits_CV.size(1);
  if (!logits_CV.is_cpu()) {
    const Tensor index = targets_C.unsqueeze(1);
    const Tensor sums = at::logsumexp(logits_CV, {1}, true);
    nll_C.copy_((sums - logits_CV.gather(1, index)).squeeze(1));
    if (!gradients) return;
    logits_CV.sub_(sums).exp_();
    logits_CV.scatter_add_(1, index, at::empty({rows, 1}, logits_CV.options()).fill_(-1.0));
    logits_CV.mul_(factor);
    return;
  }
  float* logits = logits_CV.mutable_data_ptr<float>();
  float* nll = nll_C.mutable_data_ptr<float>();
  const auto* targets = targets_C.const_data_ptr<std::int64_t>();
  nn::parallel_ranges(rows, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      float* row = logits + r * width;
      const auto wanted = static_cast<double>(row[targets[r]]);
      nll[r] = static_cast<float>(log_sum(row, width, gradients, static_cast<float>(factor)) - wanted);
      if (gradients) row[targets[r]] -= static_cast<float>(factor);
    }
  });
}

struct HeadLoss : Function<HeadLoss> {
  static variable_list forward(AutogradContext* context, const Tensor& hidden_ND, const Tensor& targets_N,
                               const Tensor& head_VD, const LossOptions& options, bool gradients, bool bf16) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const auto type = bf16 ? at::kBFloat16 : at::kFloat;
    const std::int64_t rows = hidden_ND.size(0), words = head_VD.size(0);
    const std::int64_t most = std::max<std::int64_t>(1, options.chunk_bytes / (4 * words));
    const std::int64_t pieces = std::max<std::int64_t>(1, (rows + most - 1) / most);
    const Tensor hidden = hidden_ND.to(type).contiguous(), head = head_VD.to(type), targets = targets_N.contiguous();
    const bool to_hidden = gradients && hidden_ND.requires_grad(), to_head = gradients && head_VD.requires_grad();
    Tensor nll_N = at::empty({rows}, hidden_ND.options().dtype(at::kFloat)), dhidden_ND, dhead_VD, buffer;
    if (to_hidden) dhidden_ND = at::empty(hidden_ND.sizes(), hidden_ND.options().dtype(at::kFloat));
    for (std::int64_t i = 0; i < pieces; ++i) {
      const std::int64_t from = rows * i / pieces, count = rows * (i + 1) / pieces - from;
      if (count == 0) continue;
      const Tensor h_CD = hidden.narrow(0, from, count);
      Tensor logits_CV;
      if (bf16) {
        logits_CV = at::mm(h_CD, head.t()).to(at::kFloat);
      } else {
        if (!buffer.defined()) buffer = at::empty({(rows + pieces - 1) / pieces, words}, hidden.options());
        logits_CV = buffer.narrow(0, 0, count);
        at::mm_out(logits_CV, h_CD, head.t());
      }
      finish_rows(logits_CV, targets.narrow(0, from, count), nll_N.narrow(0, from, count), to_hidden || to_head,
                  options.factor);
      const Tensor d_CV = logits_CV.to(type);
      if (to_hidden) dhidden_ND.narrow(0, from, count).copy_(at::mm(d_CV, head));
      if (!to_head) continue;
      if (!dhead_VD.defined())
        dhead_VD = at::mm(d_CV.t(), h_CD);
      else
        at::addmm_out(dhead_VD, dhead_VD, d_CV.t(), h_CD);
    }
    if (dhead_VD.defined()) dhead_VD = dhead_VD.to(head_VD.scalar_type());
    context->save_for_backward({dhidden_ND, head_VD});
    context->saved_data["dhead"] = dhead_VD;
    context->saved_data["factor"] = options.factor;
    context->mark_non_differentiable({nll_N});
    return {nll_N.sum(), nll_N};
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const variable_list saved = context->get_saved_variables();
    const double ratio = gradients[0].item<double>() / context->saved_data["factor"].toDouble();
    const bool as_foreseen = std::abs(ratio - 1) < 1e-7;
    Tensor dhead_VD = context->saved_data["dhead"].toTensor();
    context->saved_data.erase("dhead");
    if (dhead_VD.defined()) {
      Tensor& grad = saved[1].mutable_grad();
      if (grad.defined())
        grad.add_(dhead_VD, ratio);
      else
        grad = as_foreseen ? dhead_VD : dhead_VD.mul_(ratio);
    }
    Tensor dhidden_ND = saved[0];
    if (dhidden_ND.defined() && !as_foreseen) dhidden_ND = dhidden_ND * ratio;
    return {dhidden_ND, {}, {}, {}, {}, {}};
  }
};

}  // namespace

Tensor head_loss(const Tensor& hidden_ND, const Tensor& targets_N, const Tensor& head_VD, const LossOptions& options,
                 Tensor* nll_N) {
  const bool gradients = at::GradMode::is_enabled();
  const variable_list out =
      HeadLoss::apply(hidden_ND, targets_N, head_VD, options, gradients, products_in_bf16(hidden_ND));
  if (nll_N) *nll_N = out[1];
  return out[0];
}

}  // namespace timbre::llasa
