#include "codecs/encodec/parity.h"

#include <map>

#include "audio/convert.h"
#include "base/error.h"
#include "base/strings.h"
#include "codecs/encodec/files.h"
#include "codecs/encodec/segments.h"
#include "roles/parity_part.h"
#include "weights/safetensors.h"

namespace timbre::encodec {
namespace {

using nlohmann::json;
using roles::ParityRun;
using weights::Tensor;

constexpr const char* kCases = "cases.json";
constexpr const char* k24 = "cases_24khz.safetensors";
constexpr const char* kGiven24 = "given_24khz.safetensors";
constexpr const char* k48 = "cases_48khz.safetensors";
constexpr const char* kGiven48 = "given_48khz.safetensors";
constexpr const char* kResample = "cases_resample.safetensors";

/// Rows × channels of several recordings → [B, C, T].
Tensor channels_first(const std::vector<Rows>& items) {
  const std::int64_t B = static_cast<std::int64_t>(items.size()), T = items.front().count(),
                     C = items.front().channels();
  std::vector<float> out(static_cast<std::size_t>(B * C * T));
  for (std::int64_t b = 0; b < B; ++b)
    for (std::int64_t t = 0; t < T; ++t)
      for (std::int64_t c = 0; c < C; ++c)
        out[static_cast<std::size_t>((b * C + c) * T + t)] = items[static_cast<std::size_t>(b)].data()[t * C + c];
  return Tensor::of<float>({B, C, T}, std::move(out));
}

/// Frames × codebooks of several recordings → [B, Q, F].
Tensor codes_tensor(const std::vector<std::vector<std::int32_t>>& items, std::int64_t codebooks) {
  const std::int64_t B = static_cast<std::int64_t>(items.size()), Q = codebooks,
                     F = static_cast<std::int64_t>(items.front().size()) / Q;
  std::vector<std::int64_t> out(static_cast<std::size_t>(B * Q * F));
  for (std::int64_t b = 0; b < B; ++b)
    for (std::int64_t f = 0; f < F; ++f)
      for (std::int64_t q = 0; q < Q; ++q)
        out[static_cast<std::size_t>((b * Q + q) * F + f)] =
            items[static_cast<std::size_t>(b)][static_cast<std::size_t>(f * Q + q)];
  return Tensor::of<std::int64_t>({B, Q, F}, std::move(out));
}

/// The first `codebooks` rows of item b of codes [B, Q, F], frames × codebooks.
roles::CodeSegment segment_of(const Tensor& codes_BQF, std::int64_t b, std::int64_t codebooks, float scale = 1) {
  const auto values = codes_BQF.to_i64();
  const std::int64_t Q = codes_BQF.shape.at(1), F = codes_BQF.shape.at(2);
  if (codebooks > Q) throw DataError(fmt::format("{} rows of codes are given, {} are needed", Q, codebooks));
  roles::CodeSegment out{.codes_FQ = {}, .frames = F, .scale = scale};
  for (std::int64_t f = 0; f < F; ++f)
    for (std::int64_t q = 0; q < codebooks; ++q)
      out.codes_FQ.push_back(static_cast<std::int32_t>(values[static_cast<std::size_t>((b * Q + q) * F + f)]));
  return out;
}

Rows rows_of(std::span<const float> wave_CN, std::int64_t channels) {
  Rows out(channels);
  const std::int64_t samples = static_cast<std::int64_t>(wave_CN.size()) / channels;
  float* to = out.append(samples);
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t n = 0; n < samples; ++n)
      to[n * channels + c] = wave_CN[static_cast<std::size_t>(c * samples + n)];
  return out;
}

void put(ParityRun& run, const char* file, const std::string& name, Tensor value) {
  if (run.has(file, name)) run.put(file, name, std::move(value));
}

void put_json(ParityRun& run, const std::string& pointer, json value) {
  if (run.has_json(kCases, pointer)) run.put_json(kCases, pointer, std::move(value));
}

/// What follows "NAME.PART_bw" in the names of a file: the bandwidths asked for.
std::vector<std::string> bandwidths(const ParityRun& run, const char* file, const std::string& head) {
  std::vector<std::string> out;
  for (const std::string& name : run.names(file))
    if (name.starts_with(head)) out.push_back(name.substr(head.size()));
  return out;
}

std::int64_t codebooks_of(const Codec& codec, const std::string& kbps) {
  const auto number = parse_double(kbps);
  if (!number) throw DataError(fmt::format("'{}' in an entry's name is no bandwidth", kbps));
  return codec.codebooks_of(*number);
}

/// The tensors of every other form of the same weights must be those of the .th.
void expect_same_weights(const ParityRun& run, const char* original, const std::string& folder) {
  const auto wanted = read_original(run.input_path(original));
  for (const char* file : {"model.safetensors", "model_weight_g_noquant.safetensors"}) {
    if (!run.has_file(folder + "/" + file)) continue;
    const fs::path path = run.input_path(folder + "/" + file);
    const auto tensors = from_transformers(weights::read_safetensors(path), path.string());
    for (const auto& [name, tensor] : tensors)
      if (!weights::same(tensor, wanted.at(name)))
        throw DataError(fmt::format("{}: {} is not what {} holds", path.string(), name, original));
    const bool whole = std::string_view(file) == "model.safetensors";
    if (whole && tensors.size() != wanted.size())
      throw DataError(fmt::format("{}: {} tensors, {} has {}", path.string(), tensors.size(), original, wanted.size()));
    if (!whole) continue;
    Config config = config_of_tensors(tensors, path.string());
    read_transformers_config(run.input_json(folder + "/config.json", ""), config, folder + "/config.json");
  }
}

/// Frames that VALL-E keeps of so many samples.
std::int64_t valle_frames(const Codec& codec, std::int64_t samples) {
  return (samples + codec.hop_samples() / 2) / codec.hop_samples();
}

void alone(ParityRun& run, Codec& codec, const std::string& name, const Tensor& wave_BCN) {
  const std::string at = "/cases/" + name + "/lengths";
  if (!run.has_json(kCases, at)) return;
  const auto lengths = run.input_json(kCases, at).get<std::vector<std::int64_t>>();
  std::vector<std::vector<float>> waves;
  json frames = json::array();
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    waves.push_back(item_of(wave_BCN, static_cast<std::int64_t>(i)));
    waves.back().resize(static_cast<std::size_t>(lengths[i]));
    frames.push_back(valle_frames(codec, lengths[i]));
  }
  put_json(run, "/cases/" + name + "/valle_frames", frames);
  constexpr double kVallE = 6;  // kbit/s
  const std::int64_t codebooks = codec.codebooks_of(kVallE);
  const auto all = codec.encode_all(waves, codebooks);
  for (std::size_t i = 0; i < all.size(); ++i)
    put(run, k24, fmt::format("{}.item{}_alone_codes", name, i),
        codes_tensor({all[i].segments.front().codes_FQ}, codebooks));
}

