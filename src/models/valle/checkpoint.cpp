#include "models/valle/checkpoint.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "base/error.h"
#include "models/valle/layout.h"
#include "weights/checkpoint_tree.h"
#include "weights/torch_file.h"

namespace timbre::valle {
namespace {

using weights::TensorMap;
using weights::Value;

constexpr const char* kStatePrefix = "module.";
constexpr std::array<const char*, 5> kStates = {"optimizer", "scheduler", "grad_scaler", "sampler", "model_avg"};
/// Plachtaa's rows, in their order.
const std::vector<std::string> kThreeLanguages = {"en", "zh", "ja"};

bool is_state(const std::string& key) {
  return key == "model" || std::find(kStates.begin(), kStates.end(), key) != kStates.end();
}

/// The tensors of a state dictionary without the prefix that all of them may have.
TensorMap tensors_of(const Value& state, const std::string& where) {
  if (!state.is_dict()) throw DataError(fmt::format("{} is {}, not a dictionary of tensors", where, state.kind_name()));
  TensorMap out;
  bool wrapped = !state.as_dict().empty();
  for (const auto& [key, value] : state.as_dict())
    wrapped = wrapped && key.is_text() && key.as_text().starts_with(kStatePrefix);
  for (const auto& [key, value] : state.as_dict()) {
    if (!key.is_text() || !value.is_tensor())
      throw DataError(fmt::format("{} holds something else than tensors", where));
    out.insert(wrapped ? key.as_text().substr(std::strlen(kStatePrefix)) : key.as_text(), value.as_tensor());
  }
  return out;
}

/// Rows of a table, 0 when it is not there.
std::int64_t rows_of(const TensorMap& model, const std::string& name, std::size_t axis = 0) {
  const auto* found = model.find(name);
  return found && axis < found->shape.size() ? found->shape[axis] : 0;
}

/// How many of name.0.…, name.1.… there are.
std::int64_t count_of(const TensorMap& model, const std::string& name, const std::string& tail) {
  std::int64_t n = 0;
  while (model.contains(fmt::format("{}.{}.{}", name, n, tail))) ++n;
  return n;
}

/// A run parameter's value, told apart from what the shapes say.
class Told {
 public:
  Told(const Value& parameters, std::vector<std::string>& notes) : parameters_(parameters), notes_(notes) {}
  /// `seen` is what the tensors say; a parameter that says otherwise is noted.
  template <class T>
  T seen(const char* key, T seen) {
    const Value* told = parameters_.find(key);
    if (!told || told->is_none()) return seen;
    const T said = as<T>(*told, key);
    if (said != seen)
      notes_.push_back(
          fmt::format("{} is {} by the shapes of the tensors; the run parameter says {}", key, seen, said));
    return seen;
  }
  template <class T>
  T or_else(const char* key, T guess, const char* why) {
    const Value* told = parameters_.find(key);
    if (told && !told->is_none()) return as<T>(*told, key);
    notes_.push_back(fmt::format("no run parameter {}: {} {}", key, guess, why));
    return guess;
  }

