#pragma once
#include <cstdint>

/// Softmax attention of one sequence on itself or on another.
namespace timbre::kernels {

struct Attention {
  std::int64_t queries = 0, keys = 0;  ///< rows
  std::int64_t heads = 1, width = 0;   ///< width of one head
  float scale = 1;                     ///< of the scores, usually 1/√width
  bool causal = false;                 ///< query t sees keys 0 … t + keys − queries
};

/// Floats of scratch that attention() needs.
std::int64_t attention_scratch(const Attention& shape);

/// out[t] = Σ_s softmax_s(scale · q[t]·k[s]) v[s] for every head; head h is columns h · width … of every array.
/// Rows of q, k and v begin `stride` floats apart (3 · heads · width for a joint projection); those of out are
/// heads · width long. scratch: 64-byte aligned.
void attention(const float* q_TD, const float* k_SD, const float* v_SD, std::int64_t stride, const Attention& shape,
               float* out_TD, float* scratch);

}  // namespace timbre::kernels
