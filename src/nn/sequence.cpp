#include "nn/sequence.h"

#include <ATen/ops/abs.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/cumsum.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <cstring>

#include "nn/simd.h"
#include "nn/threads.h"

namespace timbre::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

std::int64_t longest(const Tensor& durations_BP) {
  return durations_BP.size(0) == 0 ? 0 : durations_BP.sum(1).max().item<std::int64_t>();
}

/// Rows repeated by durations: a copy forward, a sum of neighbouring rows backward. Floats on the CPU.
struct Repeat : Function<Repeat> {
  static Tensor forward(AutogradContext* context, const Tensor& x_in, const Tensor& durations_BP,
                        std::int64_t frames_max) {
    const Tensor x = x_in.contiguous(), durations = durations_BP.contiguous();
    context->save_for_backward({durations});
    const std::int64_t B = x.size(0), P = x.size(1), D = x.size(2);
    Tensor out = at::empty({B, frames_max, D}, x.options());
    const float* from = x.const_data_ptr<float>();
    const std::int64_t* d = durations.const_data_ptr<std::int64_t>();
    float* to = out.mutable_data_ptr<float>();
    parallel_ranges(B, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        std::int64_t f = 0;
        for (std::int64_t p = 0; p < P; ++p)
          for (std::int64_t i = 0; i < d[b * P + p] && f < frames_max; ++i, ++f)
            std::memcpy(to + (b * frames_max + f) * D, from + (b * P + p) * D,
                        sizeof(float) * static_cast<std::size_t>(D));
        std::memset(to + (b * frames_max + f) * D, 0, sizeof(float) * static_cast<std::size_t>((frames_max - f) * D));
      }
    });
    return out;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const Tensor durations = context->get_saved_variables()[0], dy = gradients[0].contiguous();
    const std::int64_t B = durations.size(0), P = durations.size(1), frames_max = dy.size(1), D = dy.size(2);
    Tensor dx = at::zeros({B, P, D}, dy.options());
    const float* from = dy.const_data_ptr<float>();
    const std::int64_t* d = durations.const_data_ptr<std::int64_t>();
    float* to = dx.mutable_data_ptr<float>();
    parallel_ranges(B, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        std::int64_t f = 0;
        for (std::int64_t p = 0; p < P; ++p)
          for (std::int64_t i = 0; i < d[b * P + p] && f < frames_max; ++i, ++f)
            simd::add(from + (b * frames_max + f) * D, to + (b * P + p) * D, D);
      }
    });
    return {dx, {}, {}};
  }
};

Tensor masked_difference(const Tensor& a, const Tensor& b, const Tensor& pad_BT) {
  Tensor difference = a - b;
  if (!pad_BT.defined()) return difference;
  Tensor pad = pad_BT;
  while (pad.dim() < difference.dim()) pad = pad.unsqueeze(-1);
  return difference.masked_fill(pad, 0);
}

}  // namespace

Tensor padding_mask(const Tensor& lengths_B, std::int64_t length_max) {
  return at::arange(length_max, lengths_B.options()).unsqueeze(0) >= lengths_B.unsqueeze(1);
}

Tensor sinusoid_positions(std::int64_t count, std::int64_t dim, std::int64_t first) {
  Tensor table = at::empty({count, dim}, at::TensorOptions(at::kFloat));
  float* to = table.mutable_data_ptr<float>();
  for (std::int64_t row = 0; row < count; ++row)
    for (std::int64_t j = 0; j < dim; ++j) {
      // In double, then rounded once: the references build the table with numpy.
      const double angle = static_cast<double>(first + row) /
                           std::pow(10000.0, 2.0 * static_cast<double>(j / 2) / static_cast<double>(dim));
      to[row * dim + j] = static_cast<float>(j % 2 == 0 ? std::sin(angle) : std::cos(angle));
    }
  return table;
}

Tensor length_regulate(const Tensor& x_BPD, const Tensor& durations_BP, std::int64_t frames_max) {
  expect_shape(durations_BP, {x_BPD.size(0), x_BPD.size(1)}, "length_regulate: durations_BP");
  if (frames_max == 0) frames_max = longest(durations_BP);
  if (x_BPD.device().is_cpu() && x_BPD.scalar_type() == at::kFloat && durations_BP.scalar_type() == at::kLong)
    return Repeat::apply(x_BPD, durations_BP, frames_max);
  const Tensor positions_BF = frame_positions(durations_BP, frames_max);
  const Tensor with_zero = at::constant_pad_nd(x_BPD, {0, 0, 0, 1});  // row P: what frames beyond the end take
  return at::gather(with_zero, 1, positions_BF.unsqueeze(-1).expand({-1, -1, x_BPD.size(2)}));
}

Tensor frame_positions(const Tensor& durations_BP, std::int64_t frames_max) {
  if (frames_max == 0) frames_max = longest(durations_BP);
  const std::int64_t B = durations_BP.size(0), P = durations_BP.size(1);
  const Tensor here = durations_BP.to(at::kCPU, at::kLong).contiguous();
  Tensor out = at::full({B, frames_max}, P, at::TensorOptions(at::kLong));
  const std::int64_t* d = here.const_data_ptr<std::int64_t>();
  std::int64_t* to = out.mutable_data_ptr<std::int64_t>();
  for (std::int64_t b = 0; b < B; ++b) {
    std::int64_t f = 0;
    for (std::int64_t p = 0; p < P; ++p)
      for (std::int64_t i = 0; i < d[b * P + p] && f < frames_max; ++i) to[b * frames_max + f++] = p;
  }
  return out.to(durations_BP.device());
}

Tensor masked_l1_sum(const Tensor& a_BTD, const Tensor& b_BTD, const Tensor& pad_BT) {
  return masked_difference(a_BTD, b_BTD, pad_BT).abs().sum();
}

Tensor masked_l2_sum(const Tensor& a, const Tensor& b, const Tensor& pad_BT) {
  const Tensor difference = masked_difference(a, b, pad_BT);
  return (difference * difference).sum();
}

}  // namespace timbre::nn
