#include "models/speaker_encoder/files.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "roles/network_folder.h"
#include "weights/torch_file.h"

namespace timbre::speaker_encoder {
namespace {

using nlohmann::json;
using weights::TensorMap;
using weights::Value;

TensorMap tensors_of(const Value& state, const std::string& where) {
  TensorMap map;
  if (!state.is_dict()) throw DataError(fmt::format("{}: no dict of tensors", where));
  for (const auto& [key, value] : state.as_dict()) {
    if (key.is_text() && value.is_tensor()) map.insert(key.as_text(), value.as_tensor());
  }
  return map;
}

std::int64_t step_of(const Value& root) {
  const Value* step = root.find("step");
  return step && step->kind() == Value::Kind::integer ? step->as_int() : 0;
}

/// Extent `axis` of a matrix.
std::int64_t extent(const TensorMap& model, const std::string& name, std::size_t axis, const std::string& where) {
  const auto* tensor = model.find(name);
  if (!tensor || tensor->shape.size() != 2)
    throw DataError(fmt::format("{}: no matrix '{}': not a speaker encoder of this kind", where, name));
  return tensor->shape[axis];
}

/// How many names prefix + number + suffix there are, from 0.
std::int64_t count_layers(const TensorMap& model, const std::string& prefix, const std::string& suffix) {
  std::int64_t layers = 0;
  while (model.contains(fmt::format("{}{}{}", prefix, layers, suffix))) ++layers;
  return layers;
}

/// A key of config.json that may be missing or null.
template <class T>
void take(const json& from, const char* key, T& to, const std::string& where) {
  if (!from.is_object()) throw DataError(fmt::format("{}: an object is expected around '{}'", where, key));
  const auto found = from.find(key);
  if (found == from.end() || found->is_null()) return;
  try {
    to = found->get<T>();
  } catch (const json::exception&) {
    throw DataError(fmt::format("{}: '{}' is {}", where, key, found->dump()));
  }
}

void take_audio(const json& given, audio::SpeakerMelOptions& audio, const std::string& where) {
  audio::MelOptions& mel = audio.mel;
  take(given, "sample_rate", mel.rate_hz, where);
  take(given, "fft_size", mel.fft_samples, where);
  std::int64_t half = mel.fft_samples / 2 + 1;
  take(given, "num_freq", half, where);  // of older files: half the transform, and one
  if (!given.contains("fft_size") && half > 1 && half < (1 << 20)) mel.fft_samples = (half - 1) * 2;
  mel.window_samples = mel.fft_samples;
  take(given, "win_length", mel.window_samples, where);
  take(given, "hop_length", mel.hop_samples, where);
  double frame_ms = 0, shift_ms = 0;
  take(given, "frame_length_ms", frame_ms, where);
  take(given, "frame_shift_ms", shift_ms, where);
  if (frame_ms > 0 && shift_ms > 0) {
    const auto samples = [&](double ms) {
      return static_cast<std::int64_t>(std::min(ms / 1000.0 * static_cast<double>(mel.rate_hz), 1e9));
    };
    mel.window_samples = samples(frame_ms);
    mel.hop_samples = samples(shift_ms);
  }
  take(given, "preemphasis", mel.preemphasis, where);
  take(given, "num_mels", mel.mels, where);
  take(given, "mel_fmin", mel.f_min_hz, where);
  mel.f_max_hz = 0;
  take(given, "mel_fmax", mel.f_max_hz, where);
  take(given, "signal_norm", mel.range.enabled, where);
  take(given, "ref_level_db", mel.range.ref_level_db, where);
  take(given, "min_level_db", mel.range.min_level_db, where);
  take(given, "max_norm", mel.range.max_norm, where);
  take(given, "symmetric_norm", mel.range.symmetric, where);
  take(given, "clip_norm", mel.range.clip, where);
  take(given, "do_trim_silence", audio.trim, where);
  take(given, "trim_db", audio.trim_db, where);
  take(given, "do_sound_norm", audio.peak_norm, where);
  std::string statistics;
  take(given, "stats_path", statistics, where);
  if (!statistics.empty())
    throw DataError(
        fmt::format("{}: stats_path \"{}\": mels scaled by a statistics file are not known here", where, statistics),
        "only encoders with stats_path null can be read");
}

}  // namespace

json parse_mozilla_config(std::string_view text, const std::string& where) {
  std::string joined;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = text.substr(i);
    const std::size_t end = rest.starts_with("\\\n") ? 1 : rest.starts_with("\\\r\n") ? 2 : 0;
    if (end == 0) joined += text[i];
    i += end;
  }
  std::string plain;
  for (std::size_t i = 0; i < joined.size();) {
    const std::size_t slashes = joined.find("//", i);
    const std::size_t end = slashes == std::string::npos ? slashes : joined.find('\n', slashes);
    if (end == std::string::npos) {  // its reader takes away only what a line's end closes
      plain.append(joined, i);
      break;
    }
    plain.append(joined, i, slashes - i);
    i = end;
  }
  return parse_json(plain, where, "config.json of a Mozilla encoder: JSON with // comments");
}

