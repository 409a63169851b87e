#pragma once
#include <cstdint>

#include "nn/shapes.h"

/// Cross-entropy over a large vocabulary, only where there is a target, and never with all logits in memory.
/// N: rows with a target.
namespace timbre::llasa {

using nn::Tensor;

/// How much is computed at once.
struct LossOptions {
  std::int64_t chunk_bytes = 128 << 20;  ///< of logits in memory
  /// What the loss will be multiplied by before its gradient is taken, if known (1 / number of targets): gradients are
  /// then right as they are made. Any other factor costs a pass over the gradient of the head.
  double factor = 1;
};

/// Σ of −log p(target) as a scalar. hidden_ND: after the final norm; targets_N int64; head_VD [V, D]. Where gradients
/// are recorded, they are computed here, chunk by chunk, while the logits are there; backward only hands them on, that
/// of the head straight into head_VD.grad(). `nll_N`, when given, gets every single one.
Tensor head_loss(const Tensor& hidden_ND, const Tensor& targets_N, const Tensor& head_VD,
                 const LossOptions& options = {}, Tensor* nll_N = nullptr);

}  // namespace timbre::llasa
