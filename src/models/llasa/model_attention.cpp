#include "models/llasa/model_attention.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
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

/// Queries of one block: with the heads that share keys their scores should stay in the second-level cache.
constexpr std::int64_t kBlock = 64;
/// A score that no weight is left of; finite, so that vectors may assume finite numbers.
constexpr float kNever = -1e30f;

/// Queries [begin, begin + rows) of one row of the batch; they see keys of [key, key + keys).
struct Block {
  std::int64_t begin = 0, rows = 0, key = 0, keys = 0;
};

struct Plan : torch::CustomClassHolder {
  Attend attend;
  std::int64_t heads = 0, groups = 0, width = 0;

  std::int64_t shared() const { return heads / groups; }
  float scale() const { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(width))); }
  std::int64_t first_of(std::int64_t b, std::int64_t t) const {
    return attend.first.empty() ? 0 : attend.first[static_cast<std::size_t>(b * attend.length + t)];
  }
  const std::uint8_t* seen_of(std::int64_t b) const {
    return attend.seen.empty() ? nullptr : attend.seen.data() + b * attend.length;
  }
  std::vector<Block> blocks_of(std::int64_t b) const {
    std::vector<Block> out;
    for (std::int64_t begin = 0; begin < attend.length; begin += kBlock) {
      const std::int64_t end = std::min(begin + kBlock, attend.length);
      std::int64_t key = begin;
      for (std::int64_t t = begin; t < end; ++t) key = std::min(key, first_of(b, t));
      out.push_back({begin, end - begin, key, end - key});
    }
    return out;
  }
};

/// to = x turned by the angles (sign −1: back), numbers i and i + half together.
TIMBRE_LEVELS void turn(const float* x, const float* cos, const float* sin, float sign, float* to, std::int64_t half) {
  for (std::int64_t i = 0; i < half; ++i) {
    const float a = x[i], b = x[i + half], s = sign * sin[i];
    to[i] = a * cos[i] - b * s;
    to[i + half] = b * cos[i] + a * s;
  }
}
/// d = w · (d − mean) · scale.
TIMBRE_LEVELS void unsoften(const float* w, float* d, float mean, float scale, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) d[i] = w[i] * (d[i] - mean) * scale;
}
TIMBRE_LEVELS void shifted(float* x, float scale, float shift, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = x[i] * scale - shift;
}
TIMBRE_LEVELS float largest(const float* x, std::int64_t n) {
  float most = kNever;
  for (std::int64_t i = 0; i < n; ++i) most = x[i] > most ? x[i] : most;
  return most;
}
TIMBRE_LEVELS float total(const float* x, std::int64_t n) {
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += x[i];
  return sum;
}
TIMBRE_LEVELS float dot(const float* x, const float* y, std::int64_t n) {
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += x[i] * y[i];
  return sum;
}
TIMBRE_LEVELS void times(float* x, float by, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] *= by;
}

/// One utterance row × one head of keys: the query heads that share it. Arrays of queries are laid out block by block,
/// [shared, rows of the block, K], so that one product serves all heads of a block.
class HeadGroup {
 public:
  HeadGroup(const Plan& plan, std::int64_t b, std::int64_t g) : p_(plan), b_(b), g_(g) {}

  /// Turns and gathers the queries of a block from [N, H·K] into [shared · rows, K].
  void gather(const float* from_NC, const Block& block, bool turned, float* to) const {
    each(block, [&](std::int64_t n, std::int64_t head, std::int64_t i) {
      const float* x = from_NC + (n * p_.heads + head) * p_.width;
      if (turned)
        turn(x, cos(n), sin(n), 1.0f, to + i * p_.width, p_.width / 2);
      else
        std::copy_n(x, p_.width, to + i * p_.width);
    });
  }
  /// The other way.
  void scatter(const float* from, const Block& block, bool turned, float* to_NC) const {
    each(block, [&](std::int64_t n, std::int64_t head, std::int64_t i) {
      float* x = to_NC + (n * p_.heads + head) * p_.width;
      if (turned)
        turn(from + i * p_.width, cos(n), sin(n), -1.0f, x, p_.width / 2);
      else
        std::copy_n(from + i * p_.width, p_.width, x);
    });
  }
  void keys_in(const float* k_NC, float* to_TK) const { keys(k_NC, 1.0f, to_TK, true); }
  void keys_out(float* from_TK, float* k_NC) const { keys(k_NC, -1.0f, from_TK, false); }

