#include <ATen/ops/layer_norm.h>
#include <ATen/ops/masked_fill.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/tanh.h>

#include "models/fastspeech2/model.h"
#include "nn/attention.h"
#include "nn/dropout.h"
#include "nn/sequence.h"

/// The two kinds of block, the stack and the post-net.
namespace timbre::fastspeech2 {
namespace {

Tensor zero_padding(const Tensor& x_BTD, const Tensor& pad_BT) { return x_BTD.masked_fill(pad_BT.unsqueeze(-1), 0); }

void hear(const Probe& probe, const std::string& name, const Tensor& value) {
  if (probe) probe(name, value);
}

}  // namespace

SelfAttention::SelfAttention(const StackOptions& options)
    : w_qs_(options.width, options.width),
      w_ks_(options.width, options.width),
      w_vs_(options.width, options.width),
      layer_norm_(options.width),
      fc_(options.width, options.width),
      heads_(options.heads),
      dropout_(options.dropout) {
  child("w_qs", w_qs_);
  child("w_ks", w_ks_);
  child("w_vs", w_vs_);
  child("layer_norm", layer_norm_);
  child("fc", fc_);
}

Tensor SelfAttention::forward(const Tensor& x_BTD, const Tensor& pad_BT) const {
  const Tensor q_BHTK = nn::split_heads(w_qs_.forward(x_BTD), heads_);
  const Tensor k_BHTK = nn::split_heads(w_ks_.forward(x_BTD), heads_);
  const Tensor v_BHTK = nn::split_heads(w_vs_.forward(x_BTD), heads_);
  const Tensor heard_BTD = fc_.forward(nn::join_heads(nn::attention(q_BHTK, k_BHTK, v_BHTK, pad_BT)));
  return layer_norm_.forward(nn::dropout_add(heard_BTD, x_BTD, dropout_, is_training()));
}

FeedForward::FeedForward(const StackOptions& options)
    : w_1_(options.width, options.filter, {.kernel = options.kernel}),
      w_2_(options.filter, options.width, {.kernel = options.kernel_second}),
      layer_norm_(options.width),
      dropout_(options.dropout) {
  child("w_1", w_1_);
  child("w_2", w_2_);
  child("layer_norm", layer_norm_);
}

Tensor FeedForward::forward(const Tensor& x_BTD) const {
  const Tensor y_BTD = w_2_.forward_BTC(at::relu(w_1_.forward_BTC(x_BTD)));
  return layer_norm_.forward(nn::dropout_add(y_BTD, x_BTD, dropout_, is_training()));
}

ConvBlock::ConvBlock(const StackOptions& options) : slf_attn_(options), pos_ffn_(options) {
  child("slf_attn", slf_attn_);
  child("pos_ffn", pos_ffn_);
}

Tensor ConvBlock::forward(const Tensor& x_BTD, const Tensor& pad_BT, const std::string& name,
                          const Probe& probe) const {
  const Tensor attended_BTD = slf_attn_.forward(x_BTD, pad_BT);
  hear(probe, name + ".slf_attn", attended_BTD);
  const Tensor y_BTD = pos_ffn_.forward(zero_padding(attended_BTD, pad_BT));
  hear(probe, name + ".pos_ffn", y_BTD);
  return zero_padding(y_BTD, pad_BT);
}

SeparableBlock::SeparableBlock(const StackOptions& options)
    : ffn_norm_(options.width),
      depthwise_(options.width, options.width, {.kernel = options.kernel, .groups = options.width}),
      expand_(options.width, options.filter),
      contract_(options.filter, options.width),
      heads_(options.heads),
      dropout_(options.dropout) {
  if (heads_ > 0) {
    attn_norm_ = std::make_unique<nn::LayerNorm>(options.width);
    qkv_ = std::make_unique<nn::Linear>(options.width, 3 * options.width);
    attn_out_ = std::make_unique<nn::Linear>(options.width, options.width);
    child("attn_norm", *attn_norm_);
    child("qkv", *qkv_);
    child("attn_out", *attn_out_);
  }
  child("ffn_norm", ffn_norm_);
  child("depthwise", depthwise_);
  child("expand", expand_);
  child("contract", contract_);
}

Tensor SeparableBlock::forward(const Tensor& x_BTD, const Tensor& pad_BT, const std::string& name,
                               const Probe& probe) const {
  Tensor y_BTD = x_BTD;
  if (heads_ > 0) {
    const auto parts = qkv_->forward(attn_norm_->forward(y_BTD)).chunk(3, -1);
    const Tensor heard_BHTK = nn::attention(nn::split_heads(parts[0], heads_), nn::split_heads(parts[1], heads_),
                                            nn::split_heads(parts[2], heads_), pad_BT);
    y_BTD = nn::dropout_add(attn_out_->forward(nn::join_heads(heard_BHTK)), y_BTD, dropout_, is_training());
    hear(probe, name + ".attention", y_BTD);
  }
  const Tensor local_BTD = depthwise_.forward_BTC(zero_padding(ffn_norm_.forward(y_BTD), pad_BT));
  const Tensor wide_BTC = at::relu(expand_.forward(local_BTD));
  return nn::dropout_add(contract_.forward(wide_BTC), y_BTD, dropout_, is_training());
}

Stack::Stack(const StackOptions& options, const Config& config, std::int64_t symbols)
    : width_(options.width), max_frames_(config.max_frames), cut_long_(config.cut_long) {
  const bool separable = config.block == "separable";
  position_enc_ = nn::sinusoid_positions(max_frames_ + 1, width_).unsqueeze(0);
  if (!separable) position_enc_ = buffer("position_enc", position_enc_);
  if (symbols > 0) {
    src_word_emb_ = std::make_unique<nn::Embedding>(symbols, width_, 0);
    child("src_word_emb", *src_word_emb_);
  }
  for (std::int64_t i = 0; i < options.layers; ++i) {
    if (separable) {
      layer_stack_.push_back(std::make_unique<SeparableBlock>(options));
    } else {
      layer_stack_.push_back(std::make_unique<ConvBlock>(options));
    }
    child("layer_stack." + std::to_string(i), *layer_stack_.back());
  }
  if (separable) {
    final_norm_ = std::make_unique<nn::LayerNorm>(width_);
    child("final_norm", *final_norm_);
  }
}

Tensor Stack::embed(const Tensor& text_BP) const { return src_word_emb_->forward(text_BP); }

Tensor Stack::forward(Tensor x_BTD, Tensor& pad_BT, const std::string& name, const Probe& probe) const {
  const std::int64_t length = x_BTD.size(1);
  Tensor positions_1TD = position_enc_;
  if (length > max_frames_ && is_training() && cut_long_) {
    x_BTD = x_BTD.narrow(1, 0, max_frames_);
    pad_BT = pad_BT.narrow(1, 0, max_frames_);
  } else if (length > max_frames_) {
    positions_1TD = nn::sinusoid_positions(length, width_).unsqueeze(0);
  }
  x_BTD = x_BTD + positions_1TD.narrow(1, 0, x_BTD.size(1)).to(x_BTD.device());
  for (std::size_t i = 0; i < layer_stack_.size(); ++i) {
    const std::string block = name + ".layer_stack." + std::to_string(i);
    x_BTD = layer_stack_[i]->forward(x_BTD, pad_BT, block, probe);
    hear(probe, block, x_BTD);
  }
  if (final_norm_) x_BTD = zero_padding(final_norm_->forward(x_BTD), pad_BT);
  hear(probe, name, x_BTD);
  return x_BTD;
}

PostNet::PostNet(std::int64_t mels, std::int64_t filter, std::int64_t layers, double dropout) : dropout_(dropout) {
  for (std::int64_t i = 0; i < layers; ++i) {
    const std::int64_t in = i == 0 ? mels : filter, out = i + 1 == layers ? mels : filter;
    convolutions_.push_back(std::make_unique<nn::Conv1d>(in, out, nn::ConvOptions{.kernel = 5}));
    norms_.push_back(std::make_unique<nn::BatchNorm1d>(out));
    child("convolutions." + std::to_string(i) + ".0.conv", *convolutions_.back());
    child("convolutions." + std::to_string(i) + ".1", *norms_.back());
  }
}

Tensor PostNet::forward(const Tensor& mel_BFM) const {
  Tensor x_BFC = mel_BFM;
  for (std::size_t i = 0; i < convolutions_.size(); ++i) {
    x_BFC = norms_[i]->forward_BTC(convolutions_[i]->forward_BTC(x_BFC));
    if (i + 1 < convolutions_.size()) x_BFC = at::tanh(x_BFC);
    x_BFC = nn::dropout(x_BFC, dropout_, is_training());
  }
  return x_BFC;
}

}  // namespace timbre::fastspeech2
