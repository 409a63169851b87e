#include "models/fastspeech2/torphix_names.h"

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "models/fastspeech2/yaml_values.h"
#include "weights/torch_file.h"

namespace timbre::fastspeech2 {
namespace {

using nlohmann::json;
using weights::TensorMap;
using weights::Value;

constexpr const char* kPrefix = "fs2.";  // of Lightning's names

bool is_buffer(const std::string& name) {
  return name.ends_with(".pe") || name.ends_with(".running_mean") || name.ends_with(".running_var") ||
         name.ends_with(".num_batches_tracked");
}

/// Counters and schedules are plain data; anything else in their place is left out.
json plain(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::boolean:
      return value.as_bool();
    case Value::Kind::integer:
      return value.as_int();
    case Value::Kind::real:
      return value.as_real();
    case Value::Kind::text:
      return value.as_text();
    case Value::Kind::list:
    case Value::Kind::tuple: {
      json list = json::array();
      for (const Value& item : value.as_list()) list.push_back(plain(item));
      return list;
    }
    case Value::Kind::dict: {
      json dict = json::object();
      for (const auto& [key, item] : value.as_dict())
        if (key.is_text()) dict[key.as_text()] = plain(item);
      return dict;
    }
    default:
      return nullptr;
  }
}

Value value_of(const json& plain_json) {
  if (plain_json.is_boolean()) return plain_json.get<bool>();
  if (plain_json.is_number_integer()) return plain_json.get<std::int64_t>();
  if (plain_json.is_number()) return plain_json.get<double>();
  if (plain_json.is_string()) return plain_json.get<std::string>();
  if (plain_json.is_array()) {
    Value::List list;
    for (const json& item : plain_json) list.push_back(value_of(item));
    return Value::list(std::move(list));
  }
  if (plain_json.is_object()) {
    Value::Dict dict;
    for (const auto& [key, item] : plain_json.items()) dict.emplace_back(key, value_of(item));
    return Value::dict(std::move(dict));
  }
  return {};
}

/// A state_dict's tensors without Lightning's prefix; what is no tensor is not the network's.
TensorMap tensors_of(const Value& state) {
  TensorMap map;
  for (const auto& [key, value] : state.as_dict()) {
    if (!key.is_text() || !value.is_tensor()) continue;
    const std::string& name = key.as_text();
    map.insert(name.starts_with(kPrefix) ? name.substr(4) : name, value.as_tensor());
  }
  return map;
}

LightningState lightning_of(const Value& root) {
  LightningState state;
  const auto number = [&](const char* key) {
    const Value* found = root.find(key);
    return found ? found->as_int() : 0;
  };
  state.epoch = number("epoch");
  state.global_step = number("global_step");
  if (const Value* version = root.find("pytorch-lightning_version")) state.version = version->as_text();
  if (const Value* schedulers = root.find("lr_schedulers")) state.lr_schedulers = plain(*schedulers);
  if (const Value* loops = root.find("loops")) state.loops = plain(*loops);
  return state;
}

const std::vector<std::int64_t>& shape(const TensorMap& model, const std::string& name, std::size_t axes) {
  const auto& found = model.at(name).shape;
  if (found.size() != axes) throw DataError(fmt::format("{} has {} axes, expected {}", name, found.size(), axes));
  return found;
}

void sizes_of_stack(const TensorMap& model, const std::string& name, StackOptions& stack) {
  const auto block = [&](std::int64_t i) { return fmt::format("{}.layers.{}.", name, i); };
  stack.layers = 0;
  while (model.contains(block(stack.layers) + "attention.fc.weight")) ++stack.layers;
  const auto& fc = shape(model, block(0) + "attention.fc.weight", 2);
  stack.width = fc[0];
  if (fc[0] <= 0 || fc[1] % fc[0] != 0)
    throw DataError(
        fmt::format("{}attention.fc.weight is {} x {}: every head should be {} wide", block(0), fc[0], fc[1], fc[0]));
  stack.heads = fc[1] / fc[0];
  const auto& widen = shape(model, block(0) + "post_layers.0.layers.0.weight", 3);
  stack.filter = widen[0];
  stack.kernel = widen[2];
  stack.kernel_second = shape(model, block(0) + "post_layers.2.layers.0.weight", 3)[2];
}

void sizes_of_postnet(const TensorMap& model, Config& config) {
  const bool head = config.compat == "torphix-head";
  config.postnet_filter_first =
      shape(model, head ? "postnet.layers.0.weight" : "postnet.layers.0.layers.0.weight", 3)[0];
  const std::int64_t first = head ? 4 : 3;
  const auto name = [&](std::int64_t i) {
    return fmt::format("postnet.layers.{}.0.{}weight", first + i, head ? "" : "layers.0.");
  };
  std::int64_t more = 0;
  while (model.contains(name(more))) ++more;
  if (more == 0) throw DataError(fmt::format("{} is missing: a post-net has two layers or more", name(0)));
  config.postnet_layers = 1 + more;
  config.postnet_filter = more > 1 ? shape(model, name(0), 3)[0] : config.postnet_filter_first;
}

std::string level_of(const YAML::Node& root, const char* key, const fs::path& file) {
  std::string level = "phoneme_frame";
  take(root, {"model", "variance_config", key}, file, level);
  if (level != "phoneme_frame" && level != "mel_frame")
    throw DataError(fmt::format("{}: model.variance_config.{} is '{}', expected phoneme_frame or mel_frame",
                                file.string(), key, level));
  return level == "mel_frame" ? "frame" : "phoneme";
}

}  // namespace

