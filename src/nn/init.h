#pragma once
#include "nn/shapes.h"

/// First values of parameters, from our counter-based generator: they depend only on the seed and on how many
/// parameters were drawn before, never on the thread count or on LibTorch's generators.
namespace timbre::nn {

/// While it lives, layers constructed on this thread draw from `seed`. Without one, seed 0 is used.
class InitSeed {
 public:
  explicit InitSeed(std::uint64_t seed);
  ~InitSeed();
  InitSeed(const InitSeed&) = delete;
  InitSeed& operator=(const InitSeed&) = delete;

 private:
  std::uint64_t old_seed_, old_count_;
};

/// While it lives, layers constructed on this thread leave their memory as it comes: for networks whose every number is
/// loaded right away.
class InitNothing {
 public:
  InitNothing();
  ~InitNothing();
  InitNothing(const InitNothing&) = delete;
  InitNothing& operator=(const InitNothing&) = delete;

 private:
  bool before_;
};

Tensor init_uniform(at::IntArrayRef shape, double low, double high);
Tensor init_normal(at::IntArrayRef shape, double mean, double deviation);
/// Glorot & Bengio 2010: U(±gain·√(6/(fan_in+fan_out))); fan of a convolution counts its taps.
Tensor init_xavier_uniform(at::IntArrayRef shape, double gain = 1.0);
/// torch's default for Linear and Conv: U(±1/√fan_in).
Tensor init_default(at::IntArrayRef shape, std::int64_t fan_in);
Tensor init_constant(at::IntArrayRef shape, double value);

}  // namespace timbre::nn