json read_mozilla_config(const fs::path& path) { return parse_mozilla_config(read_file(path), path.string()); }

Checkpoint read_mozilla_checkpoint(const fs::path& path) {
  const Value root = weights::read_torch(path);
  const Value* model = root.find("model");
  return {tensors_of(model ? *model : root, path.string()), step_of(root)};
}

Checkpoint read_resemblyzer_checkpoint(const fs::path& path) {
  const Value root = weights::read_torch(path);
  Checkpoint checkpoint{{}, step_of(root)};
  const TensorMap all = tensors_of(root.at("model_state"), path.string());
  for (const auto& [name, tensor] : all)
    if (!name.starts_with("similarity_")) checkpoint.model.insert(name, tensor);
  return checkpoint;
}

void write_mozilla_checkpoint(const fs::path& path, const Checkpoint& checkpoint) {
  weights::write_torch_zip(path, Value::dict({{"model", Value::state_dict(checkpoint.model)},
                                              {"optimizer", Value::dict()},
                                              {"step", checkpoint.step},
                                              {"loss", 0.0},
                                              {"date", ""}}));
}

void write_resemblyzer_checkpoint(const fs::path& path, const Checkpoint& checkpoint) {
  TensorMap model = checkpoint.model;
  // Its own class has these two as parameters of the loss; ours of w and b stay with the run.
  if (!model.contains("similarity_weight")) {
    model.insert("similarity_weight", weights::Tensor::of<float>({1}, {10.0f}));
    model.insert("similarity_bias", weights::Tensor::of<float>({1}, {-5.0f}));
  }
  weights::write_torch_zip(path, Value::dict({{"step", checkpoint.step},
                                              {"model_state", Value::state_dict(model)},
                                              {"optimizer_state", Value::dict()}}));
}