json to_json(const LightningState& s) {
  return {{"epoch", s.epoch},
          {"global_step", s.global_step},
          {"version", s.version},
          {"lr_schedulers", s.lr_schedulers},
          {"loops", s.loops}};
}

LightningState lightning_from(const json& j) {
  return {.epoch = j.at("epoch"),
          .global_step = j.at("global_step"),
          .version = j.at("version"),
          .lr_schedulers = j.at("lr_schedulers"),
          .loops = j.at("loops")};
}

std::vector<std::string> torphix_optimizer_order(const TensorMap& model) {
  std::vector<std::string> order;
  for (const auto& [name, tensor] : model)
    if (!is_buffer(name)) order.push_back(name);
  return order;
}

TorphixCheckpoint read_torphix_checkpoint(const fs::path& file) {
  const Value root = weights::read_torch(file);
  const Value* state = root.find("state_dict");
  if (!state) state = &root;
  TorphixCheckpoint checkpoint;
  if (state->is_dict()) checkpoint.model = tensors_of(*state);
  if (!checkpoint.model.contains("variance_adaptor.pitch_bins") ||
      !checkpoint.model.contains("projection.layers.0.weight"))
    throw DataError(
        fmt::format("{}: no \"projection.layers.0.weight\" in it, so it is no checkpoint of "
                    "torphix/fastspeech2-TTS",
                    file.string()));
  if (state == &root) return checkpoint;
  checkpoint.lightning = lightning_of(root);
  const Value* optimizers = root.find("optimizer_states");
  if (optimizers && optimizers->is_sequence() && !optimizers->as_list().empty())
    checkpoint.adam = read_adam(optimizers->as_list()[0], torphix_optimizer_order(checkpoint.model));
  return checkpoint;
}

void write_torphix_weights(const fs::path& file, const TensorMap& model) {
  weights::write_torch_zip(file, Value::state_dict(model));
}

