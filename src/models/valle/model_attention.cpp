#include "models/valle/model_attention.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <limits>

#include "models/valle/model_attention_blocks.h"
#include "nn/attention.h"
#include "nn/dropout.h"

namespace timbre::valle {
namespace {

/// True where a query must not look, [B or 1, 1, T, S].
Tensor hidden(const Attend& attend, std::int64_t first, std::int64_t queries, std::int64_t keys) {
  const Tensor key_S = at::arange(keys, at::kLong);
  Tensor out_11TS = at::zeros({1, 1, queries, keys}, at::kBool);
  if (attend.causal) {
    const Tensor row_T1 = (at::arange(queries, at::kLong) + first).unsqueeze(1);
    const Tensor limit_T1 = row_T1.clamp_min(attend.lead - 1);  // text rows see the whole text
    out_11TS = (key_S > limit_T1).unsqueeze(0).unsqueeze(0);
  }
  const auto pad = [&](const std::vector<std::int64_t>& lens, std::int64_t begin, std::int64_t end) {
    if (lens.empty()) return;
    const Tensor lens_B1 = at::tensor(lens, at::kLong).unsqueeze(1) + begin;
    const Tensor pad_BS = (key_S >= lens_B1).logical_and(key_S >= begin).logical_and(key_S < end);
    out_11TS = out_11TS.logical_or(pad_BS.unsqueeze(1).unsqueeze(1));
  };
  pad(attend.lead_lens, 0, attend.lead);
  pad(attend.tail_lens, attend.lead, keys);
  return out_11TS;
}

bool plain_floats(const Tensor& x) { return x.device().is_cpu() && x.scalar_type() == at::kFloat; }

}  // namespace

Tensor dense_attention(const Tensor& q_BTD, const Tensor& k_BSD, const Tensor& v_BSD, std::int64_t heads,
                       const Attend& attend, std::int64_t first, double dropout_p, bool training) {
  const auto split = [heads](const Tensor& x_BTD) {
    return x_BTD.reshape({x_BTD.size(0), x_BTD.size(1), heads, x_BTD.size(2) / heads}).transpose(1, 2);
  };
  const Tensor q_BHTK = split(q_BTD), k_BHSK = split(k_BSD), v_BHSK = split(v_BSD);
  const double scale = 1.0 / std::sqrt(static_cast<double>(q_BHTK.size(3)));
  const Tensor mask = hidden(attend, first, q_BTD.size(1), k_BSD.size(1)).to(q_BTD.device());
  const Tensor scores_BHTS =
      at::matmul(q_BHTK * scale, k_BHSK.transpose(2, 3)).masked_fill(mask, -std::numeric_limits<double>::infinity());
  const Tensor weights_BHTS = nn::dropout(at::softmax(scores_BHTS, -1), dropout_p, training);
  return nn::join_heads(at::matmul(weights_BHTS, v_BHSK));
}

Tensor self_attention(const Tensor& qkv_BS3, std::int64_t heads, const Attend& attend, std::int64_t first,
                      double dropout_p, bool training) {
  const std::int64_t keys = qkv_BS3.size(1), width = qkv_BS3.size(2) / 3;
  if (plain_floats(qkv_BS3)) return blocked_self_attention(qkv_BS3, heads, attend, first, training ? dropout_p : 0.0);
  return dense_attention(qkv_BS3.narrow(2, 0, width).narrow(1, first, keys - first), qkv_BS3.narrow(2, width, width),
                         qkv_BS3.narrow(2, 2 * width, width), heads, attend, first, dropout_p, training);
}

Tensor cross_attention(const Tensor& q_BTD, const Tensor& kv_BS2, std::int64_t heads, const Attend& attend,
                       double dropout_p, bool training) {
  const std::int64_t width = q_BTD.size(2);
  if (plain_floats(q_BTD)) return blocked_cross_attention(q_BTD, kv_BS2, heads, attend, training ? dropout_p : 0.0);
  return dense_attention(q_BTD, kv_BS2.narrow(2, 0, width), kv_BS2.narrow(2, width, width), heads, attend, 0, dropout_p,
                         training);
}

}  // namespace timbre::valle
