#pragma once
#include "nn/shapes.h"

/// Dropout whose masks are a function of (seed, step, micro-batch, rank, call), so a run that was stopped and
/// continued draws the same ones for any number of threads, and no generator state is saved.
namespace timbre::nn {

/// While it lives, dropout() on this thread draws from stream (seed, step); each call takes the next number. The
/// training loop opens one around every forward pass. Without one, a default stream runs on from call to call.
class NoiseScope {
 public:
  NoiseScope(std::uint64_t seed, std::uint64_t step, std::uint32_t micro = 0, std::uint32_t rank = 0);
  ~NoiseScope();
  NoiseScope(const NoiseScope&) = delete;
  NoiseScope& operator=(const NoiseScope&) = delete;

 private:
  std::uint64_t old_key_, old_call_;
};

/// A number for this call from the open stream: seeds any other noise a model wants (init_normal-like draws in the
/// step).
std::uint64_t next_noise_key();

/// Zeroes each element with probability p and scales the rest by 1/(1-p); returns x itself when p = 0 or not training.
/// The mask is drawn again in backward rather than kept. Philox 4×32 with 7 rounds, 16 bits an element.
Tensor dropout(const Tensor& x, double p, bool training);

/// dropout(x) + residual in one pass; the gradient goes to both.
Tensor dropout_add(const Tensor& x, const Tensor& residual, double p, bool training);

/// Standard normal numbers of that shape from the open stream (no gradient).
Tensor noise_normal(at::IntArrayRef shape);

}  // namespace timbre::nn
