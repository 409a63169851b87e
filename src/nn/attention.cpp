#include "nn/attention.h"

#include <ATen/ops/matmul.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>

#include <cmath>
#include <limits>

#include "nn/dropout.h"

namespace timbre::nn {

Tensor split_heads(const Tensor& x_BTD, std::int64_t heads) {
  return x_BTD.view({x_BTD.size(0), x_BTD.size(1), heads, x_BTD.size(2) / heads}).transpose(1, 2);
}

Tensor join_heads(const Tensor& x_BHTK) {
  return x_BHTK.transpose(1, 2).reshape({x_BHTK.size(0), x_BHTK.size(2), x_BHTK.size(1) * x_BHTK.size(3)});
}

Tensor attention(const Tensor& q_BHTK, const Tensor& k_BHSK, const Tensor& v_BHSK, const Tensor& pad_BS, double scale,
                 double dropout_p, bool training, Tensor* weights_BHTS) {
  if (scale == 0) scale = 1.0 / std::sqrt(static_cast<double>(q_BHTK.size(3)));
  if (!weights_BHTS && (dropout_p <= 0 || !training)) {
    std::optional<Tensor> attend;
    if (pad_BS.defined()) attend = pad_BS.logical_not().unsqueeze(1).unsqueeze(1).expand({-1, -1, q_BHTK.size(2), -1});
    return at::scaled_dot_product_attention(q_BHTK, k_BHSK, v_BHSK, attend, 0.0, false, scale);
  }
  Tensor scores_BHTS = at::matmul(q_BHTK * scale, k_BHSK.transpose(2, 3));
  if (pad_BS.defined())
    scores_BHTS = scores_BHTS.masked_fill(pad_BS.unsqueeze(1).unsqueeze(1), -std::numeric_limits<double>::infinity());
  const Tensor soft_BHTS = at::softmax(scores_BHTS, -1);
  if (weights_BHTS) *weights_BHTS = soft_BHTS;
  return at::matmul(dropout(soft_BHTS, dropout_p, training), v_BHSK);
}

}  // namespace timbre::nn