void case_24(ParityRun& run, Codec& codec, const std::string& name) {
  const Tensor wave_BCN = run.input(k24, name + ".wav");
  const std::int64_t B = wave_BCN.shape.at(0);
  put_json(run, "/cases/" + name + "/valle_frames", valle_frames(codec, wave_BCN.shape.at(2)));
  std::vector<Rows> embedded;
  std::vector<std::vector<std::int32_t>> codes;
  for (std::int64_t b = 0; b < B; ++b) {
    embedded.push_back(codec.embed(rows_of(item_of(wave_BCN, b), codec.channels())));
    codec.quantizer().encode(embedded.back(), codec.codebooks(), codes.emplace_back());
  }
  put(run, k24, name + ".emb", channels_first(embedded));
  put(run, k24, name + ".codes", codes_tensor(codes, codec.codebooks()));
  for (const std::string& kbps : bandwidths(run, k24, name + ".quantized_bw")) {
    const std::int64_t codebooks = codebooks_of(codec, kbps);
    const Tensor given = run.input(kGiven24, name + ".codes");
    std::vector<Rows> quantized, decoded;
    for (std::int64_t b = 0; b < B; ++b) {
      quantized.emplace_back(codec.config().dimension);
      codec.quantizer().decode(segment_of(given, b, codebooks).codes_FQ, codebooks, quantized.back());
      decoded.push_back(codec.render(quantized.back()));
    }
    put(run, k24, name + ".quantized_bw" + kbps, channels_first(quantized));
    put(run, k24, name + ".decoded_bw" + kbps, channels_first(decoded));
  }
  alone(run, codec, name, wave_BCN);
}

/// Collects what every layer makes, piece by piece.
struct Collector {
  std::map<std::int64_t, Rows> rows;
  Probe probe() {
    return [this](std::int64_t at, const float* x, std::int64_t count, std::int64_t channels) {
      rows.try_emplace(at, channels).first->second.append(x, count);
    };
  }
  void put_all(ParityRun& run, const std::string& head) {
    for (auto& [at, made] : rows) {
      std::vector<Rows> one;
      one.push_back(std::move(made));
      put(run, k24, fmt::format("{}{}", head, at), channels_first(one));
    }
  }
};

