#include "codecs/encodec/files.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/strings.h"
#include "roles/network_folder.h"
#include "weights/load.h"
#include "weights/torch_file.h"

namespace timbre::encodec {
namespace {

using nlohmann::json;
using weights::TensorMap;

/// Weight norm in the original and in newer transformers.
struct Spelling {
  const char* original;
  const char* transformers;
};
constexpr Spelling kNorms[] = {{"weight_g", "parametrizations.weight.original0"},
                               {"weight_v", "parametrizations.weight.original1"}};

bool replace_end(std::string& text, std::string_view from, std::string_view to) {
  if (!text.ends_with(from)) return false;
  text.replace(text.size() - from.size(), from.size(), to);
  return true;
}

/// encoder.layers.0.conv.weight_v → encoder.model.0.conv.conv.weight_v; convtr instead of conv for the layers named in
/// `transposed`, since transformers calls both conv. Empty for a name that is none of EnCodec's.
std::string original_name(std::string name, const std::vector<std::string>& transposed) {
  for (const Spelling& norm : kNorms) replace_end(name, norm.transformers, norm.original);
  for (const char* half : {"encoder", "decoder"}) {
    const std::string layers = std::string(half) + ".layers.";
    if (!name.starts_with(layers)) continue;
    name.replace(0, layers.size(), std::string(half) + ".model.");
    if (name.find(".lstm.") != std::string::npos) return name;
    std::size_t cut = name.rfind(".conv.");
    if (cut == std::string::npos) cut = name.rfind(".norm.");
    if (cut == std::string::npos) return {};
    const std::string stem = name.substr(0, cut);
    const bool up = std::find(transposed.begin(), transposed.end(), stem) != transposed.end();
    const std::string word = up ? "convtr" : "conv", rest = name.substr(cut + 1);
    return stem + "." + word + "." + (up && rest.starts_with("conv.") ? "convtr." + rest.substr(5) : rest);
  }
  constexpr std::string_view kBooks = "quantizer.layers.", kBook = ".codebook.";
  const std::size_t book = name.find(kBook);
  if (!name.starts_with(kBooks) || book == std::string::npos) return {};
  return "quantizer.vq.layers." + name.substr(kBooks.size(), book - kBooks.size()) + "._codebook." +
         name.substr(book + kBook.size());
}

const weights::Tensor& tensor(const TensorMap& map, const std::string& name, const std::string& where) {
  const weights::Tensor* found = map.find(name);
  if (!found)
    throw DataError(fmt::format("{}: no tensor '{}': not a checkpoint of EnCodec", where, name),
                    "expected: the state dict of facebookresearch/encodec, or a Hugging Face folder of it");
  return *found;
}

/// The weight of a convolution, folded or not.
const weights::Tensor& weight_of(const TensorMap& map, const std::string& layer, const std::string& where) {
  const bool normed = map.contains(layer + ".weight_v");
  const auto& found = tensor(map, layer + (normed ? ".weight_v" : ".weight"), where);
  if (found.shape.size() != 3)
    throw DataError(fmt::format("{}: {} is {}, expected three axes", where, layer, found.describe()));
  return found;
}

std::string layer_name(const char* half, std::int64_t at, const char* rest) {
  return fmt::format("{}.model.{}.{}", half, at, rest);
}

/// Walks down the encoder: residual blocks, then an activation and a convolution that halves the rate.
void read_stages(const TensorMap& map, const std::string& where, Config& config) {
  const auto is_block = [&](std::int64_t at) {
    const std::string conv = layer_name("encoder", at, "block.1.conv.conv.");
    return map.contains(conv + "weight") || map.contains(conv + "weight_v");
  };
  const auto is_lstm = [&](std::int64_t at) { return map.contains(layer_name("encoder", at, "lstm.weight_ih_l0")); };
  const auto is_conv = [&](std::int64_t at) {
    const std::string conv = layer_name("encoder", at, "conv.conv.");
    return map.contains(conv + "weight") || map.contains(conv + "weight_v");
  };
  config.ratios.clear();
  config.residual_layers = 0;
  std::int64_t at = 1;
  for (; is_block(at); ++at) ++config.residual_layers;
  if (config.residual_layers > 0) {
    const auto& inner = weight_of(map, layer_name("encoder", 1, "block.1.conv.conv"), where);
    config.residual_kernel = inner.shape[2];
  }
  for (;;) {  // at the activation of a stage, or at what follows the last one
    const bool last = is_lstm(at) || !is_conv(at + 1) || !(is_block(at + 2) || is_lstm(at + 2) || is_conv(at + 3));
    if (last) break;
    const std::int64_t taps = weight_of(map, layer_name("encoder", at + 1, "conv.conv"), where).shape[2];
    if (taps < 2 || taps % 2 != 0)
      throw DataError(fmt::format("{}: encoder.model.{} has {} taps, expected twice its stride", where, at + 1, taps));
    config.ratios.insert(config.ratios.begin(), taps / 2);
    at += 2;
    for (std::int64_t block = 0; block < config.residual_layers && is_block(at); ++block, ++at) {
      // The widest stage tells best what its channels were divided by: that division is rounded down.
      const auto& inner = weight_of(map, layer_name("encoder", at, "block.1.conv.conv"), where);
      config.compress = inner.shape[0] > 0 ? inner.shape[1] / inner.shape[0] : 0;
    }
  }
  config.lstm_layers = 0;
  if (is_lstm(at)) {
    while (map.contains(layer_name("encoder", at, "lstm.weight_ih_l") + std::to_string(config.lstm_layers)))
      ++config.lstm_layers;
    ++at;
  }
  const auto& last = weight_of(map, layer_name("encoder", at + 1, "conv.conv"), where);
  config.dimension = last.shape[0];
  config.last_kernel = last.shape[2];
}

/// A value of config.json that must be this one.
void expect(const json& settings, const char* key, const json& wanted, const std::string& where) {
  const auto found = settings.find(key);
  if (found == settings.end() || found->is_null() || *found == wanted) return;
  throw DataError(fmt::format("{}: {} is {}; the tensors, or what is computed here, want {}", where, key, found->dump(),
                              wanted.dump()));
}

template <class T>
void take(const json& settings, const char* key, T& to, const std::string& where) {
  const auto found = settings.find(key);
  if (found == settings.end() || found->is_null()) return;
  try {
    to = found->get<T>();
  } catch (const json::exception&) {
    throw DataError(fmt::format("{}: {} is {}", where, key, found->dump()));
  }
}

}  // namespace

TensorMap read_original(const fs::path& path) {
  if (const auto format = weights::format_of(path);
      format != weights::Format::torch_zip && format != weights::Format::torch_legacy)
    throw DataError(fmt::format("{} is no PyTorch checkpoint ({})", path.string(), weights::name_of(format)),
                    "a .th of the encodec package is expected; --from encodec-hf reads a Hugging Face folder");
  const weights::Value root = weights::read_torch(path);
  TensorMap map;
  if (root.is_dict())
    for (const auto& [key, value] : root.as_dict())
      if (key.is_text() && value.is_tensor()) map.insert(key.as_text(), value.as_tensor());
  if (!map.contains("quantizer.vq.layers.0._codebook.embed"))
    throw DataError(fmt::format("{}: no codebooks in it: not a checkpoint of EnCodec", path.string()),
                    "expected: encodec_24khz-d7cc33bc.th, encodec_48khz-7e698e3e.th or one of that kind");
  return map;
}

void write_original(const fs::path& path, const TensorMap& tensors) {
  weights::write_torch_zip(path, weights::Value::state_dict(tensors));
}

TensorMap from_transformers(const TensorMap& tensors, const std::string& where) {
  // A transposed convolution sits two behind an LSTM or a residual block of the decoder, alone at its place.
  std::vector<std::string> transposed;
  std::int64_t last = -1;
  for (const auto& name : tensors.names()) {
    constexpr std::string_view kHead = "decoder.layers.";
    if (!name.starts_with(kHead)) continue;
    const std::string_view number =
        std::string_view(name).substr(kHead.size(), name.find('.', kHead.size()) - kHead.size());
    if (const auto at = parse_int(number)) {
      last = std::max(last, *at);
      const std::string stem = fmt::format("decoder.model.{}", *at);
      if (*at > 0 && name.find(".conv.bias", kHead.size()) == kHead.size() + number.size()) transposed.push_back(stem);
    }
  }
  std::erase(transposed, fmt::format("decoder.model.{}", last));  // the last one makes the waveform
  TensorMap out;
  for (const auto& [name, value] : tensors) {
    std::string ours = original_name(name, transposed);
    if (ours.empty()) throw DataError(fmt::format("{}: '{}' is no tensor of EnCodec's", where, name));
    out.insert(std::move(ours), value);
  }
  return out;
}

TensorMap to_transformers(const TensorMap& tensors, bool old_names) {
  TensorMap out;
  for (const auto& [original, value] : tensors) {
    std::string name = original;
    constexpr std::string_view kBooks = "quantizer.vq.layers.";
    if (name.starts_with(kBooks)) {
      name.replace(0, kBooks.size(), "quantizer.layers.");
      if (const std::size_t at = name.find("._codebook."); at != std::string::npos) name.erase(at + 1, 1);
    } else {
      if (const std::size_t at = name.find(".model."); at != std::string::npos) name.replace(at, 7, ".layers.");
      for (const char* word : {".conv.conv.", ".convtr.convtr."})
        if (const std::size_t at = name.find(word); at != std::string::npos)
          name.replace(at, std::string_view(word).size(), ".conv.");
      for (const char* word : {".conv.norm.", ".convtr.norm."})
        if (const std::size_t at = name.find(word); at != std::string::npos)
          name.replace(at, std::string_view(word).size(), ".norm.");
      if (!old_names)
        for (const Spelling& norm : kNorms) replace_end(name, norm.original, norm.transformers);
    }
    out.insert(std::move(name), value);
  }
  return out;
}

Config config_of_tensors(const TensorMap& map, const std::string& where) {
  Config config;
  const auto& first = weight_of(map, layer_name("encoder", 0, "conv.conv"), where);
  if (map.contains(layer_name("encoder", 0, "conv.norm.weight"))) apply_48khz(config);
  config.filters = first.shape[0];
  config.channels = first.shape[1];
  config.kernel = first.shape[2];
  read_stages(map, where, config);
  config.codebooks = 0;
  while (map.contains(fmt::format("quantizer.vq.layers.{}._codebook.embed", config.codebooks))) ++config.codebooks;
  const auto& book = tensor(map, "quantizer.vq.layers.0._codebook.embed", where);
  if (book.shape.size() != 2 || book.shape[1] != config.dimension)
    throw DataError(
        fmt::format("{}: codebook 0 is {}, expected vectors of {} numbers", where, book.describe(), config.dimension));
  config.codebook_size = book.shape[0];
  // A network with fewer codebooks than the published one has fewer bandwidths.
  std::erase_if(config.bandwidths, [&](double kbps) {
    return config.frame_rate() * config.bits() * config.codebooks < static_cast<std::int64_t>(kbps * 1000);
  });
  if (const auto problems = config.problems(); !problems.empty())
    throw DataError(fmt::format("{}: {}", where, problems.front()));
  return config;
}

void read_transformers_config(const json& settings, Config& config, const std::string& where) {
  if (!settings.is_object() || settings.value("model_type", "encodec") != "encodec")
    throw DataError(fmt::format("{}: not the config.json of an EnCodec model", where));
  expect(settings, "audio_channels", config.channels, where);
  expect(settings, "num_filters", config.filters, where);
  expect(settings, "hidden_size", config.dimension, where);
  expect(settings, "codebook_size", config.codebook_size, where);
  expect(settings, "upsampling_ratios", config.ratios, where);
  expect(settings, "num_lstm_layers", config.lstm_layers, where);
  expect(settings, "num_residual_layers", config.residual_layers, where);
  expect(settings, "norm_type", config.causal ? "weight_norm" : "time_group_norm", where);
  expect(settings, "use_causal_conv", config.causal, where);
  expect(settings, "pad_mode", "reflect", where);
  expect(settings, "trim_right_ratio", 1.0, where);
  expect(settings, "use_conv_shortcut", true, where);
  take(settings, "sampling_rate", config.rate_hz, where);
  take(settings, "dilation_growth_rate", config.dilation_base, where);
  take(settings, "normalize", config.normalize, where);
  config.segment_s = 0;
  take(settings, "chunk_length_s", config.segment_s, where);
  take(settings, "overlap", config.overlap, where);
  take(settings, "target_bandwidths", config.bandwidths, where);
  Config checked = config;  // its ranges, and what does not go together
  roles::read_options(checked, config::to_json(config.fields()), where);
}

json transformers_config(const Config& config) {
  json out{{"architectures", {"EncodecModel"}},
           {"audio_channels", config.channels},
           {"chunk_length_s", nullptr},
           {"codebook_dim", config.dimension},
           {"codebook_size", config.codebook_size},
           {"compress", config.compress},
           {"dilation_growth_rate", config.dilation_base},
           {"dtype", "float32"},
           {"hidden_size", config.dimension},
           {"kernel_size", config.kernel},
           {"last_kernel_size", config.last_kernel},
           {"model_type", "encodec"},
           {"norm_type", config.causal ? "weight_norm" : "time_group_norm"},
           {"normalize", config.normalize},
           {"num_filters", config.filters},
           {"num_lstm_layers", config.lstm_layers},
           {"num_residual_layers", config.residual_layers},
           {"overlap", nullptr},
           {"pad_mode", "reflect"},
           {"residual_kernel_size", config.residual_kernel},
           {"sampling_rate", config.rate_hz},
           {"target_bandwidths", config.bandwidths},
           {"trim_right_ratio", 1.0},
           {"upsampling_ratios", config.ratios},
           {"use_causal_conv", config.causal},
           {"use_conv_shortcut", true}};
  if (config.segment_s > 0) {
    out["chunk_length_s"] = config.segment_s;
    out["overlap"] = config.overlap;
  }
  return out;
}

json about_codec(const Config& config) {
  return {{"name", config.name},
          {"purpose", "turns recordings into codes and back"},
          {"codec",
           {{"codec", config.name},
            {"rate_hz", config.rate_hz},
            {"hop_samples", config.hop_samples()},
            {"channels", config.channels},
            {"codebooks", config.codebooks},
            {"codebook_size", config.codebook_size}}},
          {"model", roles::about_model("encodec", config)}};
}

Config config_of_folder(const json& about, const std::string& where) {
  if (!roles::is_model(about, "encodec"))
    throw DataError(fmt::format("{} is no EnCodec codec", where), "give the folder that `timbre convert` made of one");
  Config config;
  roles::read_options(config, about["model"]["config"], where);
  return config;
}

}  // namespace timbre::encodec
