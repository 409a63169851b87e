#include "models/llasa/engine_layers.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/threads.h"
#include "kernels/elementwise.h"
#include "kernels/tile.h"

namespace timbre::llasa {
namespace {

using kernels::kPanel;
using weights::DType;

std::size_t numbers(std::int64_t rows, std::int64_t channels) { return static_cast<std::size_t>(rows * channels); }

template <class T, class F>
void convert(const weights::Tensor& matrix, std::int64_t at, std::int64_t count, float* to, const F& number) {
  const T* from = reinterpret_cast<const T*>(matrix.data) + at;
  for (std::int64_t i = 0; i < count; ++i) to[i] = number(from[i]);
}

}  // namespace

void row_of(const weights::Tensor& matrix, std::int64_t row, std::int64_t from, std::int64_t count, float* to) {
  const std::int64_t at = row * matrix.shape.at(1) + from;
  const auto plain = [](auto value) { return static_cast<float>(value); };
  switch (matrix.dtype) {
    case DType::f32:
      return convert<float>(matrix, at, count, to, plain);
    case DType::bf16:
      return convert<weights::BF16>(matrix, at, count, to, [](weights::BF16 v) { return kernels::from_half(v.bits); });
    case DType::f16:
      return convert<weights::F16>(matrix, at, count, to, [](weights::F16 v) { return weights::to_float(v); });
    case DType::f64:
      return convert<double>(matrix, at, count, to, plain);
    default:
      throw DataError(fmt::format("weights of type {}: expected fp32, fp16 or bf16", weights::name_of(matrix.dtype)));
  }
}

void EngineEmbedding::row(std::int64_t id, float* to_D) const {
  const std::int64_t width = table_.shape.at(1);
  row_of(table_, id, 0, width, to_D);
  if (numbers_ == kernels::Numbers::bf16)
    for (std::int64_t i = 0; i < width; ++i) to_D[i] = kernels::from_half(kernels::to_half(to_D[i]));
}

void EngineNorm::run(const float* from_TD, std::int64_t rows, float* to_TD) const {
  kernels::rms_norm(from_TD, rows, static_cast<std::int64_t>(gain_D.size()), gain_D.data(), eps, to_TD);
}

LayerShape layer_shape(const Config& config) {
  return {.width = config.hidden_size,
          .wide = config.intermediate_size,
          .heads = config.num_attention_heads,
          .key_heads = config.num_key_value_heads,
          .head_dim = config.head_dim};
}

void turn(float* head, std::int64_t width, const float* cos, const float* sin) {
  const std::int64_t half = width / 2;
  for (std::int64_t i = 0; i < half; ++i) {
    const float a = head[i], b = head[half + i];
    head[i] = a * cos[i] - b * sin[i];
    head[half + i] = b * cos[i] + a * sin[i];
  }
}

/// x += attention(normed), for all rows at once.
void EngineLayer::attend(float* x_TD, const float* normed_TD, std::int64_t rows, const float* cos, const float* sin,
                         kernels::KvCache& cache, Scratch& scratch) const {
  const Scratch::Scope scope(scratch);
  const std::int64_t row = shape.qkv(), width = shape.head_dim, queries = shape.heads * width;
  const std::int64_t keys = shape.key_heads * width;
  float* qkv_T = scratch.take(numbers(rows, row));
  float* heard_T = scratch.take(numbers(rows, queries));
  qkv->run(normed_TD, shape.width, rows, qkv_T, row, false);
  for (std::int64_t t = 0; t < rows; ++t)
    for (std::int64_t h = 0; h < shape.heads + shape.key_heads; ++h)
      turn(qkv_T + t * row + h * width, width, cos + t * (width / 2), sin + t * (width / 2));
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(width)));
  cache.append(qkv_T + queries, qkv_T + queries + keys, row, rows, scale);
  const std::int64_t parts = std::min<std::int64_t>(thread_count(), shape.key_heads);
  const auto piece = static_cast<std::int64_t>((cache.scratch() + 15) / 16 * 16);
  float* work = scratch.take(numbers(parts, piece));
  parallel_for(static_cast<std::size_t>(parts), [&](std::size_t i) {
    const auto part = static_cast<int>(i);
    const Share heads = share_of(shape.key_heads, part, static_cast<int>(parts));
    cache.attend_rows(qkv_T, row, rows, heads.first, heads.last, heard_T, queries, work + part * piece);
  });
  out->run(heard_T, queries, rows, x_TD, shape.width, true);
}

