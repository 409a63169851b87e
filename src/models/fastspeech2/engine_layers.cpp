#include "models/fastspeech2/engine_layers.h"

#include <algorithm>
#include <cmath>

#include "kernels/attention.h"
#include "kernels/elementwise.h"

namespace timbre::fastspeech2 {
namespace {

using kernels::Activation;
using kernels::Finish;

constexpr float kEps = 1e-5f;  // of LayerNorm and BatchNorm1d

std::size_t numbers(std::int64_t rows, std::int64_t channels) { return static_cast<std::size_t>(rows * channels); }

}  // namespace

void EngineNorm::read(weights::ShapedReader& reader, const std::string& name, std::int64_t channels) {
  const auto weight = reader.take(name + ".weight", {channels}), bias = reader.take(name + ".bias", {channels});
  gain.assign(weight.begin(), weight.end());
  shift.assign(bias.begin(), bias.end());
}

void EngineNorm::run(const float* from_TC, std::int64_t rows, float* to_TC) const {
  kernels::layer_norm(from_TC, rows, static_cast<std::int64_t>(gain.size()), gain.data(), shift.data(), kEps, to_TC);
}

void EngineConv::read(weights::ShapedReader& reader, const std::string& name, std::int64_t inputs, std::int64_t outputs,
                      std::int64_t taps) {
  packed = kernels::Packed(reader.take(name + ".weight", {outputs, inputs, taps}),
                           reader.take(name + ".bias", {outputs}), outputs, inputs, taps);
}

void EngineConv::read_linear(weights::ShapedReader& reader, const std::string& name, std::int64_t inputs,
                             std::int64_t outputs) {
  packed = kernels::Packed(reader.take(name + ".weight", {outputs, inputs}), reader.take(name + ".bias", {outputs}),
                           outputs, inputs);
}

void EngineConv::run(const float* from_TI, std::int64_t rows, float* to_TO, const Finish& finish) const {
  const std::int64_t side = packed.taps() / 2;
  kernels::conv1d(from_TI, rows, packed, {.left = side, .right = side}, to_TO, finish);
}

EngineBlock::EngineBlock(weights::ShapedReader& reader, const std::string& name, const StackOptions& options,
                         bool separable)
    : options_(options), separable_(separable) {
  const std::int64_t width = options.width, filter = options.filter, taps = options.kernel;
  if (!separable) {
    // The three projections as one: their rows one after the other.
    std::vector<float> weights, biases;
    for (const char* part : {".slf_attn.w_qs", ".slf_attn.w_ks", ".slf_attn.w_vs"}) {
      const auto weight = reader.take(name + part + ".weight", {width, width});
      const auto bias = reader.take(name + part + ".bias", {width});
      weights.insert(weights.end(), weight.begin(), weight.end());
      biases.insert(biases.end(), bias.begin(), bias.end());
    }
    qkv_.packed = kernels::Packed(weights, biases, 3 * width, width);
    attn_out_.read_linear(reader, name + ".slf_attn.fc", width, width);
    attn_norm_.read(reader, name + ".slf_attn.layer_norm", width);
    expand_.read(reader, name + ".pos_ffn.w_1", width, filter, taps);
    contract_.read(reader, name + ".pos_ffn.w_2", filter, width, options.kernel_second);
    ffn_norm_.read(reader, name + ".pos_ffn.layer_norm", width);
    return;
  }
  if (options.heads > 0) {
    attn_norm_.read(reader, name + ".attn_norm", width);
    qkv_.read_linear(reader, name + ".qkv", width, 3 * width);
    attn_out_.read_linear(reader, name + ".attn_out", width, width);
  }
  ffn_norm_.read(reader, name + ".ffn_norm", width);
  depthwise_ = kernels::PackedDepthwise(reader.take(name + ".depthwise.weight", {width, 1, taps}),
                                        reader.take(name + ".depthwise.bias", {width}), width, taps);
  expand_.read_linear(reader, name + ".expand", width, filter);
  contract_.read_linear(reader, name + ".contract", filter, width);
}

/// onto += attention(from).
void EngineBlock::attend(const float* from_TD, std::int64_t rows, float* onto_TD, Scratch& scratch) const {
  const Scratch::Scope scope(scratch);
  const std::int64_t width = options_.width, head = width / options_.heads;
  float* qkv_T3D = scratch.take(numbers(rows, 3 * width));
  float* heard_TD = scratch.take(numbers(rows, width));
  qkv_.run(from_TD, rows, qkv_T3D);
  const kernels::Attention shape{.queries = rows,
                                 .keys = rows,
                                 .heads = options_.heads,
                                 .width = head,
                                 .scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head)))};
  float* work = scratch.take(static_cast<std::size_t>(kernels::attention_scratch(shape)));
  kernels::attention(qkv_T3D, qkv_T3D + width, qkv_T3D + 2 * width, 3 * width, shape, heard_TD, work);
  attn_out_.run(heard_TD, rows, onto_TD, {.accumulate = true});
}

