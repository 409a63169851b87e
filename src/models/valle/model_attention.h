#pragma once
#include <vector>

#include "nn/shapes.h"

/// Attention over [text | audio] (Wang et al. 2023 §4.2), from one packed projection, without a dense mask.
/// Letters: S keys, T = S − first queries, D = H·K.
namespace timbre::valle {

using nn::Tensor;

/// Who sees whom. Keys come in two stretches, [0, lead) and [lead, S), each with padding at its end.
struct Attend {
  std::int64_t lead = 0;                ///< text keys
  std::vector<std::int64_t> lead_lens;  ///< B: text keys that are no padding; empty = all of them
  std::vector<std::int64_t> tail_lens;  ///< B: the same of the rest
  /// Text queries see the text alone; audio queries the text and the audio up to themselves. Otherwise all see all.
  bool causal = false;
};

/// softmax(q·kᵀ/√K + mask)·v with dropout of the weights. qkv_BS3: [B, S, 3·D], queries, keys and values side by side;
/// the result is [B, S − first, D], of the queries from `first` on. Every query must see a key.
Tensor self_attention(const Tensor& qkv_BS3, std::int64_t heads, const Attend& attend, std::int64_t first,
                      double dropout_p, bool training);

/// The same of queries over a memory: q_BTD, kv_BS2 [B, S, 2·D]; attend.causal must be off.
Tensor cross_attention(const Tensor& q_BTD, const Tensor& kv_BS2, std::int64_t heads, const Attend& attend,
                       double dropout_p, bool training);

/// What both compute, in plain operators with a dense mask: other devices and number types, and the tests' reference.
Tensor dense_attention(const Tensor& q_BTD, const Tensor& k_BSD, const Tensor& v_BSD, std::int64_t heads,
                       const Attend& attend, std::int64_t first, double dropout_p, bool training);

}  // namespace timbre::valle
