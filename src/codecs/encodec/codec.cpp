#include "codecs/encodec/codec.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "codecs/encodec/files.h"
#include "codecs/encodec/segments.h"
#include "roles/network_folder.h"
#include "weights/safetensors.h"

namespace timbre::encodec {
namespace {

/// Where the LSTM is; 0 when there is none, so that nothing comes before it.
std::size_t lstm_place(const std::vector<Layer>& layers) {
  for (std::size_t i = 0; i < layers.size(); ++i)
    if (layers[i].kind == Layer::Kind::lstm) return i;
  return 0;
}

void expect_codebooks(std::int64_t wanted, const Config& config) {
  if (wanted < 1 || wanted > config.codebooks)
    throw UsageError(fmt::format("{} has {} codebooks, {} were asked for", config.name, config.codebooks, wanted),
                     fmt::format("give 1 to {}", config.codebooks));
}

/// Rows of samples × channels → planar, appended.
void append_planar(const Rows& x_NC, std::vector<float>& wave_CN) {
  const std::int64_t samples = x_NC.count(), channels = x_NC.channels();
  const std::size_t begin = wave_CN.size();
  wave_CN.resize(begin + static_cast<std::size_t>(samples * channels));
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t n = 0; n < samples; ++n)
      wave_CN[begin + static_cast<std::size_t>(c * samples + n)] = x_NC.data()[n * channels + c];
}

void append_interleaved(std::span<const float> wave_CN, std::int64_t samples, std::int64_t at, std::int64_t count,
                        Rows& x_NC) {
  const std::int64_t channels = x_NC.channels();
  float* to = x_NC.append(count);
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t n = 0; n < count; ++n)
      to[n * channels + c] = wave_CN[static_cast<std::size_t>(c * samples + at + n)];
}

void expect_finite(std::span<const float> wave, std::int64_t samples, std::int64_t first) {
  const auto bad = std::find_if(wave.begin(), wave.end(), [](float v) { return !std::isfinite(v); });
  if (bad == wave.end()) return;
  throw DataError(
      fmt::format("sample {} is {}: a recording must be made of numbers", first + (bad - wave.begin()) % samples, *bad),
      "look for what made it: a division by zero, or a damaged file");
}

std::int64_t samples_of(std::size_t numbers, std::int64_t channels) {
  if (static_cast<std::int64_t>(numbers) % channels != 0)
    throw DataError(fmt::format("{} numbers do not divide into {} channels", numbers, channels));
  return static_cast<std::int64_t>(numbers) / channels;
}

class Encoding final : public roles::EncodeStream {
 public:
  Encoding(std::shared_ptr<const Network> network, std::int64_t codebooks)
      : network_(std::move(network)), codebooks_(codebooks), passage_(network_->encoder) {}

  std::vector<std::int32_t> push(std::span<const float> wave_CN) override {
    const std::int64_t samples = samples_of(wave_CN.size(), network_->config.channels);
    if (samples > 0) expect_finite(wave_CN, samples, taken_);
    taken_ += samples;
    Rows x_NC(network_->config.channels), frames(network_->config.dimension);
    append_interleaved(wave_CN, samples, 0, samples, x_NC);
    passage_.push(0, network_->encoder.size(), x_NC.data(), samples, frames);
    return codes_of(frames);
  }
  std::vector<std::int32_t> finish() override {
    if (taken_ == 0) throw DataError("a recording without samples cannot be coded");
    Rows frames(network_->config.dimension);
    passage_.finish(0, network_->encoder.size(), frames);
    return codes_of(frames);
  }

 private:
  std::vector<std::int32_t> codes_of(const Rows& frames) const {
    std::vector<std::int32_t> codes_FQ;
    network_->quantizer.encode(frames, codebooks_, codes_FQ);
    return codes_FQ;
  }
  std::shared_ptr<const Network> network_;
  std::int64_t codebooks_, taken_ = 0;
  Passage passage_;
};

class Decoding final : public roles::DecodeStream {
 public:
  Decoding(std::shared_ptr<const Network> network, std::int64_t codebooks)
      : network_(std::move(network)), codebooks_(codebooks), passage_(network_->decoder) {}

  std::vector<float> push(std::span<const std::int32_t> codes_FQ) override {
    if (static_cast<std::int64_t>(codes_FQ.size()) % codebooks_ != 0)
      throw DataError(fmt::format("{} codes do not divide into frames of {}", codes_FQ.size(), codebooks_));
    Rows frames(network_->config.dimension), wave(network_->config.channels);
    network_->quantizer.decode(codes_FQ, codebooks_, frames, taken_);
    taken_ += frames.count();
    passage_.push(0, network_->decoder.size(), frames.data(), frames.count(), wave);
    std::vector<float> out;
    append_planar(wave, out);
    return out;
  }
  std::vector<float> finish() override {
    Rows wave(network_->config.channels);
    passage_.finish(0, network_->decoder.size(), wave);
    std::vector<float> out;
    append_planar(wave, out);
    return out;
  }