void EngineLayer::run(float* x_TD, std::int64_t rows, const float* cos, const float* sin, kernels::KvCache& cache,
                      Scratch& scratch) const {
  const Scratch::Scope scope(scratch);
  float* normed_TD = scratch.take(numbers(rows, shape.width));
  norm_attention.run(x_TD, rows, normed_TD);
  attend(x_TD, normed_TD, rows, cos, sin, cache, scratch);
  norm_inner.run(x_TD, rows, normed_TD);
  const std::int64_t pairs = shape.wide_panels(), row = 2 * pairs * kPanel;
  float* both_TF = scratch.take(numbers(rows, row));
  gate_up->run(normed_TD, shape.width, rows, both_TF, row, false);
  for (std::int64_t t = 0; t < rows; ++t) {  // in place: pair p goes to where it or one before it was
    float* both_F = both_TF + t * row;
    for (std::int64_t p = 0; p < pairs; ++p)
      kernels::silu_times(both_F + 2 * p * kPanel, both_F + (2 * p + 1) * kPanel, both_F + p * kPanel, kPanel);
  }
  down->run(both_TF, row, rows, x_TD, shape.width, true);
}

void EngineLayer::step(const StepRoom& room, kernels::KvCache& cache, int member, Team& team) const {
  const int members = team.members();
  const auto multiply = [&](const kernels::PanelMatrix& matrix, const float* from, float* to, bool onto) {
    const Share share = share_of(matrix.panels(), member, members);
    if (share.first < share.last) matrix.step(from, to, share.first, share.last, onto);
  };
  float* normed_D = room.normed_D[static_cast<std::size_t>(member)];
  norm_attention.run(room.x_D, 1, normed_D);  // everybody for themselves: cheaper than waiting
  multiply(*qkv, normed_D, room.qkv, false);
  team.meet();
  const std::int64_t width = shape.head_dim, sharing = shape.heads / shape.key_heads;
  const Share heads = share_of(shape.key_heads, member, members);
  float *k = room.qkv + shape.heads * width, *v = k + shape.key_heads * width;
  for (std::int64_t h = heads.first * sharing; h < heads.last * sharing; ++h)
    turn(room.qkv + h * width, width, room.cos, room.sin);
  for (std::int64_t h = heads.first; h < heads.last; ++h) turn(k + h * width, width, room.cos, room.sin);
  cache.put(k, v, heads.first, heads.last, static_cast<float>(1 / std::sqrt(static_cast<double>(width))));
  cache.attend(room.qkv, heads.first, heads.last, cache.length() + 1, room.heard,
               room.work[static_cast<std::size_t>(member)]);
  team.meet();
  multiply(*out, room.heard, room.x_D, true);
  team.meet();
  norm_inner.run(room.x_D, 1, normed_D);
  const Share pairs = share_of(shape.wide_panels(), member, members);
  if (pairs.first < pairs.last) gate_up->step(normed_D, room.both_F, 2 * pairs.first, 2 * pairs.last, false);
  for (std::int64_t p = pairs.first; p < pairs.last; ++p)
    kernels::silu_times(room.both_F + 2 * p * kPanel, room.both_F + (2 * p + 1) * kPanel, room.inner_F + p * kPanel,
                        kPanel);
  team.meet();
  multiply(*down, room.inner_F, room.x_D, true);
  team.meet();
}

}  // namespace timbre::llasa