 private:
  template <class T>
  T as(const Value& value, const char* key) const {
    try {
      if constexpr (std::is_same_v<T, bool>)
        return value.as_bool();
      else if constexpr (std::is_same_v<T, std::int64_t>)
        return value.as_int();
      else if constexpr (std::is_same_v<T, double>)
        return value.as_real();
      else
        return value.as_text();
    } catch (const DataError& error) {
      throw DataError(fmt::format("run parameter {}: {}", key, error.what()));
    }
  }
  const Value& parameters_;
  std::vector<std::string>& notes_;
};

void read_transformer(Config& config, const TensorMap& model, Told& told) {
  config.decoder_dim =
      told.seen<std::int64_t>("decoder_dim", rows_of(model, "text_embedding.word_embeddings.weight", 1));
  config.text_rows = rows_of(model, "text_embedding.word_embeddings.weight");
  config.num_decoder_layers =
      told.seen<std::int64_t>("num_decoder_layers", count_of(model, "encoder.layers", "linear1.weight"));
  config.add_prenet = told.seen("add_prenet", model.contains("encoder_prenet.1.weight"));
  config.scaling_xformers =
      told.seen("scaling_xformers", model.contains("encoder.layers.0.self_attn.in_proj_linear.weight"));
  config.norm_first =
      told.seen("norm_first", model.contains("encoder.norm.weight") || model.contains("encoder.norm.norm.eps"));
}

/// Whether a head and the table that it may be tied to hold the same numbers.
bool heads_agree(const TensorMap& model, std::int64_t books) {
  for (std::int64_t j = 0; j + 2 < books; ++j) {
    const auto* head = model.find(fmt::format("nar_predict_layers.{}.weight", j));
    const auto* table = model.find(fmt::format("nar_audio_embeddings.{}.word_embeddings.weight", j + 2));
    if (head && table && !weights::same(*head, *table)) return false;
  }
  return true;
}

void read_valle(Config& config, const TensorMap& model, Told& told) {
  const std::string tail = ".word_embeddings.weight";
  config.decoder_dim = told.seen<std::int64_t>("decoder_dim", rows_of(model, "ar_text_embedding" + tail, 1));
  config.text_rows = rows_of(model, "ar_text_embedding" + tail);
  config.codebook_size = rows_of(model, "ar_predict_layer.weight") - 1;
  config.prepend_bos =
      told.seen("prepend_bos", rows_of(model, "ar_audio_embedding" + tail) == config.codebook_size + 2);
  config.num_decoder_layers =
      told.seen<std::int64_t>("num_decoder_layers", count_of(model, "ar_decoder.layers", "linear1.weight"));
  config.add_prenet = told.seen("add_prenet", model.contains("ar_text_prenet.1.weight"));
  config.norm_first = told.seen("norm_first", model.contains("ar_decoder.norm.weight"));
  config.num_quantizers = told.seen<std::int64_t>(
      "num_quantizers", std::max<std::int64_t>(1, count_of(model, "nar_audio_embeddings", "word_embeddings.weight")));
  const bool vallf = model.contains("ar_decoder.layers.0.multihead_attn.in_proj_weight");
  config.model_name = vallf ? "vallf" : "valle";
  const auto nar = static_cast<double>(rows_of(model, "nar_text_embedding" + tail, 1));
  config.scale_factor =
      told.or_else("scale_factor", config.decoder_dim > 0 ? nar / static_cast<double>(config.decoder_dim) : 1.0,
                   "by the widths of the two parts");
  config.share_embedding =
      told.or_else("share_embedding", heads_agree(model, config.num_quantizers), "by comparing heads with tables");
  config.prefix_mode = told.or_else<std::int64_t>("prefix_mode", 1, "is what both published recipes use");
  const std::int64_t languages = rows_of(model, "ar_language_embedding" + tail);
  if (languages == static_cast<std::int64_t>(kThreeLanguages.size())) {
    config.languages = kThreeLanguages;
  } else {
    for (std::int64_t i = 0; i < languages; ++i)
      config.languages.push_back(i < 3 ? kThreeLanguages[static_cast<std::size_t>(i)] : fmt::format("language{}", i));
  }
}

std::string list_text(const std::vector<std::string>& lines) {
  constexpr std::size_t kShown = 8;
  std::string out;
  for (std::size_t i = 0; i < std::min(lines.size(), kShown); ++i) out += "\n  " + lines[i];
  if (lines.size() > kShown) out += fmt::format("\n  and {} more", lines.size() - kShown);
  return out;
}

}  // namespace

Config config_of(const TensorMap& model, const Value& parameters, std::vector<std::string>& notes) {
  Config config;
  Told told(parameters, notes);
  if (model.contains("text_embedding.word_embeddings.weight")) {
    config.model_name = "transformer";
    read_transformer(config, model, told);
  } else if (model.contains("ar_text_embedding.word_embeddings.weight")) {
    read_valle(config, model, told);
  } else {
    throw DataError("there is neither ar_text_embedding nor text_embedding in it: no VALL-E, VALL-F or Transformer");
  }
  config.nhead = told.or_else<std::int64_t>("nhead", std::max<std::int64_t>(1, config.decoder_dim / 64),
                                            "heads of 64 numbers, as in the published sizes");
  if (!config.languages.empty()) config.front_end = "vallex:mix";
  return config;
}

Checkpoint parse_checkpoint(const Value& root, const std::string& name, const ReadOptions& options) {
  const Value* state = root.find("model");
  if (!state) throw DataError(fmt::format("{}: no \"model\" in it, so no checkpoint of a VALL-E trainer", name));
  Checkpoint out;
  out.model = tensors_of(*state, name + ": model");
  if (const Value* average = root.find("model_avg"); average && !average->is_none())
    out.model_avg = tensors_of(*average, name + ": model_avg");
  std::vector<std::string> replaced;
  /// Plain data, with a note that names the key.
  const auto plain = [&](const std::string& key, const Value& value) {
    std::vector<std::string> lines;
    Value result = weights::plain_data(value, lines);
    for (const std::string& line : lines) replaced.push_back(key + ": " + line.substr(line.find(": ") + 2));
    return result;
  };
  const auto state_of = [&](const char* key) {
    const Value* found = root.find(key);
    return found ? plain(key, *found) : Value();
  };
  out.optimizer = state_of("optimizer");
  out.scheduler = state_of("scheduler");
  out.grad_scaler = state_of("grad_scaler");
  out.sampler = state_of("sampler");
  for (const auto& [key, value] : root.as_dict())
    if (key.is_text() && !is_state(key.as_text())) out.parameters.put(key.as_text(), plain(key.as_text(), value));
  try {
    out.config = config_of(out.model, out.parameters, out.notes);
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}", name, error.what()));
  }
  for (const std::string& line : replaced) out.notes.push_back(line);
  auto wrong = misfits(out.config, out.model);
  for (const std::string& problem : out.config.problems()) wrong.push_back(problem);
  if (options.strict && !wrong.empty())
    throw DataError(fmt::format("{}: {} tensors do not fit the network that its run parameters and shapes describe:{}",
                                name, wrong.size(), list_text(wrong)),
                    "is it a checkpoint of lifeiteng/vall-e, Plachtaa/VALL-E-X or a fork of them with changed layers?");
  for (const std::string& line : wrong) out.notes.push_back(line);
  return out;
}