 private:
  std::shared_ptr<const Network> network_;
  std::int64_t codebooks_, taken_ = 0;
  Passage passage_;
};

}  // namespace

Network::Network(const Config& given, const weights::TensorMap& tensors, const std::string& where)
    : config(given),
      encoder(encoder_layers(given, tensors, where)),
      decoder(decoder_layers(given, tensors, where)),
      quantizer(given, tensors, where) {}

Codec::Codec(std::shared_ptr<const Network> network)
    : network_(std::move(network)), encoder_(network_->encoder), decoder_(network_->decoder) {}

std::int64_t Codec::rows_wanted(std::int64_t codebooks) const {
  if (codebooks == 0) return config().codebooks;
  expect_codebooks(codebooks, config());
  return codebooks;
}

std::int64_t Codec::check(std::span<const float> wave_CN) const {
  if (wave_CN.empty()) throw DataError("a recording without samples cannot be coded");
  const std::int64_t samples = samples_of(wave_CN.size(), channels());
  expect_finite(wave_CN, samples, 0);
  return samples;
}

Scaled Codec::piece(std::span<const float> wave_CN, std::int64_t at, std::int64_t count) const {
  const std::int64_t C = channels();
  Scaled out{Rows(C), 1};
  append_interleaved(wave_CN, static_cast<std::int64_t>(wave_CN.size()) / C, at, count, out.x_NC);
  if (!config().normalize) return out;
  double squares = 0;
  for (std::int64_t n = 0; n < count; ++n) {
    double sum = 0;
    for (std::int64_t c = 0; c < C; ++c) sum += static_cast<double>(out.x_NC.data()[n * C + c]);
    const double mono = static_cast<float>(sum / static_cast<double>(C));
    squares += mono * mono;
  }
  constexpr double kFloor = 1e-8;
  out.scale = static_cast<float>(kFloor + std::sqrt(squares / static_cast<double>(count)));
  for (std::int64_t i = 0; i < count * C; ++i) out.x_NC.data()[i] /= out.scale;
  return out;
}

Rows Codec::embed(const Rows& x_NC, const Probe& probe) {
  Rows out(config().dimension);
  if (!config().causal) {
    Rows copy(x_NC.channels());
    copy.append(x_NC.data(), x_NC.count());
    return pass_whole(network_->encoder, std::move(copy), probe);
  }
  encoder_.reset();
  encoder_.listen(probe);
  const std::size_t middle = lstm_place(network_->encoder), end = network_->encoder.size();
  Rows before(network_->encoder[middle].inputs);
  if (middle > 0) encoder_.whole(0, middle, x_NC, before);
  encoder_.whole(middle, end, middle == 0 ? x_NC : before, out);
  return out;
}

Rows Codec::render(const Rows& x_FD, const Probe& probe) {
  Rows out(channels());
  if (!config().causal) {
    Rows copy(x_FD.channels());
    copy.append(x_FD.data(), x_FD.count());
    return pass_whole(network_->decoder, std::move(copy), probe);
  }
  decoder_.reset();
  decoder_.listen(probe);
  const std::size_t middle = lstm_place(network_->decoder) + 1;
  Rows before(network_->decoder[middle].inputs);
  decoder_.whole(0, middle, x_FD, before);
  decoder_.whole(middle, network_->decoder.size(), before, out);
  return out;
}

roles::Codes Codec::encode(std::span<const float> wave_CN, std::int64_t codebooks) {
  roles::Codes out{.codebooks = rows_wanted(codebooks), .samples = check(wave_CN), .segments = {}};
  std::int64_t at = 0;
  for (const std::int64_t count : segment_lengths(config(), out.samples)) {
    const Scaled part = piece(wave_CN, at, count);
    const Rows frames = embed(part.x_NC);
    roles::CodeSegment segment{.codes_FQ = {}, .frames = frames.count(), .scale = part.scale};
    quantizer().encode(frames, out.codebooks, segment.codes_FQ);
    out.segments.push_back(std::move(segment));
    at += config().stride_samples();
  }
  return out;
}

void Codec::embed_together(std::span<const Rows> x, std::span<Rows> out) {
  const std::size_t middle = lstm_place(network_->encoder), end = network_->encoder.size();
  std::vector<Rows> before(x.size(), Rows(network_->encoder[middle].inputs)), after = before;
  std::vector<const Rows*> from;
  std::vector<Rows*> to;
  for (std::size_t i = 0; i < x.size(); ++i) {
    encoder_.reset();
    encoder_.whole(0, middle, x[i], before[i]);
    from.push_back(&before[i]);
    to.push_back(&after[i]);
  }
  run_lstm_together(network_->encoder[middle], from, to);
  for (std::size_t i = 0; i < x.size(); ++i) {
    encoder_.reset();
    encoder_.whole(middle + 1, end, after[i], out[i]);
  }
}

