#include "codecs/vocos/engine.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "kernels/elementwise.h"

namespace timbre::vocos {
namespace {

using kernels::Activation;
using kernels::Packed;
using weights::FoldedReader;

constexpr std::int64_t kTaps = 7;      // of every convolution
constexpr float kEps = 1e-6f;          // of every norm
constexpr float kMostMagnitude = 100;  // the head's safeguard

const Sizes& checked(const Sizes& s, const std::string& where) {
  const auto expect = [&](bool holds, const std::string& what) {
    if (!holds) throw DataError(fmt::format("{}: {}", where, what), "check model.config in voice.json");
  };
  expect(
      s.inputs >= 1 && s.width >= 1 && s.hidden >= 1 && s.layers >= 0 && s.rows >= 0,
      fmt::format("sizes below 1: {} inputs, width {}, hidden {}, {} layers", s.inputs, s.width, s.hidden, s.layers));
  expect(s.fft_samples >= 2 && s.fft_samples % 2 == 0 && s.hop_samples >= 1 && s.hop_samples <= s.fft_samples / 2,
         fmt::format("an inverse STFT of {} samples with a hop of {}: an even size and at least two windows over every "
                     "sample are needed",
                     s.fft_samples, s.hop_samples));
  return s;
}

Packed read_linear(FoldedReader& reader, const std::string& layer, std::int64_t outputs, std::int64_t inputs) {
  return Packed(reader.tensor(layer + ".weight", {outputs, inputs}), reader.tensor(layer + ".bias", {outputs}), outputs,
                inputs);
}

/// pwconv2 and the gamma after it are one linear layer.
Packed read_scaled(FoldedReader& reader, const std::string& block, std::int64_t outputs, std::int64_t inputs) {
  auto weight = reader.tensor(block + ".pwconv2.weight", {outputs, inputs});
  auto bias = reader.tensor(block + ".pwconv2.bias", {outputs});
  if (reader.has(block + ".gamma")) {
    const auto gamma = reader.tensor(block + ".gamma", {outputs});
    for (std::size_t o = 0; o < gamma.size(); ++o) {
      bias[o] *= gamma[o];
      for (std::size_t i = 0; i < weight.size() / gamma.size(); ++i)
        weight[o * (weight.size() / gamma.size()) + i] *= gamma[o];
    }
  }
  return Packed(weight, bias, outputs, inputs);
}

/// The inverse STFT here has the window of the original; a file may carry it, rounded to 16 bits at worst.
void expect_hann(FoldedReader& reader, std::int64_t samples, const std::string& where) {
  if (!reader.has("head.istft.window")) return;
  const auto window = reader.tensor("head.istft.window", {samples});
  for (std::size_t i = 0; i < window.size(); ++i) {
    const double hann =
        0.5 - 0.5 * std::cos(2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(samples));
    if (!(std::abs(static_cast<double>(window[i]) - hann) < 1e-3))
      throw DataError(
          fmt::format("{}: 'head.istft.window' is no periodic Hann window: sample {} is {}", where, i, window[i]),
          "--engine torch computes with any window");
  }
}

}  // namespace

Engine::Engine(const Sizes& sizes, const weights::TensorMap& tensors, const std::string& where)
    : sizes_(checked(sizes, where)),
      stft_(sizes.fft_samples, sizes.fft_samples, sizes.hop_samples, sizes.padding),
      scratch_(stft_.scratch()) {
  FoldedReader reader(tensors, "", where);
  const std::int64_t width = sizes.width;
  embed_ = Packed(reader.weight("backbone.embed", {width, sizes.inputs, kTaps}),
                  reader.tensor("backbone.embed.bias", {width}), width, sizes.inputs, kTaps);
  first_norm_ = read_norm(reader, "backbone.norm");
  for (std::int64_t i = 0; i < sizes.layers; ++i) {
    const std::string name = fmt::format("backbone.convnext.{}", i);
    Block block;
    block.depthwise = kernels::PackedDepthwise(reader.weight(name + ".dwconv", {width, 1, kTaps}),
                                               reader.tensor(name + ".dwconv.bias", {width}), width, kTaps);
    block.norm = read_norm(reader, name + ".norm");
    block.widen = read_linear(reader, name + ".pwconv1", sizes.hidden, width);
    block.narrow = read_scaled(reader, name, width, sizes.hidden);
    blocks_.push_back(std::move(block));
  }
  last_norm_ = {reader.tensor("backbone.final_layer_norm.weight", {width}),
                reader.tensor("backbone.final_layer_norm.bias", {width})};
  head_ = read_linear(reader, "head.out", sizes.fft_samples + 2, width);
  reader.ignore("feature_extractor.");
  expect_hann(reader, sizes.fft_samples, where);
  reader.finish();
}

Engine::Norm Engine::read_norm(FoldedReader& reader, const std::string& layer) const {
  if (sizes_.rows == 0)
    return {reader.tensor(layer + ".weight", {sizes_.width}), reader.tensor(layer + ".bias", {sizes_.width})};
  return {reader.tensor(layer + ".scale.weight", {sizes_.rows, sizes_.width}),
          reader.tensor(layer + ".shift.weight", {sizes_.rows, sizes_.width})};
}

void Engine::normalise(const Norm& norm, std::int64_t row, const float* x_FC, std::int64_t frames, float* y_FC) const {
  const std::int64_t at = norm.gain.size() > static_cast<std::size_t>(sizes_.width) ? row * sizes_.width : 0;
  kernels::layer_norm(x_FC, frames, sizes_.width, norm.gain.data() + at, norm.shift.data() + at, kEps, y_FC);
}

void Engine::reserve(std::int64_t frames) {
  if (frames == reserved_) return;
  const auto floats = [frames](std::int64_t a_frame) { return static_cast<std::size_t>(frames * a_frame); };
  if (frames > reserved_) {
    stream_.resize(std::max(stream_.size(), floats(sizes_.width)));
    inner_.resize(std::max(inner_.size(), floats(sizes_.width)));
    hidden_.resize(std::max(hidden_.size(), floats(std::max(hidden_row(), sizes_.fft_samples + 2))));
  }
  lanes_.resize(static_cast<std::size_t>(2 * stft_.bins() * audio::Stft<float>::kLanes));
  polar_.resize(static_cast<std::size_t>(3 * stft_.bins()));
  padded_.resize(static_cast<std::size_t>(stft_.padded_samples(frames)));
  overlap_ = stft_.overlap_weights(frames);
  reserved_ = frames;
}

void Engine::run(const float* x_FC, std::int64_t frames, float* wave_N, std::int64_t row) {
  if (frames <= 0) return;
  reserve(frames);
  float *stream = stream_.data(), *inner = inner_.data(), *hidden = hidden_.data();
  const kernels::Conv same{.left = kTaps / 2, .right = kTaps / 2};
  kernels::conv1d(x_FC, frames, embed_, same, inner);
  normalise(first_norm_, row, inner, frames, stream);
  for (const Block& block : blocks_) {
    kernels::depthwise_conv1d(stream, frames, block.depthwise, same, inner);
    normalise(block.norm, row, inner, frames, inner);
    kernels::linear(inner, frames, block.widen, hidden, {.activation = Activation::gelu}, 0, hidden_row());
    kernels::linear(hidden, frames, block.narrow, stream, {.add_TO = stream}, hidden_row());
  }
  normalise(last_norm_, 0, stream, frames, inner);
  kernels::linear(inner, frames, head_, hidden);
  synthesize(hidden, frames, wave_N);
}

/// One frame's log magnitudes and phases → real and imaginary parts in its lane.
void Engine::polar_to_lane(const float* spectrum_K, std::int64_t lane) {
  constexpr std::int64_t kLanes = audio::Stft<float>::kLanes;
  const std::int64_t bins = stft_.bins();
  float *magnitude = polar_.data(), *sine = magnitude + bins, *cosine = sine + bins;
  kernels::exp(spectrum_K, magnitude, bins);
  kernels::sin_cos(spectrum_K + bins, sine, cosine, bins);
  float *re_BL = lanes_.data() + lane, *im_BL = re_BL + bins * kLanes;
  for (std::int64_t b = 0; b < bins; ++b) {
    const float m = magnitude[b] > kMostMagnitude ? kMostMagnitude : magnitude[b];
    re_BL[b * kLanes] = m * cosine[b];
    im_BL[b * kLanes] = m * sine[b];
  }
}

/// Rows of log magnitudes, then phases → samples by overlap-add.
void Engine::synthesize(const float* spectrum_FK, std::int64_t frames, float* wave_N) {
  constexpr std::int64_t kLanes = audio::Stft<float>::kLanes;
  const std::int64_t bins = stft_.bins();
  const float *re_BL = lanes_.data(), *im_BL = re_BL + bins * kLanes;
  std::fill(padded_.begin(), padded_.end(), 0.0f);
  for (std::int64_t first = 0; first < frames; first += kLanes) {
    const std::int64_t count = std::min(kLanes, frames - first);
    std::fill(lanes_.begin(), lanes_.end(), 0.0f);
    for (std::int64_t l = 0; l < count; ++l) polar_to_lane(spectrum_FK + (first + l) * 2 * bins, l);
    stft_.add_block(re_BL, im_BL, first, count, padded_, scratch_);
  }
  const std::int64_t samples = frames * sizes_.hop_samples, from = stft_.pad();
  const std::int64_t held = std::min(samples, static_cast<std::int64_t>(padded_.size()) - from);
  for (std::int64_t i = 0; i < held; ++i)
    wave_N[i] = padded_[static_cast<std::size_t>(from + i)] * overlap_[static_cast<std::size_t>(from + i)];
  std::fill(wave_N + held, wave_N + samples, 0.0f);
}

}  // namespace timbre::vocos
