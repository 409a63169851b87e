#include "models/valle/model_attention_blocks.h"

#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/elementwise.h"
#include "nn/dropout.h"
#include "nn/simd.h"
#include "nn/threads.h"

// Vectors of the level that the loader finds (GNU indirect functions), as in nn/simd.cpp.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define TIMBRE_LEVELS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define TIMBRE_LEVELS
#endif

namespace timbre::valle {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

/// Queries of one product; a block's scores of all heads should stay in the second-level cache.
constexpr std::int64_t kBlock = 96;

/// Queries [begin, end) of the whole sequence and the keys [0, keys) that some of them see.
struct Block {
  std::int64_t begin = 0, end = 0, keys = 0;
  std::int64_t rows() const { return end - begin; }
};

/// What one call computes; shapes and the mask, no tensors.
struct Plan {
  std::int64_t batch = 0, heads = 0, head_width = 0;
  std::int64_t first = 0, queries = 0, keys = 0;  ///< queries [first, first + queries)
  Attend attend;
  double dropout_p = 0;
  std::int64_t noise = 0;
  std::vector<Block> blocks;

  float scale() const { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_width))); }
  std::int64_t width() const { return heads * head_width; }
  std::int64_t lead_end(std::int64_t b) const {
    return attend.lead_lens.empty() ? attend.lead : attend.lead_lens[static_cast<std::size_t>(b)];
  }
  std::int64_t tail_end(std::int64_t b) const {
    return attend.tail_lens.empty() ? keys : attend.lead + attend.tail_lens[static_cast<std::size_t>(b)];
  }
  /// One past the last key that query `row` sees.
  std::int64_t end_of(std::int64_t row, std::int64_t b) const {
    if (!attend.causal) return tail_end(b);
    return row < attend.lead ? attend.lead : std::min(row + 1, tail_end(b));
  }
  /// Floats of the weights of one utterance.
  std::int64_t weights_of_one() const {
    std::int64_t sum = 0;
    for (const Block& block : blocks) sum += heads * block.rows() * block.keys;
    return sum;
  }
};

std::vector<Block> blocks_of(const Plan& plan) {
  std::vector<Block> out;
  const std::int64_t last = plan.first + plan.queries;
  for (std::int64_t begin = plan.first; begin < last;) {
    std::int64_t end = std::min(begin + kBlock, last);
    if (plan.attend.causal && begin < plan.attend.lead) end = std::min(end, plan.attend.lead);
    std::int64_t keys = plan.keys;
    if (plan.attend.causal) keys = begin < plan.attend.lead ? plan.attend.lead : end;
    out.push_back({begin, end, keys});
    begin = end;
  }
  return out;
}

/// Rows of scores → softmax over the keys that each may see; 0 elsewhere.
void soften(const Plan& plan, const Block& block, std::int64_t b, float* scores) {
  const std::int64_t rows = block.rows(), keys = block.keys;
  nn::parallel_ranges(plan.heads * rows, 64, [&](std::int64_t from, std::int64_t to) {
    for (std::int64_t i = from; i < to; ++i) {
      float* row = scores + i * keys;
      const std::int64_t end = std::min(plan.end_of(block.begin + i % rows, b), keys);
      const std::int64_t lead_end = std::min(plan.lead_end(b), end), gap_end = std::min(plan.attend.lead, end);
      for (std::int64_t s = lead_end; s < gap_end; ++s) row[s] = -std::numeric_limits<float>::infinity();
      kernels::softmax(row, 1, end, end);
      std::fill(row + end, row + keys, 0.0f);
    }
  });
}

/// A weight that dropout took turns negative.
TIMBRE_LEVELS void mark_dropped(const float* dropped, float* weights, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) weights[i] = dropped[i] == 0.0f ? -weights[i] : weights[i];
}

/// From marked weights and the gradient of their dropped form (in `d`): the dropped form, and in `d` the gradient of
/// the scores, w · (kept · d − mean), where mean = Σ w · kept · d of the row.
TIMBRE_LEVELS void unsoften(const float* marked, float* d, float* dropped, float scale, float mean, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float w = std::fabs(marked[i]), kept = marked[i] > 0.0f ? scale : 0.0f;
    dropped[i] = w * kept;
    d[i] = w * (kept * d[i] - mean);
  }
}

/// [H, rows, K] of rows [begin, end) of one utterance, a view.
Tensor heads_of(const Tensor& x_TD, std::int64_t begin, std::int64_t end, const Plan& plan) {
  return x_TD.narrow(0, begin, end - begin).unflatten(1, {plan.heads, plan.head_width}).transpose(0, 1);
}