Checkpoint read_checkpoint(const std::filesystem::path& path, const ReadOptions& options) {
  return parse_checkpoint(weights::read_torch(path), path.string(), options);
}

bool looks_like_checkpoint(const std::filesystem::path& path, Line line) {
  try {
    if (!std::filesystem::is_regular_file(path)) return false;
    const Value root = weights::read_torch(path, {.verify_crc = false});
    const Value* model = root.find("model");
    if (!model || !model->is_dict()) return false;
    const auto has = [&](const std::string& name) { return model->find(name) || model->find(kStatePrefix + name); };
    const bool languages = has("ar_language_embedding.word_embeddings.weight");
    if (line == Line::vallex) return languages;
    return !languages && (has("ar_text_embedding.word_embeddings.weight") ||
                          (has("text_embedding.word_embeddings.weight") && has("encoder_position.alpha")));
  } catch (const Error&) {
    return false;
  }
}

TensorMap with_ties(const Config& config, const TensorMap& tensors) {
  TensorMap out;
  std::set<std::string> placed;
  for (const Slot& slot : layout(config)) {
    const auto* found = tensors.find(slot.tied_to.empty() ? slot.name : slot.tied_to);
    if (!found) continue;
    out.insert(slot.name, *found);
    placed.insert(slot.name);
  }
  for (const auto& [name, tensor] : tensors)
    if (!placed.contains(name)) out.insert(name, tensor);
  return out;
}

