#include "codecs/vocos/files.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace timbre::vocos {
namespace {

/// One part of the file: a class and what it is made with.
class Part {
 public:
  Part(const YAML::Node& root, std::string key, std::string where) : key_(std::move(key)), where_(std::move(where)) {
    const YAML::Node part = child(root, key_);
    if (!part || !part.IsMap()) throw DataError(fmt::format("{}: '{}' is missing", where_, key_));
    const YAML::Node name = child(part, "class_path");
    if (!name || !name.IsScalar()) throw DataError(fmt::format("{}: '{}.class_path' is missing", where_, key_));
    name_ = name.Scalar();
    name_ = name_.substr(name_.rfind('.') + 1);
    if (const YAML::Node args = child(part, "init_args"); args && args.IsMap()) args_ = args;
  }

  static YAML::Node child(const YAML::Node& node, const std::string& key) {
    const YAML::Node& constant = node;  // operator[] of a node that is not constant adds the key
    return constant.IsMap() ? constant[key] : YAML::Node(YAML::NodeType::Undefined);
  }

  const std::string& name() const { return name_; }
  [[noreturn]] void refuse(const std::string& known) const {
    throw DataError(fmt::format("{}: {} is {}, which cannot be read", where_, key_, name_), "known: " + known);
  }

  template <class T>
  bool take(const char* argument, T& to) const {
    const YAML::Node value = child(args_, argument);
    if (!value || value.IsNull()) return false;
    try {
      to = value.as<T>();
    } catch (const YAML::Exception&) {
      throw DataError(fmt::format("{}: {}.init_args.{} is not what it should be", where_, key_, argument));
    }
    return true;
  }
  std::int64_t need(const char* argument) const {
    std::int64_t value = 0;
    if (!take(argument, value))
      throw DataError(fmt::format("{}: '{}.init_args.{}' is missing", where_, key_, argument));
    if (value < 1 || value > 1 << 20)
      throw DataError(fmt::format("{}: {}.init_args.{} is {}", where_, key_, argument, value));
    return value;
  }

 private:
  std::string key_, where_, name_;
  YAML::Node args_{YAML::NodeType::Map};
};

void take_mel(const Part& part, Config& config) {
  // The reference's defaults, then what the file says.
  config.features = "mel";
  config.mel = audio::mel_preset("vocos");
  part.take("sample_rate", config.mel.rate_hz);
  part.take("n_fft", config.mel.fft_samples);
  config.mel.window_samples = config.mel.fft_samples;
  part.take("hop_length", config.mel.hop_samples);
  part.take("n_mels", config.mel.mels);
  part.take("padding", config.mel.padding);
}

void take_codes(const Part& part, Config& config, const std::string& where) {
  config.features = "encodec";
  part.take("encodec_model", config.codes.codec);
  part.take("bandwidths", config.codes.bandwidths_kbps);
  part.take("train_codebooks", config.codes.train_codebooks);
  const auto& list = config.codes.bandwidths_kbps;
  if (list.empty() || !std::all_of(list.begin(), list.end(), [](double b) { return b > 0 && b < 1000; }))
    throw DataError(
        fmt::format("{}: feature_extractor.init_args.bandwidths must be a list of positive numbers", where));
}

/// As PyYAML reads it back as a number: "1e-09" would be a text.
std::string number(double value) {
  std::string text = fmt::format("{}", value);
  if (const auto e = text.find('e'); e != text.npos && text.find('.') == text.npos) text.insert(e, ".0");
  if (text.find_first_of(".e") == text.npos) text += ".0";
  return text;
}

std::string mel_yaml(const audio::MelOptions& mel) {
  return fmt::format(
      "feature_extractor:\n  class_path: vocos.feature_extractors.MelSpectrogramFeatures\n  init_args:\n"
      "    sample_rate: {}\n    n_fft: {}\n    hop_length: {}\n    n_mels: {}\n    padding: {}\n",
      mel.rate_hz, mel.fft_samples, mel.hop_samples, mel.mels, mel.padding == "same" ? "same" : "center");
}

std::string codes_yaml(const CodesOptions& codes) {
  std::string list;
  for (const double b : codes.bandwidths_kbps) list += fmt::format("    - {}\n", number(b));
  return fmt::format(
      "feature_extractor:\n  class_path: vocos.feature_extractors.EncodecFeatures\n  init_args:\n"
      "    encodec_model: {}\n    bandwidths:\n{}    train_codebooks: {}\n",
      codes.codec, list, codes.train_codebooks);
}

}  // namespace