void write_torphix_lightning(const fs::path& file, const TorphixCheckpoint& checkpoint) {
  const LightningState& state = checkpoint.lightning.value();
  TensorMap named;
  for (const auto& [name, tensor] : checkpoint.model) named.insert(kPrefix + name, tensor);
  weights::write_torch_zip(
      file,
      Value::dict({{"epoch", state.epoch},
                   {"global_step", state.global_step},
                   {"pytorch-lightning_version", state.version},
                   {"state_dict", Value::state_dict(named)},
                   {"loops", value_of(state.loops)},
                   {"callbacks", Value::dict()},
                   {"optimizer_states",
                    Value::list({adam_value(checkpoint.adam.value(), torphix_optimizer_order(checkpoint.model))})},
                   {"lr_schedulers", value_of(state.lr_schedulers)}}));
}

Config torphix_config(const TensorMap& model, const TorphixSettings& settings) {
  Config config;
  apply_torphix(config);
  const bool head = model.contains("encoder.phoneme_embedding.weight");
  if (!head && !model.contains("phoneme_embedding.weight"))
    throw DataError("neither encoder.phoneme_embedding.weight nor phoneme_embedding.weight is in the checkpoint");
  config.compat = head ? "torphix-head" : "torphix-19e23c5";
  sizes_of_stack(model, "encoder", config.encoder);
  sizes_of_stack(model, "decoder", config.decoder);
  sizes_of_postnet(model, config);
  const auto& filter = shape(model, "variance_adaptor.duration_predictor.layers.0.layers.0.weight", 3);
  config.variance.filter = filter[0];
  config.variance.kernel = filter[2];
  config.variance.dropout = head ? 0.2 : 0.5;
  config.variance.bins = shape(model, "variance_adaptor.pitch_embedding.weight", 2)[0];
  config.mel.mels = shape(model, "projection.layers.0.weight", 3)[0];
  config.max_frames = shape(model, "encoder.positional_enc.pe", 3)[0];
  if (const auto rows = shape(model, "decoder.positional_enc.pe", 3)[0]; rows != config.max_frames)
    throw DataError(fmt::format("the tables of positions have {} and {} rows; the reference makes them alike",
                                config.max_frames, rows));

  const YAML::Node net = load_yaml(settings.model);
  take(net, {"model", "dropout"}, settings.model, config.postnet_dropout);
  config.variance.pitch_level = level_of(net, "pitch_feature_level", settings.model);
  config.variance.energy_level = level_of(net, "energy_feature_level", settings.model);

  const YAML::Node data = load_yaml(settings.data);
  take(data, {"audio", "sample_rate"}, settings.data, config.mel.rate_hz);
  take(data, {"audio", "n_fft"}, settings.data, config.mel.fft_samples);
  take(data, {"audio", "win_length"}, settings.data, config.mel.window_samples);
  take(data, {"audio", "hop_length"}, settings.data, config.mel.hop_samples);
  take(data, {"audio", "f_min"}, settings.data, config.mel.f_min_hz);
  take(data, {"audio", "f_max"}, settings.data, config.mel.f_max_hz);
  return config;
}

VarianceStatistics read_torphix_metadata(const json& metadata, const std::string& where) {
  const auto one = [&](const char* kind) {
    const auto found = metadata.find(kind);
    const auto number = [&](const char* key) {
      if (found == metadata.end() || !found->is_object() || !found->contains(key) || !(*found)[key].is_number())
        throw DataError(
            fmt::format("{}: {}.{} is missing or no number; expected max, min, mean and std", where, kind, key));
      return (*found)[key].get<double>();
    };
    const Statistics s{number("min"), number("max"), number("mean"), number("std")};
    if (!(s.deviation > 0))
      throw DataError(fmt::format("{}: {}.std is {}, it must be positive", where, kind, s.deviation));
    return s;
  };
  return {one("pitch"), one("energy")};
}

json torphix_metadata(const VarianceStatistics& statistics) {
  const auto one = [](const Statistics& s) {
    return json{{"max", s.max}, {"min", s.min}, {"mean", s.mean}, {"std", s.deviation}};
  };
  return {{"pitch", one(statistics.pitch)}, {"energy", one(statistics.energy)}};
}

}  // namespace timbre::fastspeech2