/// q_BTD's rows are the queries from plan.first on. marked: all softmax weights, block after block, or undefined.
Tensor forward_blocks(const Plan& plan, const Tensor& q_BTD, const Tensor& k_BSD, const Tensor& v_BSD,
                      const Tensor& marked) {
  Tensor out_BTD = at::empty({plan.batch, plan.queries, plan.width()}, q_BTD.options());
  std::int64_t at = 0;
  std::uint64_t call = 0;
  Tensor scratch, dropped, out_HTK;
  for (std::int64_t b = 0; b < plan.batch; ++b) {
    const Tensor q_TD = q_BTD.select(0, b), k_SD = k_BSD.select(0, b), v_SD = v_BSD.select(0, b);
    for (const Block& block : plan.blocks) {
      const std::int64_t count = plan.heads * block.rows() * block.keys;
      Tensor flat = marked;
      if (!marked.defined()) {
        if (!scratch.defined() || scratch.numel() < count) scratch = at::empty({count}, q_BTD.options());
        flat = scratch.narrow(0, 0, count);
      } else {
        flat = marked.narrow(0, at, count);
      }
      Tensor weights_HTS = flat.view({plan.heads, block.rows(), block.keys});
      at::baddbmm_out(weights_HTS, weights_HTS, heads_of(q_TD, block.begin - plan.first, block.end - plan.first, plan),
                      heads_of(k_SD, 0, block.keys, plan).transpose(1, 2), 0, plan.scale());
      float* weights = weights_HTS.mutable_data_ptr<float>();
      soften(plan, block, b, weights);
      Tensor used_HTS = weights_HTS;
      if (plan.dropout_p > 0) {
        if (!dropped.defined() || dropped.numel() < count) dropped = at::empty({count}, q_BTD.options());
        used_HTS = dropped.narrow(0, 0, count).view({plan.heads, block.rows(), block.keys});
        float* to = used_HTS.mutable_data_ptr<float>();
        const auto threshold = static_cast<std::uint32_t>(std::lround(plan.dropout_p * 65536.0));
        const auto factor = static_cast<float>(1.0 / (1.0 - plan.dropout_p));
        const nn::simd::NoiseKey key{static_cast<std::uint64_t>(plan.noise), call++};
        constexpr std::int64_t kNoise = nn::simd::kNoiseBlock;
        nn::parallel_ranges((count + kNoise - 1) / kNoise, 128, [&](std::int64_t from, std::int64_t end) {
          nn::simd::dropout(weights, nullptr, to, count, key, threshold, factor, from, end);
          const std::int64_t begin = from * kNoise, stop = std::min(end * kNoise, count);
          if (marked.defined()) mark_dropped(to + begin, weights + begin, stop - begin);
        });
      }
      out_HTK = at::bmm(used_HTS, heads_of(v_SD, 0, block.keys, plan));
      out_BTD.select(0, b)
          .narrow(0, block.begin - plan.first, block.rows())
          .view({block.rows(), plan.heads, plan.head_width})
          .copy_(out_HTK.transpose(0, 1));
      at += count;
    }
  }
  return out_BTD;
}

/// Gradients into dq, dk, dv: [B, T or S, D], views of any stride.
struct Gradients {
  Tensor q_BTD, k_BSD, v_BSD;
};

void backward_blocks(const Plan& plan, const Tensor& q_BTD, const Tensor& k_BSD, const Tensor& v_BSD,
                     const Tensor& marked, const Tensor& out_BTD, const Tensor& dout_BTD, Gradients& gradients) {
  const auto kept = static_cast<float>(1.0 / (1.0 - plan.dropout_p));
  Tensor d_scratch, w_scratch;
  Tensor dk_HSK = at::empty({plan.heads, plan.keys, plan.head_width}, q_BTD.options()), dv_HSK = at::empty_like(dk_HSK);
  const Tensor means_BTH = (out_BTD * dout_BTD).unflatten(2, {plan.heads, plan.head_width}).sum(-1);
  std::int64_t at = 0;
  for (std::int64_t b = 0; b < plan.batch; ++b) {
    const Tensor q_TD = q_BTD.select(0, b), k_SD = k_BSD.select(0, b), v_SD = v_BSD.select(0, b);
    const Tensor do_TD = dout_BTD.select(0, b);
    const Tensor means_HT = means_BTH.select(0, b).t().contiguous();
    dk_HSK.zero_();
    dv_HSK.zero_();
    for (const Block& block : plan.blocks) {
      const std::int64_t rows = block.rows(), count = plan.heads * rows * block.keys, from = block.begin - plan.first;
      if (!d_scratch.defined() || d_scratch.numel() < count) {
        d_scratch = at::empty({count}, q_BTD.options());
        w_scratch = at::empty({count}, q_BTD.options());
      }
      Tensor d_HTS = d_scratch.narrow(0, 0, count).view({plan.heads, rows, block.keys});
      const Tensor w_HTS = w_scratch.narrow(0, 0, count).view_as(d_HTS);
      const Tensor do_HTK = heads_of(do_TD, from, from + rows, plan), q_HTK = heads_of(q_TD, from, from + rows, plan);
      const Tensor k_HSK = heads_of(k_SD, 0, block.keys, plan), v_HSK = heads_of(v_SD, 0, block.keys, plan);
      at::bmm_out(d_HTS, do_HTK, v_HSK.transpose(1, 2));
      const float* mark = marked.const_data_ptr<float>() + at;
      const float* means = means_HT.const_data_ptr<float>();
      float* d = d_HTS.mutable_data_ptr<float>();
      float* w = w_HTS.mutable_data_ptr<float>();
      nn::parallel_ranges(plan.heads * rows, 64, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t where = i * block.keys;
          unsoften(mark + where, d + where, w + where, kept, means[i / rows * plan.queries + from + i % rows],
                   block.keys);
        }
      });
      dv_HSK.narrow(1, 0, block.keys).add_(at::bmm(w_HTS.transpose(1, 2), do_HTK));
      dk_HSK.narrow(1, 0, block.keys).add_(at::bmm(d_HTS.transpose(1, 2), q_HTK), plan.scale());
      heads_of(gradients.q_BTD.select(0, b), from, from + rows, plan).copy_(at::bmm(d_HTS, k_HSK).mul_(plan.scale()));
      at += count;
    }
    heads_of(gradients.k_BSD.select(0, b), 0, plan.keys, plan).copy_(dk_HSK);
    heads_of(gradients.v_BSD.select(0, b), 0, plan.keys, plan).copy_(dv_HSK);
  }
}