  /// Scores → weights with their logarithm of the sum (per row) kept in `lse`.
  void soften(const Block& block, float* scores, float* lse) const {
    rows(block, [&](std::int64_t i, std::int64_t from, std::int64_t end) {
      float* row = scores + i * block.keys;
      hide(block, row, from, end);
      const std::int64_t n = end - from;
      const float most = largest(row + from, n);
      lse[i] = 0;
      std::fill(row, row + from, 0.0f);
      std::fill(row + end, row + block.keys, 0.0f);
      if (most <= kNever) return std::fill(row + from, row + end, 0.0f);
      shifted(row + from, p_.scale(), most * p_.scale(), n);
      kernels::exp(row + from, row + from, n);
      const float sum = total(row + from, n);
      times(row + from, 1.0f / sum, n);
      lse[i] = most * p_.scale() + std::log(sum);
    });
  }
  /// The same weights again.
  void soften_again(const Block& block, float* scores, const float* lse) const {
    rows(block, [&](std::int64_t i, std::int64_t from, std::int64_t end) {
      float* row = scores + i * block.keys;
      std::fill(row, row + from, 0.0f);
      std::fill(row + end, row + block.keys, 0.0f);
      shifted(row + from, p_.scale(), lse[i], end - from);
      hide(block, row, from, end);
      kernels::exp(row + from, row + from, end - from);
    });
  }

 private:
  const float* cos(std::int64_t n) const { return p_.attend.cos_NK.const_data_ptr<float>() + n * (p_.width / 2); }
  const float* sin(std::int64_t n) const { return p_.attend.sin_NK.const_data_ptr<float>() + n * (p_.width / 2); }

  template <class Body>
  void each(const Block& block, const Body& body) const {
    std::int64_t i = 0;
    for (std::int64_t s = 0; s < p_.shared(); ++s)
      for (std::int64_t r = 0; r < block.rows; ++r, ++i)
        body(b_ * p_.attend.length + block.begin + r, g_ * p_.shared() + s, i);
  }
  void keys(const float* k_NC, float sign, float* mine_TK, bool in) const {
    for (std::int64_t t = 0; t < p_.attend.length; ++t) {
      const std::int64_t n = b_ * p_.attend.length + t;
      auto* theirs = const_cast<float*>(k_NC) + (n * p_.groups + g_) * p_.width;
      float* mine = mine_TK + t * p_.width;
      turn(in ? theirs : mine, cos(n), sin(n), sign, in ? mine : theirs, p_.width / 2);
    }
  }
  /// body(row of the scores, first key of the block's, one past the last).
  template <class Body>
  void rows(const Block& block, const Body& body) const {
    for (std::int64_t s = 0; s < p_.shared(); ++s)
      for (std::int64_t r = 0; r < block.rows; ++r) {
        const std::int64_t t = block.begin + r;
        body(s * block.rows + r, p_.first_of(b_, t) - block.key, t + 1 - block.key);
      }
  }
  void hide(const Block& block, float* row, std::int64_t from, std::int64_t end) const {
    const std::uint8_t* seen = p_.seen_of(b_);
    if (!seen) return;
    for (std::int64_t s = from; s < end; ++s)
      if (!seen[block.key + s]) row[s] = kNever;
  }

  const Plan& p_;
  std::int64_t b_, g_;
};

/// A matrix in somebody else's memory.
Tensor view_of(float* data, std::int64_t rows, std::int64_t columns, std::int64_t stride) {
  return at::from_blob(data, {rows, columns}, {stride, 1}, at::TensorOptions().dtype(at::kFloat));
}

/// Rows of heads of keys in [N, G·K].
Tensor rows_of(const Tensor& kv_NC, const Plan& plan, std::int64_t b, std::int64_t g, const Block& block) {
  float* at = const_cast<float*>(kv_NC.const_data_ptr<float>()) +
              ((b * plan.attend.length + block.key) * plan.groups + g) * plan.width;
  return view_of(at, block.keys, plan.width, plan.groups * plan.width);
}

/// Working memory of one thread's piece.
struct Desk {
  std::vector<float> q, k, scores, d, out, dout, dk;
  float* of(std::vector<float>& v, std::int64_t n) const {
    if (static_cast<std::int64_t>(v.size()) < n) v.resize(static_cast<std::size_t>(n));
    return v.data();
  }
};

void forward_group(const Plan& plan, std::int64_t b, std::int64_t g, const Tensor& q_NC, const Tensor& k_NC,
                   const Tensor& v_NC, float* out_NC, float* lse, Desk& desk) {
  const HeadGroup group(plan, b, g);
  const std::int64_t shared = plan.shared(), width = plan.width, length = plan.attend.length;
  float* k = desk.of(desk.k, length * width);
  group.keys_in(k_NC.const_data_ptr<float>(), k);
  float* sums = lse + (b * plan.groups + g) * shared * length;
  for (const Block& block : plan.blocks_of(b)) {
    const std::int64_t rows = shared * block.rows;
    float* q = desk.of(desk.q, rows * width);
    group.gather(q_NC.const_data_ptr<float>(), block, true, q);
    Tensor scores = view_of(desk.of(desk.scores, rows * block.keys), rows, block.keys, block.keys);
    at::mm_out(scores, view_of(q, rows, width, width), view_of(k + block.key * width, block.keys, width, width).t());
    group.soften(block, desk.scores.data(), sums + shared * block.begin);
    Tensor out = view_of(desk.of(desk.out, rows * width), rows, width, width);
    at::mm_out(out, scores, rows_of(v_NC, plan, b, g, block));
    group.scatter(desk.out.data(), block, false, out_NC);
  }
}

