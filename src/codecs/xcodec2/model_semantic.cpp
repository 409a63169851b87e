#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/glu.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "codecs/xcodec2/features.h"
#include "codecs/xcodec2/model.h"
#include "nn/attention.h"
#include "nn/threads.h"

namespace timbre::xcodec2 {
namespace {

/// Frames of wide hidden layers that exist at once.
constexpr std::int64_t kRows = 4096;

/// scores[i, j] += near[i, clamp(first + … )]: each query's products with the relative keys, spread over its row.
void add_distances(const Tensor& scores_BHQT, const Tensor& near_BHQR, std::int64_t first, std::int64_t left) {
  const std::int64_t Q = scores_BHQT.size(2), T = scores_BHQT.size(3), R = near_BHQR.size(3);
  float* scores = scores_BHQT.mutable_data_ptr<float>();
  const float* near = near_BHQR.const_data_ptr<float>();
  nn::parallel_ranges(scores_BHQT.size(0) * scores_BHQT.size(1) * Q, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t i = first + row % Q;
      float* to = scores + row * T;
      const float* from = near + row * R;
      // Key 0 stands for everything further back than `left`, the last one for everything further ahead.
      const std::int64_t far_before = std::clamp<std::int64_t>(i - left, 0, T);
      const std::int64_t far_after = std::clamp<std::int64_t>(i - left + R - 1, 0, T);
      for (std::int64_t j = 0; j < far_before; ++j) to[j] += from[0];
      for (std::int64_t j = far_before; j < far_after; ++j) to[j] += from[j - i + left];
      for (std::int64_t j = far_after; j < T; ++j) to[j] += from[R - 1];
    }
  });
}

}  // namespace

Tensor by_frames(const Tensor& x_BTD, std::int64_t rows, const std::function<Tensor(const Tensor&)>& body) {
  if (x_BTD.size(1) <= rows) return body(x_BTD);
  std::vector<Tensor> parts;
  for (std::int64_t t = 0; t < x_BTD.size(1); t += rows)
    parts.push_back(body(x_BTD.narrow(1, t, std::min(rows, x_BTD.size(1) - t))));
  return at::cat(parts, 1);
}

Tensor relative_attention(const Tensor& q_BHTK, const Tensor& k_BHTK, const Tensor& v_BHTK, const Tensor& keys_RK,
                          std::int64_t left) {
  const std::int64_t B = q_BHTK.size(0), H = q_BHTK.size(1), T = q_BHTK.size(2);
  const double scale = 1.0 / std::sqrt(static_cast<double>(q_BHTK.size(3)));
  constexpr std::int64_t kScores = 1 << 24;
  const std::int64_t block = std::clamp<std::int64_t>(kScores / std::max<std::int64_t>(1, B * H * T), 16, T);
  const Tensor k_BHKT = k_BHTK.transpose(2, 3);
  std::vector<Tensor> parts;
  for (std::int64_t first = 0; first < T; first += block) {
    const Tensor q_BHQK = q_BHTK.narrow(2, first, std::min(block, T - first)) * scale;
    const Tensor scores_BHQT = at::matmul(q_BHQK, k_BHKT).contiguous();
    add_distances(scores_BHQT, at::matmul(q_BHQK, keys_RK.t()).contiguous(), first, left);
    parts.push_back(at::matmul(at::softmax(scores_BHQT, -1), v_BHTK));
  }
  return parts.size() == 1 ? parts.front() : at::cat(parts, 2);
}

SemanticLayer::SemanticLayer(const Config& c)
    : heads_(c.semantic_heads),
      left_(c.left_distance),
      kernel_(c.semantic_kernel),
      ffn1_layer_norm_(c.semantic_width),
      ffn1_in_(c.semantic_width, c.semantic_ffn),
      ffn1_out_(c.semantic_ffn, c.semantic_width),
      self_attn_layer_norm_(c.semantic_width),
      linear_q_(c.semantic_width, c.semantic_width),
      linear_k_(c.semantic_width, c.semantic_width),
      linear_v_(c.semantic_width, c.semantic_width),
      linear_out_(c.semantic_width, c.semantic_width),
      distance_embedding_(c.left_distance + c.right_distance + 1, c.semantic_width / c.semantic_heads),
      conv_layer_norm_(c.semantic_width),
      pointwise_conv1_(c.semantic_width, 2 * c.semantic_width, {.bias = false}),
      depthwise_conv_(c.semantic_width, c.semantic_width,
                      {.kernel = c.semantic_kernel, .padding = 0, .groups = c.semantic_width, .bias = false}),
      depthwise_layer_norm_(c.semantic_width),
      pointwise_conv2_(c.semantic_width, c.semantic_width, {.bias = false}),
      ffn2_layer_norm_(c.semantic_width),
      ffn2_in_(c.semantic_width, c.semantic_ffn),
      ffn2_out_(c.semantic_ffn, c.semantic_width),
      final_layer_norm_(c.semantic_width) {
  child("ffn1_layer_norm", ffn1_layer_norm_);
  child("ffn1.intermediate_dense", ffn1_in_);
  child("ffn1.output_dense", ffn1_out_);
  child("self_attn_layer_norm", self_attn_layer_norm_);
  child("self_attn.linear_q", linear_q_);
  child("self_attn.linear_k", linear_k_);
  child("self_attn.linear_v", linear_v_);
  child("self_attn.linear_out", linear_out_);
  child("self_attn.distance_embedding", distance_embedding_);
  child("conv_module.layer_norm", conv_layer_norm_);
  child("conv_module.pointwise_conv1", pointwise_conv1_);
  child("conv_module.depthwise_conv", depthwise_conv_);
  child("conv_module.depthwise_layer_norm", depthwise_layer_norm_);
  child("conv_module.pointwise_conv2", pointwise_conv2_);
  child("ffn2_layer_norm", ffn2_layer_norm_);
  child("ffn2.intermediate_dense", ffn2_in_);
  child("ffn2.output_dense", ffn2_out_);
  child("final_layer_norm", final_layer_norm_);
}