std::vector<roles::Codes> Codec::encode_all(std::span<const std::vector<float>> waves, std::int64_t codebooks) {
  const std::int64_t rows = rows_wanted(codebooks);
  std::vector<roles::Codes> out(waves.size());
  const bool cut = !config().causal || config().segment_samples() > 0 || lstm_place(network_->encoder) == 0;
  if (cut || waves.size() < 2) {
    for (std::size_t i = 0; i < waves.size(); ++i) out[i] = encode(waves[i], rows);
    return out;
  }
  for (std::size_t i = 0; i < waves.size(); ++i)
    out[i] = {.codebooks = rows, .samples = check(waves[i]), .segments = {}};
  // Nothing is padded: every clip goes through the convolutions alone, and beside clips of like length through the
  // LSTM, whose weights are then read once for all of them.
  std::vector<std::size_t> order(waves.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return waves[a].size() > waves[b].size(); });
  constexpr std::size_t kTogether = 8;
  for (std::size_t first = 0; first < order.size(); first += kTogether) {
    const std::size_t count = std::min(kTogether, order.size() - first);
    std::vector<Rows> x, frames(count, Rows(config().dimension));
    for (std::size_t i = 0; i < count; ++i) {
      const auto& wave = waves[order[first + i]];
      x.push_back(piece(wave, 0, static_cast<std::int64_t>(wave.size()) / channels()).x_NC);
    }
    encoder_.listen({});
    embed_together(x, frames);
    for (std::size_t i = 0; i < count; ++i) {
      roles::CodeSegment segment{.codes_FQ = {}, .frames = frames[i].count(), .scale = 1};
      quantizer().encode(frames[i], rows, segment.codes_FQ);
      out[order[first + i]].segments.push_back(std::move(segment));
    }
  }
  return out;
}

std::vector<float> Codec::decode_uncut(const roles::Codes& codes) {
  expect_codebooks(codes.codebooks, config());
  if (codes.segments.empty()) throw DataError("no codes: a recording has at least one segment");
  if (codes.segments.size() > 1 && config().segment_samples() == 0)
    throw DataError(
        fmt::format("{} segments of codes; {} codes a recording in one", codes.segments.size(), config().name));
  std::vector<Rows> parts;
  for (std::size_t i = 0; i < codes.segments.size(); ++i) {
    const auto& segment = codes.segments[i];
    if (segment.frames < 1 || static_cast<std::int64_t>(segment.codes_FQ.size()) != segment.frames * codes.codebooks)
      throw DataError(fmt::format("segment {}: {} codes for {} frames of {}", i, segment.codes_FQ.size(),
                                  segment.frames, codes.codebooks));
    Rows frames(config().dimension);
    quantizer().decode(segment.codes_FQ, codes.codebooks, frames);
    parts.push_back(render(frames));
    if (config().normalize)
      for (std::int64_t n = 0; n < parts.back().count() * channels(); ++n) parts.back().data()[n] *= segment.scale;
  }
  std::vector<float> out;
  if (parts.size() == 1 && config().segment_samples() == 0) {
    append_planar(parts.front(), out);
    return out;
  }
  return overlap_add(parts, config().stride_samples());
}

std::vector<float> Codec::decode(const roles::Codes& codes) {
  const std::vector<float> whole = decode_uncut(codes);
  const std::int64_t made = static_cast<std::int64_t>(whole.size()) / channels();
  if (codes.samples < 1 || codes.samples > made)
    throw DataError(fmt::format("the codes make {} samples, {} were announced", made, codes.samples));
  std::vector<float> out;
  for (std::int64_t c = 0; c < channels(); ++c)
    out.insert(out.end(), whole.begin() + c * made, whole.begin() + c * made + codes.samples);
  return out;
}

std::unique_ptr<roles::DecodeStream> Codec::decode_stream(std::int64_t codebooks) {
  if (!config().causal || config().segment_samples() > 0 || config().normalize) return nullptr;
  return std::make_unique<Decoding>(network_, rows_wanted(codebooks));
}

std::unique_ptr<roles::EncodeStream> Codec::encode_stream(std::int64_t codebooks) {
  if (!config().causal || config().segment_samples() > 0 || config().normalize) return nullptr;
  return std::make_unique<Encoding>(network_, rows_wanted(codebooks));
}

std::unique_ptr<roles::Codec> open_codec(const roles::VoiceFiles& folder) {
  const Config config = config_of_folder(folder.about, (folder.dir / "voice.json").string());
  const fs::path path = roles::weights_file(folder.dir, folder.about);
  return std::make_unique<Codec>(std::make_shared<Network>(config, weights::read_safetensors(path), path.string()));
}

}  // namespace timbre::encodec
