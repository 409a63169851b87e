#include "codecs/small_codec/engine.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "audio/mel.h"
#include "base/error.h"
#include "kernels/elementwise.h"
#include "roles/network_folder.h"
#include "weights/load.h"

namespace timbre::small_codec {
namespace {

using kernels::Activation;
using kernels::Packed;
using weights::ShapedReader;

constexpr float kNormEps = 1e-6f;
constexpr float kMelFloor = 1e-5f;
constexpr std::int64_t kEntryTaps = 3;
constexpr std::int64_t kLanes = audio::RealFft<float>::kLanes;
const auto kLoudest = static_cast<float>(std::log(200.0));  // of the head's log magnitudes

std::size_t numbers(std::int64_t rows, std::int64_t channels) { return static_cast<std::size_t>(rows * channels); }

Packed linear(ShapedReader& reader, const std::string& name, std::int64_t inputs, std::int64_t outputs) {
  const auto weight = reader.take(name + ".weight", {outputs, inputs}), bias = reader.take(name + ".bias", {outputs});
  return Packed(weight, bias, outputs, inputs);
}

std::vector<EngineBlock> blocks(ShapedReader& reader, const std::string& name, std::int64_t count, std::int64_t width,
                                const Config& config) {
  std::vector<EngineBlock> list;
  for (std::int64_t i = 0; i < count; ++i) list.emplace_back(reader, fmt::format("{}.{}", name, i), width, config);
  return list;
}

std::vector<EngineLevel> levels(ShapedReader& reader, const Config& config) {
  std::vector<EngineLevel> list;
  for (std::int64_t q = 0; q < config.quantiser.codebooks; ++q)
    list.emplace_back(reader, fmt::format("quantiser.levels.{}", q), config.encoder_width, config.quantiser.levels);
  return list;
}

}  // namespace

const float* EnginePast::joined(const float* x_TC, std::int64_t rows, std::int64_t channels, std::int64_t back,
                                Scratch& scratch) {
  if (next_ == past_.size()) past_.emplace_back(numbers(back, channels), 0.0f);
  std::vector<float>& past = past_[next_++];
  float* both = scratch.take(numbers(back + rows, channels));
  std::copy(past.begin(), past.end(), both);
  std::copy_n(x_TC, rows * channels, both + back * channels);
  std::copy_n(both + rows * channels, back * channels, past.begin());
  return both;
}

void EngineNorm::read(ShapedReader& reader, const std::string& name, std::int64_t width) {
  const auto weight = reader.take(name + ".weight", {width}), bias = reader.take(name + ".bias", {width});
  gain.assign(weight.begin(), weight.end());
  shift.assign(bias.begin(), bias.end());
}

void EngineNorm::run(const float* from_TC, std::int64_t rows, float* to_TC) const {
  kernels::layer_norm(from_TC, rows, static_cast<std::int64_t>(gain.size()), gain.data(), shift.data(), kNormEps,
                      to_TC);
}

EngineEntry::EngineEntry(ShapedReader& reader, const std::string& side, std::int64_t inputs, std::int64_t width) {
  const auto weight = reader.take(side + ".in.weight", {width, inputs, kEntryTaps});
  const auto bias = reader.take(side + ".in.bias", {width});
  convolution_ = Packed(weight, bias, width, inputs, kEntryTaps);
  norm_.read(reader, side + ".in_norm", width);
}

void EngineEntry::run(const float* x_TI, std::int64_t rows, float* to_TC, EnginePast& past, Scratch& scratch) const {
  const Scratch::Scope scope(scratch);
  const std::int64_t back = kEntryTaps - 1;
  const float* joined = past.joined(x_TI, rows, convolution_.inputs(), back, scratch);
  kernels::conv1d(joined, rows + back, convolution_, {}, to_TC);
  norm_.run(to_TC, rows, to_TC);
}

EngineBlock::EngineBlock(ShapedReader& reader, const std::string& name, std::int64_t width, const Config& config) {
  const std::int64_t inner = width * config.filter;
  const auto taps = reader.take(name + ".depthwise.weight", {width, 1, config.kernel});
  const auto tap_bias = reader.take(name + ".depthwise.bias", {width});
  depthwise_ = kernels::PackedDepthwise(taps, tap_bias, width, config.kernel);
  norm_.read(reader, name + ".norm", width);
  expand_ = linear(reader, name + ".expand", width, inner);
  const auto weight = reader.take(name + ".contract.weight", {width, inner});
  const auto bias = reader.take(name + ".contract.bias", {width});
  const auto scale = reader.take(name + ".scale", {width});
  std::vector<float> scaled(weight.begin(), weight.end()), shift(bias.begin(), bias.end());
  for (std::size_t o = 0; o < scale.size(); ++o) {
    const auto row = static_cast<std::size_t>(inner);
    for (std::size_t i = o * row; i < (o + 1) * row; ++i) scaled[i] *= scale[o];
    shift[o] *= scale[o];
  }
  contract_ = Packed(scaled, shift, width, inner);
}

void EngineBlock::run(float* x_TC, std::int64_t rows, EnginePast& past, Scratch& scratch) const {
  const Scratch::Scope scope(scratch);
  const std::int64_t width = depthwise_.channels(), back = depthwise_.taps() - 1;
  const float* joined = past.joined(x_TC, rows, width, back, scratch);
  float* heard_TC = scratch.take(numbers(rows, width));
  float* inner = scratch.take(numbers(rows, inner_row()));
  kernels::depthwise_conv1d(joined, rows + back, depthwise_, {}, heard_TC);
  norm_.run(heard_TC, rows, heard_TC);
  kernels::linear(heard_TC, rows, expand_, inner, {.activation = Activation::gelu_tanh}, 0, inner_row());
  kernels::linear(inner, rows, contract_, x_TC, {.add_TO = x_TC}, inner_row());
}

EngineLevel::EngineLevel(ShapedReader& reader, const std::string& name, std::int64_t width,
                         const std::vector<std::int64_t>& levels)
    : codebook_(levels), width_(width), projects_(codebook_.dims() != width) {
  const std::int64_t K = codebook_.dims();
  if (projects_) {
    const auto read = [&](const std::string& tensor, std::initializer_list<std::int64_t> shape) {
      const auto values = reader.take(name + tensor, shape);
      return std::vector<float>(values.begin(), values.end());
    };
    in_KD_ = read(".project_in.weight", {K, width});
    in_bias_K_ = read(".project_in.bias", {K});
    out_DK_ = read(".project_out.weight", {width, K});
    out_bias_D_ = read(".project_out.bias", {width});
  }
  for (const std::int64_t count : codebook_.levels()) {  // in single precision step by step, as nn/fsq.cpp
    const float half = static_cast<float>(count - 1) * 1.001f / 2, offset = count % 2 == 0 ? 0.5f : 0.0f;
    half_K_.push_back(half);
    offset_K_.push_back(offset);
    shift_K_.push_back(std::atanh(offset / half));
    steps_K_.push_back(static_cast<float>(count / 2));
  }
}

void EngineLevel::add_vector(const Coordinates& coordinates_K, float sign, float* x_D) const {
  const std::size_t K = half_K_.size();
  for (std::size_t d = 0; d < static_cast<std::size_t>(width_); ++d) {
    float value = projects_ ? out_bias_D_[d] : coordinates_K[d];
    for (std::size_t k = 0; projects_ && k < K; ++k) value += coordinates_K[k] * out_DK_[d * K + k];
    x_D[d] += sign * value;
  }
}

std::int32_t EngineLevel::quantise(float* x_D) const {
  const std::size_t K = half_K_.size(), D = static_cast<std::size_t>(width_);
  Coordinates coordinates_K{};
  std::array<std::int64_t, kMostDims> digits_K{};
  for (std::size_t k = 0; k < K; ++k) {
    double z = projects_ ? static_cast<double>(in_bias_K_[k]) : static_cast<double>(x_D[k]);
    for (std::size_t d = 0; projects_ && d < D; ++d)
      z += static_cast<double>(in_KD_[k * D + d]) * static_cast<double>(x_D[d]);
    const float bounded = std::tanh(static_cast<float>(z) + shift_K_[k]) * half_K_[k] - offset_K_[k];
    const float rounded = std::nearbyint(bounded);
    coordinates_K[k] = rounded / steps_K_[k];
    digits_K[k] = static_cast<std::int64_t>(rounded + steps_K_[k]);
  }
  add_vector(coordinates_K, -1.0f, x_D);
  return static_cast<std::int32_t>(codebook_.index(std::span(digits_K).first(K)));
}

void EngineLevel::add(std::int32_t code, float* x_D) const {
  Coordinates coordinates_K{};
  codebook_.vector(code, std::span(coordinates_K).first(half_K_.size()));
  add_vector(coordinates_K, 1.0f, x_D);
}

Engine::Engine(const Config& config, const weights::TensorMap& weights, const std::string& where)
    : Engine(config, ShapedReader(weights, where)) {}

Engine::Engine(const Config& config, ShapedReader&& reader)
    : config_(config),
      encoder_in_(reader, "encoder", config.mels, config.encoder_width),
      encoder_fine_(blocks(reader, "encoder.fine", config.encoder_fine, config.encoder_width, config)),
      encoder_blocks_(blocks(reader, "encoder.blocks", config.encoder_layers, config.encoder_width, config)),
      join_(linear(reader, "encoder.join", 2 * config.encoder_width, config.encoder_width)),
      levels_(levels(reader, config)),
      decoder_in_(reader, "decoder", config.encoder_width, config.decoder_width),
      decoder_blocks_(blocks(reader, "decoder.blocks", config.decoder_layers, config.decoder_width, config)),
      decoder_fine_(blocks(reader, "decoder.fine", config.decoder_fine, config.decoder_width, config)),
      split_(linear(reader, "decoder.split", config.decoder_width, 2 * config.decoder_width)),
      head_(linear(reader, "decoder.head", config.decoder_width, config.fft_samples + 2)),
      fft_(config.fft_samples) {
  encoder_norm_.read(reader, "encoder.norm", config.encoder_width);
  decoder_norm_.read(reader, "decoder.norm", config.decoder_width);
  reader.finish();
  filters_ = Packed(
      audio::mel_filters(config.rate_hz, config.fft_samples, config.mels, 0, static_cast<double>(config.rate_hz) / 2),
      {}, config.mels, fft_.bins());
  for (const double w : audio::hann_window(config.fft_samples, config.fft_samples))
    window_S_.push_back(static_cast<float>(w));
}

/// Log mels of `inner` windows from window `first` on.
void Engine::hear(std::span<const float> samples_N, std::int64_t first, std::int64_t inner, float* mel_TM) {
  const Scratch::Scope scope(scratch_);
  const std::int64_t fft = config_.fft_samples, bins = fft_.bins();
  float* window_NL = scratch_.take(numbers(fft, kLanes));
  float *re_BL = scratch_.take(numbers(bins, kLanes)), *im_BL = scratch_.take(numbers(bins, kLanes));
  float* work = scratch_.take(fft_.scratch_size());
  float* magnitude_TK = scratch_.take(numbers(inner, bins));
  for (std::int64_t from = 0; from < inner; from += kLanes) {
    const std::int64_t count = std::min(kLanes, inner - from);
    std::fill_n(window_NL, fft * kLanes, 0.0f);
    for (std::int64_t l = 0; l < count; ++l) {
      const float* wave_S = samples_N.data() + (first + from + l) * config_.hop_samples;
      for (std::int64_t s = 0; s < fft; ++s)
        window_NL[s * kLanes + l] = wave_S[s] * window_S_[static_cast<std::size_t>(s)];
    }
    fft_.forward(window_NL, re_BL, im_BL, work);
    for (std::int64_t l = 0; l < count; ++l)
      for (std::int64_t b = 0; b < bins; ++b)
        magnitude_TK[(from + l) * bins + b] = std::hypot(re_BL[b * kLanes + l], im_BL[b * kLanes + l]);
  }
  kernels::linear(magnitude_TK, inner, filters_, mel_TM);
  for (std::int64_t i = 0; i < inner * config_.mels; ++i)
    mel_TM[i] = (std::log(std::max(mel_TM[i], kMelFloor)) + 5.0f) * 0.3f;  // about unit variance for speech
}

std::vector<std::int32_t> Engine::encode(std::span<const float> samples_N, std::int64_t skip, std::int64_t inner,
                                         std::int64_t codebooks, EnginePast& past) {
  scratch_.clear();
  past.begin();
  const std::int64_t width = config_.encoder_width, frames = inner / 2;
  float* mel_TM = scratch_.take(numbers(inner, config_.mels));
  hear(samples_N, skip, inner, mel_TM);
  float* x_TC = scratch_.take(numbers(inner, width));
  encoder_in_.run(mel_TM, inner, x_TC, past, scratch_);
  for (const EngineBlock& block : encoder_fine_) block.run(x_TC, inner, past, scratch_);
  float* x_FC = scratch_.take(numbers(frames, width));
  kernels::linear(x_TC, frames, join_, x_FC);
  for (const EngineBlock& block : encoder_blocks_) block.run(x_FC, frames, past, scratch_);
  encoder_norm_.run(x_FC, frames, x_FC);
  std::vector<std::int32_t> codes_FQ;
  codes_FQ.reserve(numbers(frames, codebooks));
  for (std::int64_t f = 0; f < frames; ++f)
    for (std::int64_t q = 0; q < codebooks; ++q)
      codes_FQ.push_back(levels_[static_cast<std::size_t>(q)].quantise(x_FC + f * width));
  return codes_FQ;
}

/// Log magnitudes and phases → windows of samples, times the Hann window.
void Engine::sound(const float* out_TK, std::int64_t inner, float* windows_TS) {
  const Scratch::Scope scope(scratch_);
  const std::int64_t fft = config_.fft_samples, bins = fft_.bins();
  float *magnitude_K = scratch_.take(static_cast<std::size_t>(bins)),
        *sine_K = scratch_.take(static_cast<std::size_t>(bins)),
        *cosine_K = scratch_.take(static_cast<std::size_t>(bins));
  float *re_BL = scratch_.take(numbers(bins, kLanes)), *im_BL = scratch_.take(numbers(bins, kLanes));
  float *window_NL = scratch_.take(numbers(fft, kLanes)), *work = scratch_.take(fft_.scratch_size());
  for (std::int64_t from = 0; from < inner; from += kLanes) {
    const std::int64_t count = std::min(kLanes, inner - from);
    std::fill_n(re_BL, bins * kLanes, 0.0f);
    std::fill_n(im_BL, bins * kLanes, 0.0f);
    for (std::int64_t l = 0; l < count; ++l) {
      const float* row = out_TK + (from + l) * 2 * bins;
      for (std::int64_t b = 0; b < bins; ++b) magnitude_K[b] = std::min(row[b], kLoudest);
      kernels::exp(magnitude_K, magnitude_K, bins);
      kernels::sin_cos(row + bins, sine_K, cosine_K, bins);
      for (std::int64_t b = 0; b < bins; ++b) {
        re_BL[b * kLanes + l] = magnitude_K[b] * cosine_K[b];
        im_BL[b * kLanes + l] = magnitude_K[b] * sine_K[b];
      }
    }
    fft_.inverse(re_BL, im_BL, window_NL, work);
    for (std::int64_t l = 0; l < count; ++l)
      for (std::int64_t s = 0; s < fft; ++s)
        windows_TS[(from + l) * fft + s] = window_NL[s * kLanes + l] * window_S_[static_cast<std::size_t>(s)];
  }
}

void Engine::decode(std::span<const std::int32_t> codes_FQ, std::int64_t frames, EnginePast& past,
                    std::vector<float>& windows_TS) {
  scratch_.clear();
  past.begin();
  const std::int64_t width = config_.decoder_width, inner = 2 * frames;
  const std::int64_t books = static_cast<std::int64_t>(codes_FQ.size()) / frames;
  float* x_FD = scratch_.take(numbers(frames, config_.encoder_width));
  std::fill_n(x_FD, frames * config_.encoder_width, 0.0f);
  for (std::int64_t f = 0; f < frames; ++f)
    for (std::int64_t q = 0; q < books; ++q)
      levels_[static_cast<std::size_t>(q)].add(codes_FQ[numbers(f, books) + static_cast<std::size_t>(q)],
                                               x_FD + f * config_.encoder_width);
  float* x_FC = scratch_.take(numbers(frames, width));
  decoder_in_.run(x_FD, frames, x_FC, past, scratch_);
  for (const EngineBlock& block : decoder_blocks_) block.run(x_FC, frames, past, scratch_);
  float* x_TC = scratch_.take(numbers(inner, width));
  kernels::linear(x_FC, frames, split_, x_TC);
  for (const EngineBlock& block : decoder_fine_) block.run(x_TC, inner, past, scratch_);
  decoder_norm_.run(x_TC, inner, x_TC);
  float* out_TK = scratch_.take(numbers(inner, head_.outputs()));
  kernels::linear(x_TC, inner, head_, out_TK);
  windows_TS.resize(numbers(inner, config_.fft_samples));
  sound(out_TK, inner, windows_TS.data());
}

namespace {

class EncodeByEngine final : public EncodePass {
 public:
  EncodeByEngine(Engine& engine, std::int64_t codebooks) : engine_(engine), codebooks_(codebooks) {}
  std::vector<std::int32_t> run(std::span<const float> samples_N, std::int64_t skip, std::int64_t inner) override {
    return engine_.encode(samples_N, skip, inner, codebooks_, past_);
  }