TensorMap without_ties(const Config& config, const TensorMap& tensors) {
  std::set<std::string> tied;
  for (const Slot& slot : layout(config))
    if (!slot.tied_to.empty()) tied.insert(slot.name);
  TensorMap out;
  for (const auto& [name, tensor] : tensors)
    if (!tied.contains(name)) out.insert(name, tensor);
  return out;
}

Value to_value(const Checkpoint& checkpoint) {
  Value root = Value::dict();
  const auto state = [&](const TensorMap& tensors) {
    // two names of different storages with equal bytes stay two: only ties share
    return Value::state_dict(with_ties(checkpoint.config, tensors));
  };
  root.put("model", state(checkpoint.model));
  root.put("optimizer", checkpoint.optimizer);
  root.put("scheduler", checkpoint.scheduler);
  root.put("grad_scaler", checkpoint.grad_scaler);
  root.put("sampler", checkpoint.sampler);
  if (!checkpoint.model_avg.empty()) root.put("model_avg", state(checkpoint.model_avg));
  for (const auto& [key, value] : checkpoint.parameters.as_dict()) root.put(key.as_text(), value);
  return root;
}

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  weights::write_torch_zip(path, to_value(checkpoint));
}

void set_parameters(Value& parameters, const Config& config) {
  const auto keep = [&](const char* key, Value value) { parameters.put(key, std::move(value)); };
  const char* name = config.network() == Network::valle   ? "VALL-E"
                     : config.network() == Network::vallf ? "VALL-F"
                                                          : "Transformer";
  // A name that already means this network keeps its spelling.
  const Value* there = parameters.find("model_name");
  Config other;
  if (there && there->is_text()) other.model_name = there->as_text();
  if (!there || !there->is_text() || other.network() != config.network()) keep("model_name", name);
  keep("decoder_dim", config.decoder_dim);
  keep("nhead", config.nhead);
  keep("num_decoder_layers", config.num_decoder_layers);
  keep("scale_factor", config.scale_factor);
  keep("norm_first", config.norm_first);
  keep("add_prenet", config.add_prenet);
  keep("prefix_mode", config.prefix_mode);
  keep("share_embedding", config.share_embedding);
  keep("prepend_bos", config.prepend_bos);
  keep("num_quantizers", config.num_quantizers);
  keep("scaling_xformers", config.scaling_xformers);
}

std::vector<std::string> fit_text_rows(TensorMap& tensors, std::int64_t rows, const TensorMap& fresh) {
  std::vector<std::string> said;
  for (const char* name : {"ar_text_embedding.word_embeddings.weight", "nar_text_embedding.word_embeddings.weight",
                           "text_embedding.word_embeddings.weight"}) {
    const weights::Tensor* old = tensors.find(name);
    if (!old || old->shape.size() != 2 || old->shape[0] == rows) continue;
    const std::int64_t width = old->shape[1], kept = std::min(rows, old->shape[0]);
    std::vector<float> values = old->to_f32();
    const std::int64_t had = old->shape[0];
    values.resize(static_cast<std::size_t>(rows * width), 0.0f);
    const weights::Tensor* more = fresh.find(name);
    const bool drawn = more && more->shape == std::vector<std::int64_t>{rows, width};
    if (drawn && rows > had) {
      const auto from = more->to_f32();
      std::copy(from.begin() + had * width, from.end(), values.begin() + had * width);
    }
    tensors.set(name, weights::Tensor::of<float>({rows, width}, std::move(values)));
    said.push_back(rows < had ? fmt::format("{}: rows 0 to {} of {} kept, the others dropped", name, kept - 1, had)
                              : fmt::format("{}: all {} rows kept, rows {} to {} new ({})", name, had, had, rows - 1,
                                            drawn ? "drawn at random" : "zeros"));
  }
  return said;
}

}  // namespace timbre::valle
