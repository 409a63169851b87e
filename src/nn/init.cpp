#include "nn/init.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <cmath>

#include "base/rng.h"

namespace timbre::nn {
namespace {

struct Stream {
  std::uint64_t seed = 0, count = 0;
};
thread_local Stream stream;
thread_local bool draws_nothing = false;

/// Stream numbers of initial values start here, apart from those of data order and dropout.
constexpr std::uint64_t kInitStream = 1ull << 40;

template <class Draw>
Tensor fill(at::IntArrayRef shape, Draw draw) {
  Tensor out = at::empty(shape, at::TensorOptions(at::kFloat));
  if (draws_nothing) return out;
  Philox random(stream.seed, kInitStream + stream.count++);
  float* values = out.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < out.numel(); ++i) values[i] = static_cast<float>(draw(random));
  return out;
}

}  // namespace

InitSeed::InitSeed(std::uint64_t seed) : old_seed_(stream.seed), old_count_(stream.count) { stream = {seed, 0}; }
InitSeed::~InitSeed() { stream = {old_seed_, old_count_}; }

InitNothing::InitNothing() : before_(draws_nothing) { draws_nothing = true; }
InitNothing::~InitNothing() { draws_nothing = before_; }

Tensor init_uniform(at::IntArrayRef shape, double low, double high) {
  return fill(shape, [=](Philox& random) { return low + (high - low) * (random.next_u32() * 0x1p-32); });
}

Tensor init_normal(at::IntArrayRef shape, double mean, double deviation) {
  return fill(shape, [=](Philox& random) { return mean + deviation * random.normal(); });
}

Tensor init_xavier_uniform(at::IntArrayRef shape, double gain) {
  std::int64_t taps = 1;
  for (std::size_t i = 2; i < shape.size(); ++i) taps *= shape[i];
  const double bound = gain * std::sqrt(6.0 / static_cast<double>((shape[0] + shape[1]) * taps));
  return init_uniform(shape, -bound, bound);
}

Tensor init_default(at::IntArrayRef shape, std::int64_t fan_in) {
  const double bound = fan_in > 0 ? 1.0 / std::sqrt(static_cast<double>(fan_in)) : 0.0;
  return init_uniform(shape, -bound, bound);
}

Tensor init_constant(at::IntArrayRef shape, double value) {
  return at::full(shape, value, at::TensorOptions(at::kFloat));
}

}  // namespace timbre::nn
