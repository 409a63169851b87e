#include "models/valle/engine_inputs.h"

#include <algorithm>
#include <cmath>

#include "kernels/elementwise.h"

namespace timbre::valle {
namespace {

using kernels::Activation;

std::size_t numbers(std::int64_t rows, std::int64_t channels) { return static_cast<std::size_t>(rows * channels); }

/// torch.nn.Conv1d and the torch.nn.BatchNorm1d after it, in evaluation, as one convolution.
kernels::Packed folded(weights::ShapedReader& reader, const std::string& conv, const std::string& norm,
                       std::int64_t width, std::int64_t taps) {
  const auto weight = reader.take(conv + ".weight", {width, width, taps}), bias = reader.take(conv + ".bias", {width});
  const auto gain = reader.take(norm + ".weight", {width}), shift = reader.take(norm + ".bias", {width});
  const auto mean = reader.take(norm + ".running_mean", {width}), var = reader.take(norm + ".running_var", {width});
  reader.ignore(norm + ".num_batches_tracked");
  std::vector<float> weights(weight.begin(), weight.end()), biases(bias.begin(), bias.end());
  for (std::size_t o = 0; o < biases.size(); ++o) {
    const float factor = gain[o] / std::sqrt(var[o] + 1e-5f);
    const auto row = numbers(width, taps);
    for (std::size_t i = o * row; i < (o + 1) * row; ++i) weights[i] *= factor;
    biases[o] = (biases[o] - mean[o]) * factor + shift[o];
  }
  return kernels::Packed(weights, biases, width, width, taps);
}

}  // namespace

EngineTable::EngineTable(weights::ShapedReader& reader, const std::string& name, std::int64_t rows, std::int64_t width)
    : width_(width) {
  const auto values = reader.take(name + ".word_embeddings.weight", {rows, width});
  values_.assign(values.begin(), values.end());
}

void EngineTable::add_to(float* x_D, std::int64_t i) const { kernels::add(row(i), x_D, width_); }

EnginePositions::EnginePositions(weights::ShapedReader& reader, const std::string& name, std::int64_t width)
    : width_(width), alpha_(reader.take(name + ".alpha", {1})[0]) {
  const auto step = static_cast<float>(-(std::log(10000.0) / static_cast<double>(width)));
  for (std::int64_t i = 0; i < width; i += 2) frequencies_.push_back(std::exp(static_cast<float>(i) * step));
}

void EnginePositions::add_to(float* x_TD, std::int64_t first, std::int64_t rows) {
  for (auto t = static_cast<std::int64_t>(made_TD_.size()) / width_; t < first + rows; ++t)
    for (const float frequency : frequencies_) {
      const float angle = static_cast<float>(t) * frequency;
      made_TD_.push_back(alpha_ * static_cast<float>(std::sin(static_cast<double>(angle))));
      made_TD_.push_back(alpha_ * static_cast<float>(std::cos(static_cast<double>(angle))));
    }
  kernels::add(made_TD_.data() + first * width_, x_TD, rows * width_);
}

EngineTextPrenet::EngineTextPrenet(weights::ShapedReader& reader, const std::string& name, std::int64_t width)
    : width_(width) {
  for (const int i : {1, 5, 9})
    convolutions_.push_back(
        folded(reader, name + "." + std::to_string(i), name + "." + std::to_string(i + 1), width, 5));
  linear_.read(reader, name + ".14", width, width);
}

void EngineTextPrenet::run(float* x_SD, std::int64_t rows, Scratch& scratch) const {
  const Scratch::Scope scope(scratch);
  float *a = scratch.take(numbers(rows, width_)), *b = scratch.take(numbers(rows, width_));
  const kernels::Conv same{.left = 2, .right = 2};
  const kernels::Finish relu{.activation = Activation::relu};
  kernels::conv1d(x_SD, rows, convolutions_[0], same, a, relu);
  kernels::conv1d(a, rows, convolutions_[1], same, b, relu);
  kernels::conv1d(b, rows, convolutions_[2], same, a, relu);
  linear_.run(a, rows, x_SD);
}

EngineCodePrenet::EngineCodePrenet(weights::ShapedReader& reader, const std::string& name, std::int64_t width) {
  constexpr std::int64_t kNarrow = 256;
  narrow_.read(reader, name + ".0", width, kNarrow);
  middle_.read(reader, name + ".3", kNarrow, kNarrow);
  wide_.read(reader, name + ".6", kNarrow, width);
}

void EngineCodePrenet::run(float* x_TD, std::int64_t rows, Scratch& scratch) const {
  const Scratch::Scope scope(scratch);
  float *a = scratch.take(numbers(rows, narrow_.packed.outputs())),
        *b = scratch.take(numbers(rows, middle_.packed.outputs()));
  narrow_.run(x_TD, rows, a, {.activation = Activation::relu});
  middle_.run(a, rows, b, {.activation = Activation::relu});
  wide_.run(b, rows, x_TD);
}

EngineText::EngineText(weights::ShapedReader& reader, const std::string& side, std::int64_t rows,
                       std::int64_t languages, std::int64_t width, bool prenet)
    : width_(width),
      table_(reader, side + "_text_embedding", rows, width),
      positions_(reader, side + "_text_position", width) {
  if (languages > 0) languages_ = EngineTable(reader, side + "_language_embedding", languages, width);
  if (prenet) prenet_.emplace(reader, side + "_text_prenet", width);
}

void EngineText::run(std::span<const std::int64_t> tokens_S, std::span<const std::int64_t> languages_S, float* x_SD,
                     Scratch& scratch) {
  const auto rows = static_cast<std::int64_t>(tokens_S.size());
  for (std::size_t s = 0; s < tokens_S.size(); ++s) {
    float* x_D = x_SD + static_cast<std::int64_t>(s) * width_;
    std::copy_n(table_.row(tokens_S[s]), width_, x_D);
    if (!languages_S.empty()) languages_.add_to(x_D, languages_S[s]);
  }
  if (prenet_) prenet_->run(x_SD, rows, scratch);
  positions_.add_to(x_SD, 0, rows);
}

EngineCodes::EngineCodes(weights::ShapedReader& reader, const std::string& side, std::int64_t width, bool prenet)
    : positions_(reader, side + "_audio_position", width) {
  if (prenet) prenet_.emplace(reader, side + "_audio_prenet", width);
}

void EngineCodes::run(float* x_TD, std::int64_t first, std::int64_t rows, Scratch& scratch) {
  if (prenet_) prenet_->run(x_TD, rows, scratch);
  positions_.add_to(x_TD, first, rows);
}

}  // namespace timbre::valle