void layers(ParityRun& run, Codec& codec) {
  if (!run.has(k24, "layers.wav")) return;
  const Tensor wave_BCN = run.input(k24, "layers.wav");
  Collector encoder, decoder;
  const Rows embedded = codec.embed(rows_of(item_of(wave_BCN, 0), codec.channels()), encoder.probe());
  const std::int64_t codebooks = codec.codebooks_of(run.input_json(kCases, "/cases/layers/bandwidth").get<double>());
  std::vector<std::int32_t> codes;
  codec.quantizer().encode(embedded, codebooks, codes);
  Rows quantized(codec.config().dimension);
  codec.quantizer().decode(codes, codebooks, quantized);
  std::vector<Rows> wave;
  wave.push_back(codec.render(quantized, decoder.probe()));
  wave.back().drop_back(wave.back().count() - wave_BCN.shape.at(2));
  put(run, k24, "layers.forward", channels_first(wave));
  encoder.put_all(run, "layers.encoder.");
  decoder.put_all(run, "layers.decoder.");
}

/// One bandwidth of a 48 kHz case: codes from the recording, waveform from the given codes.
void bandwidth_48(ParityRun& run, Codec& codec, const std::string& name, const Tensor& wave_BCN,
                  const std::string& kbps) {
  const std::int64_t codebooks = codebooks_of(codec, kbps), B = wave_BCN.shape.at(0);
  std::vector<roles::Codes> made, given;
  for (std::int64_t b = 0; b < B; ++b) {
    made.push_back(codec.encode(item_of(wave_BCN, b), codebooks));
    given.push_back({.codebooks = codebooks, .samples = made.back().samples, .segments = {}});
  }
  json frames = json::array();
  const std::string at = name + ".codes_bw" + kbps + "_";
  for (std::size_t i = 0; i < made.front().segments.size(); ++i) {
    std::vector<std::vector<std::int32_t>> codes;
    std::vector<float> scales;
    for (const auto& item : made) {
      codes.push_back(item.segments[i].codes_FQ);
      scales.push_back(item.segments[i].scale);
    }
    put(run, k48, fmt::format("{}{}", at, i), codes_tensor(codes, codebooks));
    put(run, k48, fmt::format("{}.scale{}", name, i), Tensor::of<float>({B, 1}, scales));
    frames.push_back(made.front().segments[i].frames);
    const Tensor given_codes = run.input(kGiven48, fmt::format("{}{}", at, i));
    const auto given_scales = run.input(kGiven48, fmt::format("{}.scale{}", name, i)).to_f32();
    for (std::int64_t b = 0; b < B; ++b)
      given[static_cast<std::size_t>(b)].segments.push_back(
          segment_of(given_codes, b, codebooks, given_scales[static_cast<std::size_t>(b)]));
  }
  std::vector<float> decoded;
  for (const auto& item : given) {
    const auto one = codec.decode_uncut(item);
    decoded.insert(decoded.end(), one.begin(), one.end());
  }
  const std::int64_t samples = static_cast<std::int64_t>(decoded.size()) / B / codec.channels();
  put(run, k48, name + ".decoded_bw" + kbps, Tensor::of<float>({B, codec.channels(), samples}, std::move(decoded)));
  const std::string pointer = "/cases_48k/" + name + "/bandwidths/" + kbps + "/";
  put_json(run, pointer + "n_q", codebooks);
  put_json(run, pointer + "segment_frames", frames);
  put_json(run, pointer + "decoded_samples", samples);
  put_json(run, pointer + "hf_last_frame_pad_length",
           made.front().segments.front().frames - made.front().segments.back().frames);
}

void case_48(ParityRun& run, Codec& codec, const std::string& name) {
  const Tensor wave_BCN = run.input(k48, name + ".wav");
  const auto lengths = segment_lengths(codec.config(), wave_BCN.shape.at(2));
  put_json(run, "/cases_48k/" + name + "/segments", lengths.size());
  std::vector<Rows> embedded;
  for (std::int64_t b = 0; b < wave_BCN.shape.at(0); ++b)
    embedded.push_back(codec.embed(codec.piece(item_of(wave_BCN, b), 0, lengths.front()).x_NC));
  put(run, k48, name + ".emb0", channels_first(embedded));
  for (const std::string& kbps : run.keys(kCases, "/cases_48k/" + name + "/bandwidths"))
    bandwidth_48(run, codec, name, wave_BCN, kbps);
}