Config parse_yaml(const std::string& text, const std::string& where) {
  YAML::Node root;
  try {
    root = YAML::Load(text);
  } catch (const YAML::Exception& problem) {
    throw DataError(fmt::format("{}: {}", where, problem.what()));
  }
  if (const YAML::Node model = Part::child(root, "model"); model && model.IsMap())
    if (const YAML::Node args = Part::child(model, "init_args"); args && args.IsMap()) root = YAML::Clone(args);
  Config config;
  const Part features(root, "feature_extractor", where);
  if (features.name() == "MelSpectrogramFeatures")
    take_mel(features, config);
  else if (features.name() == "EncodecFeatures")
    take_codes(features, config, where);
  else
    features.refuse("MelSpectrogramFeatures, EncodecFeatures");

  const Part backbone(root, "backbone", where);
  if (backbone.name() != "VocosBackbone") backbone.refuse("VocosBackbone");
  config.inputs = backbone.need("input_channels");
  config.backbone = {.width = backbone.need("dim"),
                     .hidden = backbone.need("intermediate_dim"),
                     .layers = backbone.need("num_layers")};
  backbone.take("layer_scale_init_value", config.backbone.layer_scale);
  backbone.take("adanorm_num_embeddings", config.backbone.bandwidths);

  const Part head(root, "head", where);
  if (head.name() != "ISTFTHead") head.refuse("ISTFTHead");
  config.head = {.fft_samples = head.need("n_fft"), .hop_samples = head.need("hop_length"), .padding = "same"};
  head.take("padding", config.head.padding);
  if (config.head.padding != "same" && config.head.padding != "center")
    throw DataError(fmt::format("{}: head.init_args.padding is '{}'", where, config.head.padding), "center or same");
  if (head.need("dim") != config.backbone.width)
    throw DataError(fmt::format("{}: head.init_args.dim differs from backbone.init_args.dim", where));
  if (!(config.backbone.layer_scale >= 0 && config.backbone.layer_scale <= 100))
    throw DataError(
        fmt::format("{}: backbone.init_args.layer_scale_init_value is {}", where, config.backbone.layer_scale));
  if (config.backbone.bandwidths < 0 || config.backbone.bandwidths > 64 || config.backbone.layers > 256)
    throw DataError(fmt::format("{}: backbone.init_args has numbers out of range", where));
  config.segments.samples =
      std::max<std::int64_t>(1, config.segments.samples / config.head.hop_samples) * config.head.hop_samples;
  if (const auto problems = config.problems(); !problems.empty())
    throw DataError(fmt::format("{}: {}", where, problems.front()));
  return config;
}

std::string to_yaml(const Config& config) {
  std::string out = config.takes_codes() ? codes_yaml(config.codes) : mel_yaml(config.mel);
  out += fmt::format(
      "backbone:\n  class_path: vocos.models.VocosBackbone\n  init_args:\n    input_channels: {}\n    dim: {}\n"
      "    intermediate_dim: {}\n    num_layers: {}\n",
      config.input_channels(), config.backbone.width, config.backbone.hidden, config.backbone.layers);
  if (config.backbone.layer_scale > 0)
    out += fmt::format("    layer_scale_init_value: {}\n", number(config.backbone.layer_scale));
  if (config.backbone.bandwidths > 0)
    out += fmt::format("    adanorm_num_embeddings: {}\n", config.backbone.bandwidths);
  return out + fmt::format(
                   "head:\n  class_path: vocos.heads.ISTFTHead\n  init_args:\n    dim: {}\n    n_fft: {}\n"
                   "    hop_length: {}\n    padding: {}\n",
                   config.backbone.width, config.head.fft_samples, config.head.hop_samples, config.head.padding);
}

void fit_to_tensors(Config& config, const weights::TensorMap& tensors, const std::string& where) {
  if (!config.takes_codes()) return;
  const weights::Tensor* books = tensors.find("feature_extractor.codebook_weights");
  if (!books || books->shape.size() != 2)
    throw DataError(fmt::format("{}: no matrix 'feature_extractor.codebook_weights'", where));
  if (books->shape[1] != config.input_channels())
    throw DataError(fmt::format("{}: feature_extractor.codebook_weights is {}, the backbone takes {} channels", where,
                                books->describe(), config.input_channels()));
  // EnCodec: 75 (48 kHz: 150) frames a second, 10 bits a codebook.
  const double frames_per_s = config.codes.codec == "encodec_48khz" ? 150 : 75;
  const double most = *std::max_element(config.codes.bandwidths_kbps.begin(), config.codes.bandwidths_kbps.end());
  config.codes.codebooks = std::llround(most * 1000 / (10 * frames_per_s));
  if (config.codes.codebooks < 1 || books->shape[0] % config.codes.codebooks != 0)
    throw DataError(
        fmt::format("{}: {} rows of feature_extractor.codebook_weights are not those of {} codebooks ({} kbps)", where,
                    books->shape[0], config.codes.codebooks, most));
  config.codes.codebook_size = books->shape[0] / config.codes.codebooks;
}

}  // namespace timbre::vocos