/// What the backward pass of one group reads and adds to.
struct Slopes {
  const Tensor &q_NC, &k_NC, &v_NC, &out_NC, &dout_NC;
  const float* lse;
  float *dq_NC, *dk_NC;
  const Tensor& dv_NC;
};

void backward_group(const Plan& plan, std::int64_t b, std::int64_t g, const Slopes& s, Desk& desk) {
  const HeadGroup group(plan, b, g);
  const std::int64_t shared = plan.shared(), width = plan.width, length = plan.attend.length;
  float* k = desk.of(desk.k, length * width);
  group.keys_in(s.k_NC.const_data_ptr<float>(), k);
  float* dk = desk.of(desk.dk, length * width);
  std::fill_n(dk, length * width, 0.0f);
  const float* sums = s.lse + (b * plan.groups + g) * shared * length;
  for (const Block& block : plan.blocks_of(b)) {
    const std::int64_t rows = shared * block.rows;
    float* q = desk.of(desk.q, rows * width);
    float* out = desk.of(desk.out, rows * width);
    float* dout = desk.of(desk.dout, rows * width);
    group.gather(s.q_NC.const_data_ptr<float>(), block, true, q);
    group.gather(s.out_NC.const_data_ptr<float>(), block, false, out);
    group.gather(s.dout_NC.const_data_ptr<float>(), block, false, dout);
    const Tensor q_RK = view_of(q, rows, width, width), dout_RK = view_of(dout, rows, width, width);
    const Tensor k_SK = view_of(k + block.key * width, block.keys, width, width);
    Tensor w_RS = view_of(desk.of(desk.scores, rows * block.keys), rows, block.keys, block.keys);
    Tensor d_RS = view_of(desk.of(desk.d, rows * block.keys), rows, block.keys, block.keys);
    at::mm_out(w_RS, q_RK, k_SK.t());
    group.soften_again(block, desk.scores.data(), sums + shared * block.begin);
    Tensor dv_SK = rows_of(s.dv_NC, plan, b, g, block);
    at::addmm_out(dv_SK, dv_SK, w_RS.t(), dout_RK);
    at::mm_out(d_RS, dout_RK, rows_of(s.v_NC, plan, b, g, block).t());
    for (std::int64_t i = 0; i < rows; ++i) {
      const float mean = dot(out + i * width, dout + i * width, width);
      unsoften(desk.scores.data() + i * block.keys, desk.d.data() + i * block.keys, mean, plan.scale(), block.keys);
    }
    Tensor dk_SK = view_of(dk + block.key * width, block.keys, width, width);
    at::addmm_out(dk_SK, dk_SK, d_RS.t(), q_RK);
    Tensor dq_RK = view_of(out, rows, width, width);
    at::mm_out(dq_RK, d_RS, k_SK);
    group.scatter(out, block, true, s.dq_NC);
  }
  group.keys_out(dk, s.dk_NC);
}

/// body(row of the batch, head of keys, working memory), shared out.
void for_each_group(const Plan& plan, const std::function<void(std::int64_t, std::int64_t, Desk&)>& body) {
  nn::parallel_ranges(plan.attend.batch * plan.groups, 1, [&](std::int64_t begin, std::int64_t end) {
    const at::NoGradGuard no_grad;
    Desk desk;
    for (std::int64_t i = begin; i < end; ++i) body(i / plan.groups, i % plan.groups, desk);
  });
}

