#pragma once
#include "models/valle/model_attention.h"

/// The fast way of model_attention.h, for 32-bit floats on the CPU: blocks of queries against the keys that they can
/// see at all, so that a causal half is never computed; heads are read where the projection put them; of the softmax
/// one array is kept for the way back, its signs saying what dropout took.
namespace timbre::valle {

Tensor blocked_self_attention(const Tensor& qkv_BS3, std::int64_t heads, const Attend& attend, std::int64_t first,
                              double dropout_p);
Tensor blocked_cross_attention(const Tensor& q_BTD, const Tensor& kv_BS2, std::int64_t heads, const Attend& attend,
                               double dropout_p);

}  // namespace timbre::valle
