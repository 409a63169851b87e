#pragma once
#include <cstdint>
#include <vector>

#include "nn/shapes.h"

/// Causal attention whose query heads share heads of keys and values (Ainslie et al. 2023), with rotary positions.
/// Letters: N = B·T tokens, H query heads, G heads of keys and values, K width of a head.
namespace timbre::llasa {

using nn::Tensor;

/// Who sees whom, and where everybody stands.
struct Attend {
  std::int64_t batch = 0, length = 0;  ///< B, T
  /// [B, T]: the first token that a query sees; a packed row begins anew with each utterance. Empty = 0.
  std::vector<std::int32_t> first;
  /// [B, T]: keys that nobody sees are 0. Empty = all are seen. A query that sees no key gives zeros.
  std::vector<std::uint8_t> seen;
  /// [N, K/2] in single precision.
  Tensor cos_NK, sin_NK;
};

/// softmax(rope(q)·rope(k)ᵀ/√K + mask)·v → [N, H·K]. q_NC [N, H·K], k_NC and v_NC [N, G·K]. Of the weights only one
/// number a row is kept (Dao et al. 2022); the gradients compute them again.
Tensor attention(const Tensor& q_NC, const Tensor& k_NC, const Tensor& v_NC, std::int64_t head_width,
                 const Attend& attend);

/// The same in plain operators with a dense mask: other devices, and the tests' reference.
Tensor dense_attention(const Tensor& q_NC, const Tensor& k_NC, const Tensor& v_NC, std::int64_t head_width,
                       const Attend& attend);

}  // namespace timbre::llasa