/// "rs16000to24000.out" and the stereo cases, whose rate the set's README gives.
void resampling(ParityRun& run) {
  const auto convert = [&](const std::string& source, const std::string& target, audio::ConvertOptions options,
                           bool first_channel) {
    if (!run.has(kResample, target)) return;
    const Tensor wave_CN = run.input(kResample, source);
    std::vector<float> wave = wave_CN.to_f32();
    if (first_channel) wave.resize(static_cast<std::size_t>(wave_CN.shape.at(1)));
    options.from_channels = first_channel ? 1 : wave_CN.shape.at(0);
    std::vector<float> out = audio::convert_audio(wave, options);
    const std::int64_t samples = static_cast<std::int64_t>(out.size()) / options.to_channels;
    run.put(kResample, target, Tensor::of<float>({options.to_channels, samples}, std::move(out)));
  };
  for (const std::string& name : run.names(kResample)) {
    if (!name.starts_with("rs") || !name.ends_with(".out")) continue;
    const std::size_t to = name.find("to");
    const auto from_hz = parse_int(name.substr(2, to - 2)),
               to_hz = parse_int(name.substr(to + 2, name.size() - to - 6));
    if (!from_hz || !to_hz) throw DataError(fmt::format("entry '{}': no rates in its name", name));
    convert(name.substr(0, name.size() - 4) + ".wav", name, {.from_hz = *from_hz, .to_hz = *to_hz}, false);
  }
  constexpr std::int64_t kStereoHz = 44100;
  convert("stereo.wav", "stereo.to_mono_24000", {.from_hz = kStereoHz, .to_hz = 24000}, false);
  convert("stereo.wav", "stereo.to_stereo_48000", {.from_hz = kStereoHz, .to_hz = 48000, .to_channels = 2}, false);
  convert("stereo.wav", "mono.to_stereo_48000", {.from_hz = kStereoHz, .to_hz = 48000, .to_channels = 2}, true);
  convert("stereo.wav", "stereo.same_rate_to_mono", {.from_hz = kStereoHz, .to_hz = kStereoHz}, false);
}

}  // namespace

std::unique_ptr<Codec> codec_of_set(const ParityRun& run, const std::string& file, const std::string& settings) {
  const auto tensors = read_original(run.input_path(file));
  Config config = config_of_tensors(tensors, file);
  if (!settings.empty()) {
    const auto take = [&](const char* key, auto& to) {
      const std::string pointer = settings + "/" + key;
      if (run.has_json(kCases, pointer)) to = run.input_json(kCases, pointer).get<std::decay_t<decltype(to)>>();
    };
    take("sample_rate", config.rate_hz);
    take("target_bandwidths", config.bandwidths);
    take("segment_s", config.segment_s);
    take("overlap", config.overlap);
  }
  return std::make_unique<Codec>(std::make_shared<Network>(config, tensors, file));
}

std::vector<float> item_of(const Tensor& wave_BCN, std::int64_t item) {
  const auto values = wave_BCN.as<float>();
  const std::size_t each = values.size() / static_cast<std::size_t>(wave_BCN.shape.at(0));
  const auto part = values.subspan(static_cast<std::size_t>(item) * each, each);
  return {part.begin(), part.end()};
}

void run_parity(ParityRun& run) {
  attempt(run, "cases_resample*", [&] { resampling(run); });
  attempt(run, "*24khz*", [&] {
    expect_same_weights(run, "encodec_24khz.th", "hf_24khz");
    const auto codec = codec_of_set(run, "encodec_24khz.th", "/model_24khz");
    for (const std::string& name : run.keys(kCases, "/cases"))
      if (name != "layers" && run.has(k24, name + ".wav"))
        attempt(run, "*:" + name + ".*", [&] { case_24(run, *codec, name); });
    attempt(run, "*:layers.*", [&] { layers(run, *codec); });
  });
  attempt(run, "*48khz*", [&] {
    expect_same_weights(run, "encodec_48khz.th", "hf_48khz");
    const auto codec = codec_of_set(run, "encodec_48khz.th", "/model_48khz");
    for (const std::string& name : run.keys(kCases, "/cases_48k"))
      if (run.has(k48, name + ".wav")) attempt(run, "*:" + name + ".*", [&] { case_48(run, *codec, name); });
  });
}

}  // namespace timbre::encodec