Config mozilla_config(const TensorMap& model, const json& settings, const std::string& where) {
  Config config;
  config.projection = model.contains("layers.0.lstm.weight_ih_l0");
  if (config.projection) {
    config.layers = count_layers(model, "layers.", ".lstm.weight_ih_l0");
    config.width = extent(model, "layers.0.lstm.weight_hh_l0", 1, where);
    config.embedding = extent(model, "layers.0.linear.weight", 0, where);
    config.audio.mel.mels = extent(model, "layers.0.lstm.weight_ih_l0", 1, where);
  } else {
    config.layers = count_layers(model, "layers.lstm.weight_ih_l", "");
    config.width = extent(model, "layers.lstm.weight_hh_l0", 1, where);
    config.embedding = extent(model, "layers.linear.weight", 0, where);
    config.audio.mel.mels = extent(model, "layers.lstm.weight_ih_l0", 1, where);
  }
  if (settings.is_null()) return config;
  if (!settings.is_object()) throw DataError(fmt::format("{}: config.json is no JSON object", where));
  std::string name = "lstm";
  take(settings, "model_name", name, where);
  if (name != "lstm")
    throw DataError(fmt::format("{}: model_name \"{}\": only LSTM encoders are known here", where, name));
  // Newer Coqui says model_params and hears through an InstanceNorm.
  if (settings.contains("model_params")) config.kind = "coqui";
  const std::int64_t mels = config.audio.mel.mels;
  if (settings.contains("audio")) take_audio(settings["audio"], config.audio, where);
  if (config.audio.mel.mels != mels)
    throw DataError(fmt::format("{}: audio.num_mels is {}, the network takes {}", where, config.audio.mel.mels, mels));
  std::string loss;
  take(settings, "loss", loss, where);
  if (loss == "ge2e") config.loss = "ge2e_softmax";
  if (loss == "softmaxproto") config.loss = loss;
  return config;
}

Config resemblyzer_config(const TensorMap& model, const std::string& where) {
  Config config;
  apply_resemblyzer(config);
  config.layers = count_layers(model, "lstm.weight_ih_l", "");
  config.width = extent(model, "lstm.weight_hh_l0", 1, where);
  config.embedding = extent(model, "linear.weight", 0, where);
  config.audio.mel.mels = extent(model, "lstm.weight_ih_l0", 1, where);
  return config;
}

json mozilla_settings(const Config& config) {
  const audio::MelOptions& mel = config.audio.mel;
  const json sizes{{"input_dim", mel.mels},
                   {"proj_dim", config.embedding},
                   {"lstm_dim", config.width},
                   {"num_lstm_layers", config.layers},
                   {"use_lstm_with_projection", config.projection}};
  const json audio{{"sample_rate", mel.rate_hz},
                   {"fft_size", mel.fft_samples},
                   {"win_length", mel.window_samples},
                   {"hop_length", mel.hop_samples},
                   {"frame_length_ms", nullptr},
                   {"frame_shift_ms", nullptr},
                   {"preemphasis", mel.preemphasis},
                   {"min_level_db", mel.range.min_level_db},
                   {"ref_level_db", mel.range.ref_level_db},
                   {"power", 1.5},
                   {"griffin_lim_iters", 60},
                   {"num_mels", mel.mels},
                   {"mel_fmin", mel.f_min_hz},
                   {"mel_fmax", mel.f_max_hz > 0 ? mel.f_max_hz : static_cast<double>(mel.rate_hz) / 2},
                   {"do_trim_silence", config.audio.trim},
                   {"trim_db", config.audio.trim_db},
                   {"do_sound_norm", config.audio.peak_norm},
                   {"signal_norm", mel.range.enabled},
                   {"symmetric_norm", mel.range.symmetric},
                   {"max_norm", mel.range.max_norm},
                   {"clip_norm", mel.range.clip},
                   {"stats_path", nullptr}};
  json out{{"model_name", "lstm"}, {"audio", audio}, {"loss", config.loss.starts_with("ge2e") ? "ge2e" : config.loss}};
  out[config.kind == "coqui" ? "model_params" : "model"] = sizes;
  return out;
}

json about_encoder(const Config& config) {
  return {{"name", "speaker encoder"},
          {"purpose", "turns recordings into speaker vectors"},
          {"model", roles::about_model("speaker_encoder", config)},
          {"embedding", config.embedding}};
}

Config config_of_voice(const json& about, const std::string& where) {
  if (!roles::is_model(about, "speaker_encoder"))
    throw DataError(fmt::format("{} is no speaker encoder", where),
                    "give the folder that `timbre train speaker_encoder` or `timbre convert` made");
  Config config;
  roles::read_options(config, about["model"]["config"], where);
  return config;
}

}  // namespace timbre::speaker_encoder
