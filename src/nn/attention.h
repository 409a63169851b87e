#pragma once
#include "nn/shapes.h"

namespace timbre::nn {

/// softmax(q·kᵀ·scale + mask)·v (Vaswani et al. 2017 §3.2.1). pad_BT (bool, true = padding, may be undefined) hides
/// keys. scale 0 = 1/√K. Returns out_BHTK; weights_BHTS, when asked for, gets the softmax (of the S keys).
Tensor attention(const Tensor& q_BHTK, const Tensor& k_BHSK, const Tensor& v_BHSK, const Tensor& pad_BS,
                 double scale = 0.0, double dropout_p = 0.0, bool training = false, Tensor* weights_BHTS = nullptr);

/// [B, T, H·K] → [B, H, T, K] (a view) and back (a copy).
Tensor split_heads(const Tensor& x_BTD, std::int64_t heads);
Tensor join_heads(const Tensor& x_BHTK);

}  // namespace timbre::nn
