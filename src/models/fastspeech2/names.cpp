#include "models/fastspeech2/names.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "models/fastspeech2/yaml_values.h"
#include "text/symbols.h"
#include "weights/torch_file.h"

namespace timbre::fastspeech2 {
namespace {

using weights::TensorMap;
using weights::Value;

bool is_running(const std::string& name) {
  return name.ends_with(".running_mean") || name.ends_with(".running_var") || name.ends_with(".num_batches_tracked");
}

double real_of(const Value& value) {
  // The reference keeps the learning rate as a numpy scalar: a 0-dimensional tensor here.
  return value.is_tensor() ? value.as_tensor().to_f64().at(0) : value.as_real();
}

std::int64_t count_layers(const TensorMap& model, const std::string& before, const std::string& after) {
  std::int64_t n = 0;
  while (model.contains(before + std::to_string(n) + after)) ++n;
  return n;
}

std::int64_t size(const TensorMap& model, const std::string& name, std::size_t axis) {
  const auto& shape = model.at(name).shape;
  if (axis >= shape.size()) throw DataError(fmt::format("{} has only {} axes", name, shape.size()));
  return shape[axis];
}

void sizes_of_stack(const TensorMap& model, const std::string& name, StackOptions& stack) {
  stack.layers = count_layers(model, name + ".layer_stack.", ".pos_ffn.w_1.weight");
  const std::string first = name + ".layer_stack.0.";
  stack.width = size(model, first + "slf_attn.fc.weight", 0);
  stack.filter = size(model, first + "pos_ffn.w_1.weight", 0);
  stack.kernel = size(model, first + "pos_ffn.w_1.weight", 2);
  stack.kernel_second = size(model, first + "pos_ffn.w_2.weight", 2);
}

}  // namespace

AdamState read_adam(const Value& optimizer, const std::vector<std::string>& order) {
  AdamState adam;
  const Value& group = optimizer.at("param_groups").as_list().at(0);
  adam.lr = real_of(group.at("lr"));
  const auto& betas = group.at("betas").as_list();
  adam.beta1 = betas.at(0).as_real();
  adam.beta2 = betas.at(1).as_real();
  adam.eps = group.at("eps").as_real();
  adam.weight_decay = group.at("weight_decay").as_real();
  if (const Value* first = group.find("initial_lr")) adam.initial_lr = real_of(*first);
  for (const auto& [key, state] : optimizer.at("state").as_dict()) {
    const auto index = key.as_int();
    if (index < 0 || index >= static_cast<std::int64_t>(order.size())) {
      throw DataError(fmt::format("optimizer.state has an entry {} but the model {} parameters", index, order.size()));
    }
    const std::string& name = order[static_cast<std::size_t>(index)];
    adam.step = static_cast<std::int64_t>(real_of(state.at("step")));
    adam.exp_avg.insert(name, state.at("exp_avg").as_tensor());
    adam.exp_avg_sq.insert(name, state.at("exp_avg_sq").as_tensor());
  }
  return adam;
}

Value adam_value(const AdamState& adam, const std::vector<std::string>& order) {
  Value::Dict states;
  Value::List positions;
  for (std::size_t i = 0; i < order.size(); ++i) {
    positions.push_back(static_cast<std::int64_t>(i));
    const weights::Tensor* average = adam.exp_avg.find(order[i]);
    if (!average) continue;  // frozen
    states.emplace_back(static_cast<std::int64_t>(i),
                        Value::dict({{"step", weights::Tensor::of<float>({}, {static_cast<float>(adam.step)})},
                                     {"exp_avg", *average},
                                     {"exp_avg_sq", adam.exp_avg_sq.at(order[i])}}));
  }
  const Value group = Value::dict({{"lr", adam.lr},
                                   {"betas", Value::tuple({adam.beta1, adam.beta2})},
                                   {"eps", adam.eps},
                                   {"weight_decay", adam.weight_decay},
                                   {"amsgrad", false},
                                   {"initial_lr", adam.initial_lr > 0 ? adam.initial_lr : adam.lr},
                                   {"params", Value::list(std::move(positions))}});
  return Value::dict({{"state", Value::dict(std::move(states))}, {"param_groups", Value::list({group})}});
}

bool is_frozen(const std::string& name) {
  return name.ends_with("position_enc") || name == "variance_adaptor.pitch_bins" ||
         name == "variance_adaptor.energy_bins";
}

std::vector<std::string> optimizer_order(const TensorMap& model) {
  std::vector<std::string> order;
  for (const auto& [name, tensor] : model) {
    if (!is_running(name)) order.push_back(name);
  }
  return order;
}

Ming024Checkpoint read_ming024_checkpoint(const fs::path& file) {
  const Value root = weights::read_torch(file);
  const Value* state = root.find("model");
  if (!state || !state->is_dict()) {
    throw DataError(
        fmt::format("{}: no \"model\" in it, so it is no checkpoint of ming024/FastSpeech2", file.string()));
  }
  Ming024Checkpoint checkpoint;
  for (const auto& [key, value] : state->as_dict()) {
    std::string name = key.as_text();
    if (name.starts_with("module.")) name = name.substr(7);  // saved from nn.DataParallel
    checkpoint.model.insert(name, value.as_tensor());
  }
  if (const Value* optimizer = root.find("optimizer"); optimizer && optimizer->is_dict()) {
    checkpoint.optimizer = read_adam(*optimizer, optimizer_order(checkpoint.model));
  }
  return checkpoint;
}

void write_ming024_checkpoint(const fs::path& file, const Ming024Checkpoint& checkpoint) {
  AdamState fresh;  // the reference's loader asks for the key even when it only restores the model
  Value::Dict root = {
      {"model", Value::state_dict(checkpoint.model)},
      {"optimizer", adam_value(checkpoint.optimizer.value_or(fresh), optimizer_order(checkpoint.model))}};
  weights::write_torch_zip(file, Value::dict(std::move(root)));
}

Config ming024_config(const TensorMap& model, const Ming024Settings& settings) {
  Config config;
  apply_ming024(config);
  sizes_of_stack(model, "encoder", config.encoder);
  sizes_of_stack(model, "decoder", config.decoder);
  config.variance.filter = size(model, "variance_adaptor.duration_predictor.conv_layer.conv1d_1.conv.weight", 0);
  config.variance.kernel = size(model, "variance_adaptor.duration_predictor.conv_layer.conv1d_1.conv.weight", 2);
  config.variance.bins = size(model, "variance_adaptor.pitch_embedding.weight", 0);
  config.mel.mels = size(model, "mel_linear.weight", 0);
  config.postnet_layers = count_layers(model, "postnet.convolutions.", ".0.conv.weight");
  if (config.postnet_layers > 0) config.postnet_filter = size(model, "postnet.convolutions.0.0.conv.weight", 0);
  config.max_frames = size(model, "encoder.position_enc", 1) - 1;
  config.speaker_table = model.contains("speaker_emb.weight");
  config.variance.energy_obeys_pitch_control = true;

  const YAML::Node net = load_yaml(settings.model);
  take(net, {"transformer", "encoder_head"}, settings.model, config.encoder.heads);
  take(net, {"transformer", "decoder_head"}, settings.model, config.decoder.heads);
  take(net, {"transformer", "encoder_dropout"}, settings.model, config.encoder.dropout);
  take(net, {"transformer", "decoder_dropout"}, settings.model, config.decoder.dropout);
  take(net, {"variance_predictor", "dropout"}, settings.model, config.variance.dropout);
  take(net, {"variance_embedding", "pitch_quantization"}, settings.model, config.variance.pitch_scale);
  take(net, {"variance_embedding", "energy_quantization"}, settings.model, config.variance.energy_scale);

  const YAML::Node data = load_yaml(settings.preprocess);
  const auto level = [&](const char* kind, std::string& value) {
    std::string text = value + "_level";
    take(data, {"preprocessing", kind, "feature"}, settings.preprocess, text);
    value = text == "frame_level" ? "frame" : "phoneme";
  };
  level("pitch", config.variance.pitch_level);
  level("energy", config.variance.energy_level);
  take(data, {"preprocessing", "pitch", "normalization"}, settings.preprocess, config.variance.normalise);
  take(data, {"preprocessing", "audio", "sampling_rate"}, settings.preprocess, config.mel.rate_hz);
  take(data, {"preprocessing", "stft", "filter_length"}, settings.preprocess, config.mel.fft_samples);
  take(data, {"preprocessing", "stft", "win_length"}, settings.preprocess, config.mel.window_samples);
  take(data, {"preprocessing", "stft", "hop_length"}, settings.preprocess, config.mel.hop_samples);
  take(data, {"preprocessing", "mel", "mel_fmin"}, settings.preprocess, config.mel.f_min_hz);
  take(data, {"preprocessing", "mel", "mel_fmax"}, settings.preprocess, config.mel.f_max_hz);
  std::string language = "en";
  take(data, {"preprocessing", "text", "language"}, settings.preprocess, language);
  config.front_end = language == "zh" ? "ming024:mandarin" : "ming024:english";
  return config;
}

VarianceStatistics read_statistics(const nlohmann::json& stats, const std::string& where) {
  const auto one = [&](const char* kind) {
    const auto found = stats.find(kind);
    if (found == stats.end() || !found->is_array() || found->size() != 4 ||
        !std::all_of(found->begin(), found->end(), [](const auto& x) { return x.is_number(); })) {
      throw DataError(fmt::format("{}: \"{}\" must be [min, max, mean, deviation]", where, kind));
    }
    const Statistics s{(*found)[0], (*found)[1], (*found)[2], (*found)[3]};
    if (!(s.deviation > 0))
      throw DataError(fmt::format("{}: the deviation of {} is {}, it must be positive", where, kind, s.deviation));
    return s;
  };
  return {one("pitch"), one("energy")};
}

nlohmann::json statistics_json(const VarianceStatistics& statistics) {
  const auto one = [](const Statistics& s) { return nlohmann::json{s.min, s.max, s.mean, s.deviation}; };
  return {{"pitch", one(statistics.pitch)}, {"energy", one(statistics.energy)}};
}

std::vector<std::string> ming024_phones(std::int64_t rows) {
  std::vector<std::string> phones;
  for (const std::string& symbol : text::ming024_symbols()) {
    const bool phone = symbol.size() > 1 && symbol[0] == '@';
    phones.push_back(phone ? symbol.substr(1) : phones.empty() ? symbol : "char:" + symbol);
  }
  while (static_cast<std::int64_t>(phones.size()) < rows) phones.push_back("spare");
  phones.resize(static_cast<std::size_t>(rows));
  return phones;
}

}  // namespace timbre::fastspeech2
