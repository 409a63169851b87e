#include "nn/dropout.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/ones.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "base/rng.h"
#include "nn/simd.h"
#include "nn/threads.h"

namespace timbre::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

struct Stream {
  std::uint64_t key = 0, call = 0;
};
thread_local Stream stream;

/// Splitmix64's finaliser: spreads related numbers over all bits.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

/// y = x·mask/(1-p) + residual. Floats on the CPU only.
Tensor masked(const Tensor& x_in, const Tensor& residual_in, double p, simd::NoiseKey key) {
  const Tensor x = x_in.contiguous();
  const Tensor residual = residual_in.defined() ? residual_in.contiguous() : residual_in;
  Tensor out = at::empty_like(x);
  const auto threshold = static_cast<std::uint32_t>(std::lround(p * 65536.0));
  const auto scale = static_cast<float>(1.0 / (1.0 - p));
  const float* from = x.const_data_ptr<float>();
  const float* add_to = residual.defined() ? residual.const_data_ptr<float>() : nullptr;
  float* to = out.mutable_data_ptr<float>();
  const std::int64_t count = x.numel(), blocks = (count + simd::kNoiseBlock - 1) / simd::kNoiseBlock;
  parallel_ranges(blocks, 128, [&](std::int64_t begin, std::int64_t end) {
    simd::dropout(from, add_to, to, count, key, threshold, scale, begin, end);
  });
  return out;
}

struct Drop : Function<Drop> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const std::optional<Tensor>& residual, double p,
                        std::int64_t key, std::int64_t call) {
    context->saved_data["p"] = p;
    context->saved_data["key"] = key;
    context->saved_data["call"] = call;
    context->saved_data["residual"] = residual.has_value();
    return masked(x, residual.value_or(Tensor()), p,
                  {static_cast<std::uint64_t>(key), static_cast<std::uint64_t>(call)});
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const simd::NoiseKey key{static_cast<std::uint64_t>(context->saved_data["key"].toInt()),
                             static_cast<std::uint64_t>(context->saved_data["call"].toInt())};
    Tensor dx;
    if (context->needs_input_grad(0)) dx = masked(gradients[0], {}, context->saved_data["p"].toDouble(), key);
    return {dx, context->saved_data["residual"].toBool() ? gradients[0] : Tensor(), {}, {}, {}};
  }
};

/// Other number types and devices: a mask of the same stream, multiplied.
Tensor masked_elsewhere(const Tensor& x, double p, simd::NoiseKey key) {
  const at::NoGradGuard no_grad;
  return masked(at::ones(x.sizes(), at::TensorOptions(at::kFloat)), {}, p, key).to(x.options());
}

}  // namespace

NoiseScope::NoiseScope(std::uint64_t seed, std::uint64_t step, std::uint32_t micro, std::uint32_t rank)
    : old_key_(stream.key), old_call_(stream.call) {
  stream = {mix(mix(mix(seed) ^ step) ^ (static_cast<std::uint64_t>(rank) << 32 | micro)), 0};
}
NoiseScope::~NoiseScope() { stream = {old_key_, old_call_}; }

std::uint64_t next_noise_key() { return mix(stream.key ^ mix(stream.call++)); }

Tensor dropout(const Tensor& x, double p, bool training) {
  if (!training || p <= 0) return x;
  if (p >= 1) throw std::logic_error("dropout: p must be below 1");
  const simd::NoiseKey key{stream.key, stream.call++};
  if (!x.device().is_cpu() || x.scalar_type() != at::kFloat) return x * masked_elsewhere(x, p, key);
  return Drop::apply(x, std::optional<Tensor>(), p, static_cast<std::int64_t>(key.key),
                     static_cast<std::int64_t>(key.call));
}

Tensor dropout_add(const Tensor& x, const Tensor& residual, double p, bool training) {
  if (!training || p <= 0) return x + residual;
  if (!x.device().is_cpu() || x.scalar_type() != at::kFloat || residual.scalar_type() != at::kFloat ||
      x.sizes() != residual.sizes())
    return dropout(x, p, training) + residual;
  const simd::NoiseKey key{stream.key, stream.call++};
  return Drop::apply(x, std::optional<Tensor>(residual), p, static_cast<std::int64_t>(key.key),
                     static_cast<std::int64_t>(key.call));
}

Tensor noise_normal(at::IntArrayRef shape) {
  Tensor out = at::empty(shape, at::TensorOptions(at::kFloat));
  Philox random(next_noise_key());
  float* to = out.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < out.numel(); ++i) to[i] = static_cast<float>(random.normal());
  return out;
}

}  // namespace timbre::nn