 private:
  Engine& engine_;
  std::int64_t codebooks_;
  EnginePast past_;
};

class DecodeByEngine final : public DecodePass {
 public:
  explicit DecodeByEngine(Engine& engine) : engine_(engine) {}
  void run(std::span<const std::int32_t> codes_FQ, std::int64_t frames, std::vector<float>& windows_TS) override {
    engine_.decode(codes_FQ, frames, past_, windows_TS);
  }

 private:
  Engine& engine_;
  EnginePast past_;
};

class EngineCodec final : public CodecRole {
 public:
  EngineCodec(const Config& config, const std::filesystem::path& weights)
      : CodecRole(config), engine_(config, weights::load_tensors(weights), weights.string()) {}

 protected:
  std::unique_ptr<EncodePass> encode_pass(std::int64_t codebooks) override {
    return std::make_unique<EncodeByEngine>(engine_, codebooks);
  }
  std::unique_ptr<DecodePass> decode_pass(std::int64_t) override { return std::make_unique<DecodeByEngine>(engine_); }

 private:
  Engine engine_;
};

}  // namespace

std::unique_ptr<roles::Codec> open_engine(const roles::VoiceFiles& folder) {
  const Config config = config_of(folder.about, (folder.dir / "voice.json").string());
  return std::make_unique<EngineCodec>(config, roles::weights_file(folder.dir, folder.about));
}

}  // namespace timbre::small_codec
