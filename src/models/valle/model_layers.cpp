#include "models/valle/model_layers.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/stack.h>

#include <cmath>

#include "models/valle/layout.h"
#include "models/valle/model_scaling.h"
#include "nn/dropout.h"
#include "nn/init.h"

namespace timbre::valle {
namespace {

constexpr double kTextPrenetDropout = 0.5;
constexpr double kEps = 1e-5;
constexpr std::int64_t kFirstPositions = 512;  ///< rows of a new position table

/// The balancers of a norm and of an activation.
constexpr BalancerOptions kNormBalance = {.min_positive = 0.45, .max_positive = 0.55, .max_abs = 6.0};
constexpr BalancerOptions kActivationBalance = {.max_abs = 10.0, .min_probability = 0.25};

/// Sines and cosines in 32-bit arithmetic from the start, as the reference has them: late rows differ by more than
/// rounding from nn::sinusoid_positions().
Tensor positions(std::int64_t count, std::int64_t width) {
  const auto floats = at::TensorOptions(at::kFloat);
  const Tensor rate_D = at::exp(at::arange(0, width, 2, floats) * -(std::log(10000.0) / static_cast<double>(width)));
  const Tensor angle_TD = at::arange(count, floats).unsqueeze(1) * rate_D;
  return at::stack({at::sin(angle_TD), at::cos(angle_TD)}, 2).flatten(1);
}

}  // namespace

TokenEmbedding::TokenEmbedding(std::int64_t rows, std::int64_t width) : word_embeddings(rows, width) {
  child("word_embeddings", word_embeddings);
}

Positions::Positions(std::int64_t width, Options options)
    : alpha_(parameter("alpha", nn::init_constant({1}, 1.0))),
      dropout_(options.dropout),
      table_TD_(positions(kFirstPositions, width)) {
  alpha_.requires_grad_(options.learned);
}

Tensor Positions::forward(const Tensor& x_BTD) const {
  const std::int64_t length = x_BTD.size(1);
  if (table_TD_.size(0) < length) table_TD_ = positions(2 * length, table_TD_.size(1));
  const Tensor table_TD = table_TD_.narrow(0, 0, length).to(x_BTD.device(), x_BTD.scalar_type());
  return nn::dropout(x_BTD + alpha_ * table_TD, dropout_, is_training());
}

TextPrenet::TextPrenet(std::int64_t width, Options options) : dropout_(options.dropout) {
  if (!options.on) return;
  for (const std::int64_t index : {1, 5, 9}) {
    stages_.push_back(std::make_unique<Stage>(width));
    child(std::to_string(index), stages_.back()->conv);
    child(std::to_string(index + 1), stages_.back()->norm);
  }
  last_ = std::make_unique<nn::Linear>(width, width);
  child("14", *last_);
}

Tensor TextPrenet::forward(const Tensor& x_BXD) const {
  if (!last_) return x_BXD;
  Tensor x = x_BXD;
  for (const auto& stage : stages_)
    x = nn::dropout(at::relu(stage->norm.forward_BTC(stage->conv.forward_BTC(x))), kTextPrenetDropout,
                    dropout_ && is_training());
  return last_->forward(x);
}

AudioPrenet::AudioPrenet(std::int64_t in, std::int64_t width, Options options) : dropout_(options.dropout) {
  if (!options.on) return;
  first_ = std::make_unique<nn::Linear>(in, kPrenetWidth);
  middle_ = std::make_unique<nn::Linear>(kPrenetWidth, kPrenetWidth);
  last_ = std::make_unique<nn::Linear>(kPrenetWidth, width);
  child("0", *first_);
  child("3", *middle_);
  child("6", *last_);
}

Tensor AudioPrenet::forward(const Tensor& x_BYD) const {
  if (!first_) return x_BYD;
  Tensor x = nn::dropout(at::relu(first_->forward(x_BYD)), dropout_, is_training());
  x = nn::dropout(at::relu(middle_->forward(x)), dropout_, is_training());
  return last_->forward(x);
}

Norm::Norm(std::int64_t width, NormKind kind) : kind_(kind) {
  if (kind == NormKind::plain) {
    weight_ = parameter("weight", nn::init_constant({width}, 1.0));
    bias_ = parameter("bias", nn::init_constant({width}, 0.0));
  } else if (kind == NormKind::adaptive) {
    project_ = std::make_unique<nn::Linear>(width, 2 * width);
    plain_ = std::make_unique<nn::LayerNorm>(width, kEps);
    child("project_layer", *project_);
    child("norm", *plain_);
  } else if (kind == NormKind::balanced) {
    balancer_ = std::make_unique<Balancer>(kNormBalance);
    child("balancer", *balancer_);
    eps_ = parameter("norm.eps", nn::init_constant({}, std::log(kEps)));
  }
}

Tensor Norm::forward(const Tensor& x_BTD, const Tensor& stage_1D) const {
  const std::int64_t width = x_BTD.size(2);
  switch (kind_) {
    case NormKind::plain:
      return at::layer_norm(x_BTD, {width}, weight_, bias_, kEps);
    case NormKind::adaptive: {
      // gain · (x̂ · w + b) + shift, as one layer norm with gain·w and gain·b + shift
      const Tensor both_2D = project_->forward(stage_1D).squeeze(0);
      const Tensor gain_D = both_2D.narrow(0, 0, width), shift_D = both_2D.narrow(0, width, width);
      return at::layer_norm(x_BTD, {width}, gain_D * plain_->weight, gain_D * plain_->bias + shift_D, kEps);
    }
    case NormKind::balanced:
      return basic_norm(dynamic_cast<const Balancer&>(*balancer_).forward(x_BTD), eps_, is_training());
    case NormKind::nothing:
      break;
  }
  return x_BTD;
}

MultiheadAttention::MultiheadAttention(std::int64_t width, std::int64_t heads, double dropout, double out_scale)
    : in_proj_weight_(parameter("in_proj_weight", nn::init_xavier_uniform({3 * width, width}))),
      in_proj_bias_(parameter("in_proj_bias", nn::init_constant({3 * width}, 0.0))),
      out_proj_(width, width),
      heads_(heads),
      dropout_(dropout) {
  const at::NoGradGuard no_grad;
  out_proj_.bias.zero_();
  out_proj_.weight.mul_(out_scale);
  child("out_proj", out_proj_);
}

Tensor MultiheadAttention::over_itself(const Tensor& x_BSD, const Attend& attend, std::int64_t first) const {
  const Tensor qkv_BS3 = at::linear(x_BSD, in_proj_weight_, in_proj_bias_);
  return out_proj_.forward(self_attention(qkv_BS3, heads_, attend, first, dropout_, is_training()));
}

Tensor MultiheadAttention::over_memory(const Tensor& x_BTD, const Tensor& memory_BSD, const Attend& attend) const {
  const std::int64_t width = x_BTD.size(2);
  const Tensor q_BTD = at::linear(x_BTD, in_proj_weight_.narrow(0, 0, width), in_proj_bias_.narrow(0, 0, width));
  const Tensor kv_BS2 =
      at::linear(memory_BSD, in_proj_weight_.narrow(0, width, 2 * width), in_proj_bias_.narrow(0, width, 2 * width));
  return out_proj_.forward(cross_attention(q_BTD, kv_BS2, heads_, attend, dropout_, is_training()));
}

namespace {

bool is_balanced(const StackOptions& o) { return o.norm == NormKind::balanced; }
/// Of balanced layers the last norm alone is one.
NormKind inner_norm(const StackOptions& o) { return is_balanced(o) ? NormKind::nothing : o.norm; }
double second_scale(const StackOptions& o) { return is_balanced(o) ? 0.01 : 1.0; }

}  // namespace

Layer::Layer(const StackOptions& o)
    : options_(o),
      self_attn_(o.width, o.heads, o.dropout, second_scale(o)),
      linear1_(o.width, 4 * o.width),
      linear2_(4 * o.width, o.width),
      norm1_(o.width, inner_norm(o)),
      norm2_(o.width, o.cross ? inner_norm(o) : o.norm) {
  child("self_attn", self_attn_);
  if (o.cross) {
    multihead_attn_ = std::make_unique<MultiheadAttention>(o.width, o.heads, o.dropout, second_scale(o));
    child("multihead_attn", *multihead_attn_);
  }
  child("linear1", linear1_);
  child("linear2", linear2_);
  if (is_balanced(o)) {
    const at::NoGradGuard no_grad;
    linear2_.weight.mul_(second_scale(o));
    linear2_.bias.mul_(second_scale(o));
    balancer_ = std::make_unique<Balancer>(kActivationBalance);
    child("activation.0", *balancer_);
  }
  child("norm1", norm1_);
  child("norm2", norm2_);
  if (o.cross) {
    norm3_ = std::make_unique<Norm>(o.width, o.norm);
    child("norm3", *norm3_);
  }
}

Tensor Layer::activate(const Tensor& x_BTD) const {
  if (balancer_) return double_swish(dynamic_cast<const Balancer&>(*balancer_).forward(x_BTD));
  return at::relu(x_BTD);
}

Tensor Layer::feed_forward(const Tensor& x_BTD, const std::string& name, const Probe& probe) const {
  const Tensor wide = linear1_.forward(x_BTD);
  heard(probe, name + ".linear1", wide);
  const Tensor active = activate(wide);
  heard(probe, name + ".activation", active);
  const Tensor out = linear2_.forward(nn::dropout(active, options_.dropout, is_training()));
  heard(probe, name + ".linear2", out);
  return out;
}

Tensor Layer::forward(const Tensor& x_BSD, const StackInputs& in, std::int64_t first, const std::string& name,
                      const Probe& probe) const {
  const auto norm = [&](const Norm& which, const char* as, const Tensor& x) {
    Tensor out = which.forward(x, in.stage_1D);
    heard(probe, name + as, out);
    return out;
  };
  const auto add = [&](const Tensor& update, const Tensor& x) {
    return nn::dropout_add(update, x, options_.dropout, is_training());
  };
  const auto attend = [&](const Tensor& x) {
    Tensor out = self_attn_.over_itself(x, in.attend, first);
    heard(probe, name + ".self_attn", out);
    return out;
  };
  const auto remember = [&](const Tensor& x) {
    Tensor out = multihead_attn_->over_memory(x, in.memory_BXD, in.over_memory);
    heard(probe, name + ".multihead_attn", out);
    return out;
  };
  const Tensor rest = first > 0 ? x_BSD.narrow(1, first, x_BSD.size(1) - first) : x_BSD;
  const Norm& last_norm = norm3_ ? *norm3_ : norm2_;
  const char* last_name = norm3_ ? ".norm3" : ".norm2";
  if (options_.norm_first) {
    Tensor x = add(attend(norm(norm1_, ".norm1", x_BSD)), rest);
    if (multihead_attn_) x = add(remember(norm(norm2_, ".norm2", x)), x);
    return add(feed_forward(norm(last_norm, last_name, x), name, probe), x);
  }
  Tensor x = norm(norm1_, ".norm1", add(attend(x_BSD), rest));
  if (multihead_attn_) x = norm(norm2_, ".norm2", add(remember(x), x));
  return norm(last_norm, last_name, add(feed_forward(x, name, probe), x));
}

Stack::Stack(const StackOptions& options) {
  for (std::int64_t i = 0; i < options.layers; ++i) {
    layers_.push_back(std::make_unique<Layer>(options));
    child("layers." + std::to_string(i), *layers_.back());
  }
  if (!options.norm_first) return;
  norm_ = std::make_unique<Norm>(options.width, options.norm);
  child("norm", *norm_);
}

Tensor Stack::forward(Tensor x_BSD, const StackInputs& inputs, const std::string& name, const Probe& probe) const {
  const std::int64_t early = probe ? 0 : inputs.first;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const std::string layer = probe ? name + ".layers." + std::to_string(i) : std::string();
    x_BSD = layers_[i]->forward(x_BSD, inputs, i + 1 == layers_.size() ? early : 0, layer, probe);
    heard(probe, layer, x_BSD);
  }
  if (norm_) {
    x_BSD = norm_->forward(x_BSD, inputs.stage_1D);
    heard(probe, name + ".norm", x_BSD);
  }
  heard(probe, name, x_BSD);
  if (inputs.first > early) x_BSD = x_BSD.narrow(1, inputs.first, x_BSD.size(1) - inputs.first);
  return x_BSD;
}

}  // namespace timbre::valle