/// The plan travels from forward to backward.
struct Kept : torch::CustomClassHolder {
  Plan plan;
  explicit Kept(Plan p) : plan(std::move(p)) {}
};

struct Attention : Function<Attention> {
  /// q may be a part of the same packed tensor as kv (kv undefined).
  static Tensor forward(AutogradContext* context, const Tensor& q_or_qkv, const std::optional<Tensor>& kv,
                        const std::shared_ptr<Plan>& plan) {
    const auto [q, k, v] = parts(*plan, q_or_qkv, kv);
    Tensor marked;
    if (q_or_qkv.requires_grad() || (kv && kv->requires_grad()))
      marked = at::empty({plan->batch * plan->weights_of_one()}, q.options());
    const Tensor out = forward_blocks(*plan, q, k, v, marked);
    context->save_for_backward({q_or_qkv, kv.value_or(Tensor()), marked, out});
    context->saved_data["plan"] = c10::IValue::make_capsule(c10::make_intrusive<Kept>(*plan));
    return out;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto capsule = context->saved_data["plan"].toCapsule();
    const Plan& plan = static_cast<const Kept&>(*capsule).plan;
    std::optional<Tensor> kv;
    if (saved[1].defined()) kv = saved[1];
    const auto [q, k, v] = parts(plan, saved[0], kv);
    Tensor first = at::empty_like(saved[0]), second = kv ? at::empty_like(*kv) : Tensor();
    if (!kv && plan.first > 0) first.narrow(1, 0, plan.first).narrow(2, 0, plan.width()).zero_();
    std::optional<Tensor> second_given;
    if (kv) second_given = second;
    auto [dq, dk, dv] = parts(plan, first, second_given);
    Gradients into{dq, dk, dv};
    backward_blocks(plan, q, k, v, saved[2], saved[3], gradients[0].contiguous(), into);
    return {first, second, {}};
  }

 private:
  static std::tuple<Tensor, Tensor, Tensor> parts(const Plan& plan, const Tensor& q_or_qkv,
                                                  const std::optional<Tensor>& kv) {
    const std::int64_t d = plan.width();
    if (kv) return {q_or_qkv, kv->narrow(2, 0, d), kv->narrow(2, d, d)};
    return {q_or_qkv.narrow(2, 0, d).narrow(1, plan.first, plan.queries), q_or_qkv.narrow(2, d, d),
            q_or_qkv.narrow(2, 2 * d, d)};
  }
};

Plan plan_of(const Tensor& queries, std::int64_t width, std::int64_t keys, std::int64_t heads, const Attend& attend,
             std::int64_t first, double dropout_p) {
  Plan plan;
  plan.batch = queries.size(0);
  plan.heads = heads;
  plan.head_width = width / heads;
  plan.first = first;
  plan.queries = queries.size(1) - first;
  plan.keys = keys;
  plan.attend = attend;
  plan.dropout_p = dropout_p;
  if (dropout_p > 0) plan.noise = static_cast<std::int64_t>(nn::next_noise_key());
  plan.blocks = blocks_of(plan);
  return plan;
}

}  // namespace

Tensor blocked_self_attention(const Tensor& qkv_BS3, std::int64_t heads, const Attend& attend, std::int64_t first,
                              double dropout_p) {
  const Tensor qkv = qkv_BS3.contiguous();
  return Attention::apply(
      qkv, std::optional<Tensor>(),
      std::make_shared<Plan>(plan_of(qkv, qkv.size(2) / 3, qkv.size(1), heads, attend, first, dropout_p)));
}

Tensor blocked_cross_attention(const Tensor& q_BTD, const Tensor& kv_BS2, std::int64_t heads, const Attend& attend,
                               double dropout_p) {
  const Tensor q = q_BTD.contiguous(), kv = kv_BS2.contiguous();
  return Attention::apply(q, std::optional<Tensor>(kv),
                          std::make_shared<Plan>(plan_of(q, q.size(2), kv.size(1), heads, attend, 0, dropout_p)));
}

}  // namespace timbre::valle
