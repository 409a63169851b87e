#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/scratch.h"
#include "base/team.h"
#include "kernels/kv_cache.h"
#include "kernels/panel_matrix.h"
#include "models/llasa/config.h"
#include "weights/tensor.h"

/// The parts of the decoder at inference, without LibTorch: model_layers.h says what they compute.
namespace timbre::llasa {

/// Numbers of one row of a matrix of any real number type, as floats.
void row_of(const weights::Tensor& matrix, std::int64_t row, std::int64_t from, std::int64_t count, float* to);

/// The table of tokens, as it is stored; rows come rounded to what the weights are kept in.
class EngineEmbedding {
 public:
  EngineEmbedding() = default;
  EngineEmbedding(weights::Tensor table, kernels::Numbers numbers) : table_(std::move(table)), numbers_(numbers) {}
  void row(std::int64_t id, float* to_D) const;

 private:
  weights::Tensor table_;
  kernels::Numbers numbers_ = kernels::Numbers::f32;
};

/// Root mean square norm.
struct EngineNorm {
  std::vector<float> gain_D;
  float eps = 0;
  /// to may be from.
  void run(const float* from_TD, std::int64_t rows, float* to_TD) const;
};

/// The sizes of a layer, heads of queries and of keys.
struct LayerShape {
  std::int64_t width = 0, wide = 0, heads = 0, key_heads = 0, head_dim = 0;
  std::int64_t qkv() const { return (heads + 2 * key_heads) * head_dim; }
  /// Inner numbers up to whole panels.
  std::int64_t wide_panels() const { return (wide + 31) / 32; }
};
LayerShape layer_shape(const Config& config);

/// Working memory of one position; pieces of whole panels.
struct StepRoom {
  float *x_D = nullptr, *qkv = nullptr, *heard = nullptr, *both_F = nullptr, *inner_F = nullptr;
  std::vector<float*> normed_D, work;  ///< of each member
  const float *cos = nullptr, *sin = nullptr;
};

/// One layer. Gate and up are one matrix whose panels take turns, so that a thread has both of what it multiplies.
struct EngineLayer {
  LayerShape shape;
  EngineNorm norm_attention, norm_inner;
  std::unique_ptr<kernels::PanelMatrix> qkv, out, gate_up, down;

  /// x in place; keys and values go to the cache. cos, sin: [rows, head_dim / 2].
  void run(float* x_TD, std::int64_t rows, const float* cos, const float* sin, kernels::KvCache& cache,
           Scratch& scratch) const;
  /// One member's part of one position; room.x_D in place.
  void step(const StepRoom& room, kernels::KvCache& cache, int member, Team& team) const;
  std::int64_t bytes() const { return qkv->bytes() + out->bytes() + gate_up->bytes() + down->bytes(); }

 private:
  void attend(float* x_TD, const float* normed_TD, std::int64_t rows, const float* cos, const float* sin,
              kernels::KvCache& cache, Scratch& scratch) const;
};

/// Turns pairs (i, i + width/2) of one head: cos, sin of this position, width/2 numbers each.
void turn(float* head, std::int64_t width, const float* cos, const float* sin);

}  // namespace timbre::llasa