struct Attention : Function<Attention> {
  static Tensor forward(AutogradContext* context, const Tensor& q, const Tensor& k, const Tensor& v,
                        const c10::intrusive_ptr<Plan>& plan) {
    const Tensor q_NC = q.contiguous(), k_NC = k.contiguous(), v_NC = v.contiguous();
    Tensor out_NC = at::empty(q_NC.sizes(), q_NC.options());
    Tensor lse = at::empty({plan->attend.batch * plan->heads * plan->attend.length}, q_NC.options());
    float *out = out_NC.mutable_data_ptr<float>(), *sums = lse.mutable_data_ptr<float>();
    for_each_group(*plan, [&](std::int64_t b, std::int64_t g, Desk& desk) {
      forward_group(*plan, b, g, q_NC, k_NC, v_NC, out, sums, desk);
    });
    context->save_for_backward({q_NC, k_NC, v_NC, out_NC, lse});
    context->saved_data["plan"] = c10::IValue::make_capsule(plan);
    return out_NC;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const auto capsule = context->saved_data["plan"].toCapsule();
    const Plan& plan = static_cast<const Plan&>(*capsule);
    const Tensor dout_NC = gradients[0].contiguous();
    Tensor dq_NC = at::empty(saved[0].sizes(), dout_NC.options()),
           dk_NC = at::empty(saved[1].sizes(), dout_NC.options());
    Tensor dv_NC = at::zeros(saved[2].sizes(), dout_NC.options());
    const Slopes slopes{saved[0],
                        saved[1],
                        saved[2],
                        saved[3],
                        dout_NC,
                        saved[4].const_data_ptr<float>(),
                        dq_NC.mutable_data_ptr<float>(),
                        dk_NC.mutable_data_ptr<float>(),
                        dv_NC};
    for_each_group(plan, [&](std::int64_t b, std::int64_t g, Desk& desk) { backward_group(plan, b, g, slopes, desk); });
    return {dq_NC, dk_NC, dv_NC, {}};
  }
};

/// x_NC [N, heads·K] turned → [B, heads, T, K].
Tensor turned(const Tensor& x_NC, std::int64_t width, const Attend& attend) {
  const std::int64_t heads = x_NC.size(1) / width, half = width / 2;
  const Tensor x_NHK = x_NC.view({-1, heads, width});
  const Tensor cos = attend.cos_NK.to(x_NC.device()).unsqueeze(1), sin = attend.sin_NK.to(x_NC.device()).unsqueeze(1);
  const Tensor a = x_NHK.narrow(2, 0, half), b = x_NHK.narrow(2, half, half);
  const Tensor out = at::cat({a * cos - b * sin, b * cos + a * sin}, 2);
  return out.view({attend.batch, attend.length, heads, width}).transpose(1, 2);
}

}  // namespace

Tensor dense_attention(const Tensor& q_NC, const Tensor& k_NC, const Tensor& v_NC, std::int64_t head_width,
                       const Attend& attend) {
  const std::int64_t length = attend.length, groups = k_NC.size(1) / head_width;
  const std::int64_t shared = q_NC.size(1) / k_NC.size(1);
  Tensor mask_BTS = at::zeros({attend.batch, length, length}, at::TensorOptions().dtype(at::kByte));
  auto* mask = mask_BTS.mutable_data_ptr<std::uint8_t>();
  for (std::int64_t n = 0; n < attend.batch * length; ++n) {
    const std::int64_t t = n % length, b = n / length;
    const std::int64_t from = attend.first.empty() ? 0 : attend.first[static_cast<std::size_t>(n)];
    for (std::int64_t s = from; s <= t; ++s)
      mask[n * length + s] = attend.seen.empty() || attend.seen[static_cast<std::size_t>(b * length + s)];
  }
  const Tensor seen = mask_BTS.to(q_NC.device()).to(at::kBool).unsqueeze(1);
  const auto spread = [&](const Tensor& x_BGTK) {
    return x_BGTK.unsqueeze(2)
        .expand({attend.batch, groups, shared, length, head_width})
        .reshape({attend.batch, groups * shared, length, head_width});
  };
  const Tensor q = turned(q_NC, head_width, attend), k = spread(turned(k_NC, head_width, attend));
  const Tensor v = spread(v_NC.view({attend.batch, length, groups, head_width}).transpose(1, 2));
  const Tensor scores = at::matmul(q, k.transpose(2, 3)) / std::sqrt(static_cast<double>(head_width));
  const Tensor hidden = seen.logical_not();
  // A row that sees nothing would be 0/0: it gives zeros.
  Tensor weights = at::softmax(scores.masked_fill(hidden, -1e30), -1).masked_fill(hidden, 0.0);
  return at::matmul(weights, v).transpose(1, 2).reshape({attend.batch * length, -1});
}

Tensor attention(const Tensor& q_NC, const Tensor& k_NC, const Tensor& v_NC, std::int64_t head_width,
                 const Attend& attend) {
  if (!q_NC.is_cpu()) return dense_attention(q_NC, k_NC, v_NC, head_width, attend);
  auto plan = c10::make_intrusive<Plan>();
  plan->attend = attend;
  plan->heads = q_NC.size(1) / head_width;
  plan->groups = k_NC.size(1) / head_width;
  plan->width = head_width;
  return Attention::apply(q_NC, k_NC, v_NC, plan);
}

}  // namespace timbre::llasa
