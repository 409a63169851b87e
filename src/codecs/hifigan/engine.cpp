#include "codecs/hifigan/engine.h"

#include <algorithm>

#include "base/error.h"
#include "weights/folded_reader.h"

namespace timbre::hifigan {
namespace {

using kernels::Activation;
using kernels::Conv;
using kernels::Finish;
using kernels::Packed;
using weights::FoldedReader;

constexpr float kSlope = 0.1f, kLastSlope = 0.01f;  // the original's LRELU_SLOPE, and torch's default before conv_post

void expect(bool holds, const std::string& where, const std::string& what) {
  if (!holds) throw DataError(fmt::format("{}: {}", where, what), "check model.config in voice.json");
}

void check(const GeneratorSizes& s, const std::string& where) {
  expect(!s.upsample_rates.empty() && s.upsample_rates.size() == s.upsample_kernels.size(), where,
         fmt::format("{} upsample rates and {} upsample kernel sizes", s.upsample_rates.size(),
                     s.upsample_kernels.size()));
  expect(!s.resblock_kernels.empty() && s.resblock_kernels.size() == s.resblock_dilations.size(), where,
         fmt::format("{} resblock kernel sizes and {} lists of dilations", s.resblock_kernels.size(),
                     s.resblock_dilations.size()));
  expect(s.resblock == 1 || s.resblock == 2, where, fmt::format("resblock {}, expected 1 or 2", s.resblock));
  expect(s.channels(s.upsample_rates.size() - 1) >= 1, where,
         fmt::format("{} channels cannot be halved {} times", s.initial_channels, s.upsample_rates.size()));
  for (std::size_t i = 0; i < s.upsample_rates.size(); ++i)
    expect(s.upsample_rates[i] >= 1 && s.upsample_kernels[i] >= s.upsample_rates[i], where,
           fmt::format("an upsampling kernel of {} for a rate of {}", s.upsample_kernels[i], s.upsample_rates[i]));
  for (std::size_t j = 0; j < s.resblock_kernels.size(); ++j) {
    expect(s.resblock_kernels[j] % 2 == 1, where,
           fmt::format("a resblock kernel of {}: even sizes change the length", s.resblock_kernels[j]));
    expect(!s.resblock_dilations[j].empty() && std::ranges::min(s.resblock_dilations[j]) >= 1, where,
           "a resblock without dilations, or one below 1");
  }
}

Packed read_conv(FoldedReader& reader, const std::string& layer, std::int64_t outputs, std::int64_t inputs,
                 std::int64_t taps, float factor = 1) {
  auto weight = reader.weight(layer, {outputs, inputs, taps});
  for (float& w : weight) w *= factor;
  return Packed(weight, reader.tensor(layer + ".bias", {outputs}), outputs, inputs, taps);
}

Conv same(std::int64_t taps, std::int64_t dilation) {
  const std::int64_t pad = (taps - 1) * dilation / 2;
  return {.dilation = dilation, .left = pad, .right = pad};
}

void conv(const float* x_TC, std::int64_t rows, const Packed& weights, std::int64_t dilation, float* y_TC,
          const Finish& finish) {
  kernels::conv1d(x_TC, rows, weights, same(weights.taps(), dilation), y_TC, finish);
}

}  // namespace

Engine::Engine(const GeneratorSizes& sizes, const weights::TensorMap& tensors, const std::string& where)
    : sizes_(sizes) {
  check(sizes, where);
  const bool nested = tensors.contains("generator.conv_pre.bias");
  FoldedReader reader(tensors, nested ? "generator." : "", where);
  pre_ = read_conv(reader, "conv_pre", sizes.initial_channels, sizes.mels, 7);
  const std::size_t kinds = sizes.resblock_kernels.size();
  const float mean = 1.0f / static_cast<float>(kinds);  // of the blocks; LeakyReLU lets the factor through
  for (std::size_t i = 0; i < sizes.upsample_rates.size(); ++i) {
    const std::int64_t out = sizes.channels(i), in = i == 0 ? sizes.initial_channels : sizes.channels(i - 1);
    const std::int64_t rate = sizes.upsample_rates[i], taps = sizes.upsample_kernels[i];
    const std::string name = fmt::format("ups.{}", i);
    auto weight = reader.weight(name, {in, out, taps});
    if (i > 0)
      for (float& w : weight) w *= mean;
    Stage stage;
    stage.up = kernels::PackedTransposed(weight, reader.tensor(name + ".bias", {out}), in, out, taps, rate);
    stage.cut = (taps - rate) / 2;
    for (std::size_t j = 0; j < kinds; ++j) {
      ResBlock block;
      block.dilations = sizes.resblock_dilations[j];
      const std::string base = fmt::format("resblocks.{}.convs", i * kinds + j);
      for (std::size_t m = 0; m < block.dilations.size(); ++m) {
        const std::string number = fmt::format("{}.{}", sizes.resblock == 1 ? "1" : "", m);
        block.first.push_back(read_conv(reader, base + number, out, out, sizes.resblock_kernels[j]));
        if (sizes.resblock == 1)
          block.second.push_back(
              read_conv(reader, fmt::format("{}2.{}", base, m), out, out, sizes.resblock_kernels[j]));
      }
      stage.blocks.push_back(std::move(block));
    }
    stages_.push_back(std::move(stage));
  }
  post_ = read_conv(reader, "conv_post", 1, sizes.channels(stages_.size() - 1), 7, mean);
  reader.finish();
}

std::int64_t Engine::samples(std::int64_t frames) const {
  std::int64_t rows = frames;
  for (const auto& stage : stages_) rows = kernels::transposed_conv1d_rows(rows, stage.up, stage.cut, stage.cut);
  return rows;
}

Engine::Buffers Engine::reserve(std::int64_t frames) {
  std::int64_t rows = frames, most = frames * sizes_.initial_channels;
  for (const auto& stage : stages_) {
    rows = kernels::transposed_conv1d_rows(rows, stage.up, stage.cut, stage.cut);
    most = std::max(most, rows * stage.up.outputs());
  }
  const auto part = static_cast<std::size_t>((most + 15) / 16 * 16);
  if (memory_.size() < 6 * part) memory_.resize(6 * part);
  const auto at = [&](std::size_t i) { return memory_.data() + i * part; };
  return {.raw = at(0), .bent = at(1), .block = at(2), .block_bent = at(3), .inner = at(4), .sum = at(5)};
}

/// x + conv2(lrelu(conv1(lrelu(x)))), once for every dilation (kind 1).
void Engine::run_pairs(const ResBlock& block, std::int64_t rows, const Buffers& b, const Finish& last) const {
  const float *stream = b.raw, *stream_bent = b.bent;
  for (std::size_t m = 0; m < block.first.size(); ++m) {
    conv(stream_bent, rows, block.first[m], block.dilations[m], b.inner,
         {.activation = Activation::leaky_relu, .slope = kSlope});
    if (m + 1 == block.first.size()) {
      Finish finish = last;
      finish.add_TO = stream;
      return conv(b.inner, rows, block.second[m], 1, b.sum, finish);
    }
    conv(b.inner, rows, block.second[m], 1, b.block,
         {.activation = Activation::leaky_relu, .slope = kSlope, .add_TO = stream, .activated_TO = b.block_bent});
    stream = b.block;
    stream_bent = b.block_bent;
  }
}

/// x + conv(lrelu(x)), once for every dilation (kind 2).
void Engine::run_singles(const ResBlock& block, std::int64_t rows, const Buffers& b, const Finish& last) const {
  const float *stream = b.raw, *stream_bent = b.bent;
  float* next_bent = b.block_bent;  // a convolution cannot write what it reads
  for (std::size_t m = 0; m < block.first.size(); ++m) {
    if (m + 1 == block.first.size()) {
      Finish finish = last;
      finish.add_TO = stream;
      return conv(stream_bent, rows, block.first[m], block.dilations[m], b.sum, finish);
    }
    conv(stream_bent, rows, block.first[m], block.dilations[m], b.block,
         {.activation = Activation::leaky_relu, .slope = kSlope, .add_TO = stream, .activated_TO = next_bent});
    stream = b.block;
    stream_bent = next_bent;
    next_bent = next_bent == b.block_bent ? b.inner : b.block_bent;
  }
}

void Engine::run(const float* mel_FM, std::int64_t frames, float* wave_N) {
  if (frames <= 0) return;
  const Buffers b = reserve(frames);
  conv(mel_FM, frames, pre_, 1, b.sum, {.activation = Activation::leaky_relu, .slope = kSlope});
  std::int64_t rows = frames;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    const Stage& stage = stages_[i];
    kernels::transposed_conv1d(b.sum, rows, stage.up, stage.cut, stage.cut, b.raw,
                               {.activation = Activation::leaky_relu, .slope = kSlope, .activated_TO = b.bent});
    rows = kernels::transposed_conv1d_rows(rows, stage.up, stage.cut, stage.cut);
    for (std::size_t j = 0; j < stage.blocks.size(); ++j) {
      const bool ends = j + 1 == stage.blocks.size();
      const Finish finish{.activation = ends ? Activation::leaky_relu : Activation::none,
                          .slope = i + 1 == stages_.size() ? kLastSlope : kSlope,
                          .accumulate = j > 0};
      if (sizes_.resblock == 1)
        run_pairs(stage.blocks[j], rows, b, finish);
      else
        run_singles(stage.blocks[j], rows, b, finish);
    }
  }
  conv(b.sum, rows, post_, 1, wave_N, {.activation = Activation::tanh});
}

}  // namespace timbre::hifigan