void EngineBlock::run_separable(float* x_TD, std::int64_t rows, Scratch& scratch) const {
  float* normed_TD = scratch.take(numbers(rows, options_.width));
  if (options_.heads > 0) {
    attn_norm_.run(x_TD, rows, normed_TD);
    attend(normed_TD, rows, x_TD, scratch);
  }
  float* local_TD = scratch.take(numbers(rows, options_.width));
  float* wide_TC = scratch.take(numbers(rows, options_.filter));
  ffn_norm_.run(x_TD, rows, normed_TD);
  const std::int64_t side = options_.kernel / 2;
  kernels::depthwise_conv1d(normed_TD, rows, depthwise_, {.left = side, .right = side}, local_TD);
  expand_.run(local_TD, rows, wide_TC, {.activation = Activation::relu});
  contract_.run(wide_TC, rows, x_TD, {.accumulate = true});
}

void EngineBlock::run_conv(float* x_TD, std::int64_t rows, Scratch& scratch) const {
  attend(x_TD, rows, x_TD, scratch);
  attn_norm_.run(x_TD, rows, x_TD);
  float* wide_TC = scratch.take(numbers(rows, options_.filter));
  expand_.run(x_TD, rows, wide_TC, {.activation = Activation::relu});
  contract_.run(wide_TC, rows, x_TD, {.accumulate = true});
  ffn_norm_.run(x_TD, rows, x_TD);
}

void EngineBlock::run(float* x_TD, std::int64_t rows, Scratch& scratch) const {
  const Scratch::Scope scope(scratch);
  separable_ ? run_separable(x_TD, rows, scratch) : run_conv(x_TD, rows, scratch);
}

EngineStack::EngineStack(weights::ShapedReader& reader, const std::string& name, const StackOptions& options,
                         const Config& config)
    : width_(options.width), separable_(config.block == "separable") {
  for (std::int64_t pair = 0; pair < width_ / 2; ++pair)
    frequencies_.push_back(std::pow(10000.0, 2.0 * static_cast<double>(pair) / static_cast<double>(width_)));
  if (!separable_) {
    // Conv blocks carry their table in the file, as ming024 does; it may have been trained on.
    const auto table = reader.take(name + ".position_enc", {1, config.max_frames + 1, width_});
    stored_TD_.assign(table.begin(), table.end() - width_);  // the last row is never used
  }
  for (std::int64_t i = 0; i < options.layers; ++i)
    blocks_.emplace_back(reader, name + ".layer_stack." + std::to_string(i), options, separable_);
  if (separable_) final_norm_.read(reader, name + ".final_norm", width_);
}

/// Sinusoids of so many rows.
const float* EngineStack::positions(std::int64_t rows) {
  if (numbers(rows, width_) <= stored_TD_.size()) return stored_TD_.data();
  std::int64_t row = static_cast<std::int64_t>(made_TD_.size()) / width_;
  if (row < rows) made_TD_.resize(numbers(rows, width_));
  for (; row < rows; ++row)
    for (std::int64_t pair = 0; pair < width_ / 2; ++pair) {
      const double angle = static_cast<double>(row) / frequencies_[static_cast<std::size_t>(pair)];
      float* at = made_TD_.data() + row * width_ + 2 * pair;
      at[0] = static_cast<float>(std::sin(angle));
      at[1] = static_cast<float>(std::cos(angle));
    }
  return made_TD_.data();
}