Tensor SemanticLayer::feed_forward(const nn::LayerNorm& norm, const nn::Linear& in, const nn::Linear& out,
                                   const Tensor& x_BTD) const {
  return by_frames(x_BTD, kRows,
                   [&](const Tensor& rows_BTD) { return out.forward(at::silu(in.forward(norm.forward(rows_BTD)))); });
}

Tensor SemanticLayer::attend(const Tensor& x_BTD) const {
  const Tensor x = self_attn_layer_norm_.forward(x_BTD);
  const auto heads = [&](const nn::Linear& linear) { return nn::split_heads(linear.forward(x), heads_); };
  return linear_out_.forward(nn::join_heads(
      relative_attention(heads(linear_q_), heads(linear_k_), heads(linear_v_), distance_embedding_.weight, left_)));
}

Tensor SemanticLayer::convolve(const Tensor& x_BTD) const {
  Tensor x = at::glu(pointwise_conv1_.forward_BTC(conv_layer_norm_.forward(x_BTD)), 2);
  x = depthwise_conv_.forward_BTC(at::constant_pad_nd(x, {0, 0, kernel_ - 1, 0}));  // sees no frame to come
  return pointwise_conv2_.forward_BTC(at::silu(depthwise_layer_norm_.forward(x)));
}

Tensor SemanticLayer::forward(const Tensor& given_BTD, const Probe& probe, const std::string& at) const {
  const auto seen = [&](const char* name, const Tensor& value) -> const Tensor& {
    if (probe) probe(at + name, value);
    return value;
  };
  Tensor x_BTD = given_BTD;
  x_BTD = x_BTD + seen(".ffn1", feed_forward(ffn1_layer_norm_, ffn1_in_, ffn1_out_, x_BTD)) * 0.5;
  x_BTD = x_BTD + seen(".self_attn", attend(x_BTD));
  x_BTD = x_BTD + seen(".conv_module", convolve(x_BTD));
  x_BTD = x_BTD + seen(".ffn2", feed_forward(ffn2_layer_norm_, ffn2_in_, ffn2_out_, x_BTD)) * 0.5;
  return seen("", final_layer_norm_.forward(x_BTD));
}

SemanticModel::SemanticModel(const Config& config)
    : layer_norm_(kFeatureWidth), projection_(kFeatureWidth, config.semantic_width) {
  child("feature_projection.layer_norm", layer_norm_);
  child("feature_projection.projection", projection_);
  for (std::int64_t i = 0; i < config.semantic_layers; ++i) {
    layers_.push_back(std::make_unique<SemanticLayer>(config));
    child(fmt::format("encoder.layers.{}", i), *layers_.back());
  }
}

Tensor SemanticModel::forward(const Tensor& features_BTC, const Probe& probe) const {
  Tensor x_BTD = projection_.forward(layer_norm_.forward(features_BTC));
  if (probe) probe("semantic.feature_projection", x_BTD);
  for (std::size_t i = 0; i < layers_.size(); ++i)
    x_BTD = layers_[i]->forward(x_BTD, probe, fmt::format("semantic.layer{}", i));
  return x_BTD;
}

SemanticAdapter::SemanticAdapter(const Config& c)
    : initial_conv_(c.semantic_width, c.semantic_width, {.kernel = 3, .bias = false}),
      conv1_(c.semantic_width, c.semantic_width, {.kernel = 3}),
      conv3_(c.semantic_width, c.semantic_width, {.kernel = 3}),
      final_conv_(c.semantic_width, c.semantic_width, {.kernel = 3, .bias = false}) {
  child("initial_conv", initial_conv_);
  child("residual_blocks.1", conv1_);
  child("residual_blocks.3", conv3_);
  child("final_conv", final_conv_);
}

Tensor SemanticAdapter::forward_BTC(const Tensor& x_BTC) const {
  // The published code rectifies in place: what is added again is the rectified one.
  const Tensor r_BTC = at::relu(initial_conv_.forward_BTC(x_BTC));
  return final_conv_.forward_BTC(conv3_.forward_BTC(at::relu(conv1_.forward_BTC(r_BTC))) + r_BTC);
}

}  // namespace timbre::xcodec2