void EngineStack::run(float* x_TD, std::int64_t rows, Scratch& scratch) {
  kernels::add(positions(rows), x_TD, rows * width_);
  for (const EngineBlock& block : blocks_) block.run(x_TD, rows, scratch);
  if (separable_) final_norm_.run(x_TD, rows, x_TD);
}

EnginePredictor::EnginePredictor(weights::ShapedReader& reader, const std::string& name, const Config& config)
    : filter_(config.variance.filter) {
  conv_1_.read(reader, name + ".conv_layer.conv1d_1.conv", config.encoder.width, filter_, config.variance.kernel);
  norm_1_.read(reader, name + ".conv_layer.layer_norm_1", filter_);
  conv_2_.read(reader, name + ".conv_layer.conv1d_2.conv", filter_, filter_, config.variance.kernel);
  norm_2_.read(reader, name + ".conv_layer.layer_norm_2", filter_);
  linear_.read_linear(reader, name + ".linear_layer", filter_, 1);
}

void EnginePredictor::run(const float* x_TD, std::int64_t rows, float* out_T, Scratch& scratch) const {
  const Scratch::Scope scope(scratch);
  float* first_TC = scratch.take(numbers(rows, filter_));
  float* second_TC = scratch.take(numbers(rows, filter_));
  conv_1_.run(x_TD, rows, first_TC, {.activation = Activation::relu});
  norm_1_.run(first_TC, rows, first_TC);
  conv_2_.run(first_TC, rows, second_TC, {.activation = Activation::relu});
  norm_2_.run(second_TC, rows, second_TC);
  linear_.run(second_TC, rows, out_T);
}

EnginePostNet::EnginePostNet(weights::ShapedReader& reader, const Config& config)
    : filter_(std::max(config.postnet_filter, config.mel.mels)) {
  constexpr std::int64_t kTaps = 5;
  for (std::int64_t i = 0; i < config.postnet_layers; ++i) {
    const std::int64_t in = i == 0 ? config.mel.mels : config.postnet_filter;
    const std::int64_t out = i + 1 == config.postnet_layers ? config.mel.mels : config.postnet_filter;
    const std::string name = "postnet.convolutions." + std::to_string(i), norm = name + ".1";
    const auto weight = reader.take(name + ".0.conv.weight", {out, in, kTaps});
    const auto bias = reader.take(name + ".0.conv.bias", {out});
    const auto gain = reader.take(norm + ".weight", {out}), shift = reader.take(norm + ".bias", {out});
    const auto mean = reader.take(norm + ".running_mean", {out}), variance = reader.take(norm + ".running_var", {out});
    reader.ignore(norm + ".num_batches_tracked");
    std::vector<float> folded(weight.begin(), weight.end()), offset(static_cast<std::size_t>(out));
    for (std::size_t o = 0; o < offset.size(); ++o) {
      const float factor = gain[o] / std::sqrt(variance[o] + kEps);
      for (std::size_t k = 0; k < static_cast<std::size_t>(in * kTaps); ++k)
        folded[o * static_cast<std::size_t>(in * kTaps) + k] *= factor;
      offset[o] = (bias[o] - mean[o]) * factor + shift[o];
    }
    convolutions_.emplace_back().packed = kernels::Packed(folded, offset, out, in, kTaps);
  }
}

void EnginePostNet::run(float* mel_FM, std::int64_t frames, Scratch& scratch) const {
  const Scratch::Scope scope(scratch);
  float* one_FC = scratch.take(numbers(frames, filter_));
  float* two_FC = scratch.take(numbers(frames, filter_));
  const float* from = mel_FM;
  for (std::size_t i = 0; i + 1 < convolutions_.size(); ++i) {
    convolutions_[i].run(from, frames, one_FC, {.activation = Activation::tanh});
    from = one_FC;
    std::swap(one_FC, two_FC);
  }
  convolutions_.back().run(from, frames, mel_FM, {.accumulate = true});
}

}  // namespace timbre::fastspeech2
