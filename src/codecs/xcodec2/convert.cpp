#include "codecs/xcodec2/convert.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "codecs/xcodec2/features.h"
#include "codecs/xcodec2/names.h"
#include "roles/network_folder.h"
#include "weights/checkpoint_tree.h"
#include "weights/load.h"
#include "weights/torch_file.h"

namespace timbre::xcodec2 {
namespace {

using nlohmann::json;
using weights::TensorMap;
using weights::Value;

constexpr const char* kLightning = "xcodec2-lightning";
constexpr const char* kPublished = "xcodec2";
constexpr const char* kTransformers = "xcodec2-hf";

/// The weights file that is meant: the file itself, model.safetensors (or its index), the only .ckpt; empty for none.
fs::path weights_file(const fs::path& source) {
  std::error_code ignored;
  if (fs::is_regular_file(source, ignored)) return source;
  for (const char* name : {"model.safetensors", "model.safetensors.index.json"})
    if (fs::is_regular_file(source / name, ignored)) return source / name;
  fs::path only;
  for (const auto& entry : fs::directory_iterator(source, ignored)) {
    if (entry.path().extension() != ".ckpt") continue;
    if (!only.empty()) return {};
    only = entry.path();
  }
  return only;
}

bool is_safetensors(const fs::path& file) {
  const weights::Format format = weights::format_of(file);
  return format == weights::Format::safetensors || format == weights::Format::safetensors_index;
}

/// Which of the three forms; "" for other weights and for none. Throws DataError for a damaged file.
std::string form_of(const fs::path& source) {
  const fs::path file = weights_file(source);
  if (file.empty()) return "";
  if (is_safetensors(file)) {
    const TensorMap map = weights::read_safetensors(file);
    if (map.contains("acoustic_decoder.fc.weight") && map.contains("semantic_adapter.conv1.weight"))
      return kTransformers;
    return map.contains("fc_post_a.weight") && map.contains("fc_prior.weight") ? kPublished : "";
  }
  const Value root = weights::read_torch(file, {.verify_crc = false});
  const Value* state = root.find("state_dict");
  return state && state->find("fc_post_a.weight") && state->find("fc_prior.weight") ? kLightning : "";
}

bool looks_like(const fs::path& source, const std::string& form) {
  try {
    return form_of(source) == form;
  } catch (const Error&) {
    return false;  // no weights at all: somebody else's format
  }
}

std::optional<std::int64_t> number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// A whole number of a JSON object that may be missing.
void take(const json& from, const char* key, std::int64_t& to, const std::string& where) {
  if (!from.is_object() || !from.contains(key) || from[key].is_null()) return;
  if (!from[key].is_number_integer())
    throw DataError(fmt::format("{}: '{}' is {}, expected a whole number", where, key, from[key].dump()));
  to = from[key].get<std::int64_t>();
}

void take(const json& from, const char* key, std::vector<std::int64_t>& to, const std::string& where) {
  if (!from.is_object() || !from.contains(key) || from[key].is_null()) return;
  const json& list = from[key];
  if (!list.is_array() || !std::all_of(list.begin(), list.end(), [](const json& x) { return x.is_number_integer(); }))
    throw DataError(fmt::format("{}: '{}' is no list of whole numbers", where, key));
  to = list.get<std::vector<std::int64_t>>();
}

/// What transformers' config.json says beyond the tensors.
void read_transformers_config(Config& config, const fs::path& file) {
  const json given = read_json(file);
  const std::string where = file.string();
  take(given, "num_attention_heads", config.heads, where);
  take(given, "num_hidden_layers", config.layers, where);
  take(given, "hidden_size", config.width, where);
  std::int64_t head_width = config.heads > 0 ? config.width / config.heads : 0, key_heads = config.heads;
  take(given, "head_dim", head_width, where);
  take(given, "num_key_value_heads", key_heads, where);
  if (config.heads < 1 || head_width * config.heads != config.width || key_heads != config.heads)
    throw DataError(fmt::format("{}: {} heads of {} with {} for keys do not make a width of {}", where, config.heads,
                                head_width, key_heads, config.width));
  take(given, "quantization_levels", config.levels, where);
  take(given, "downsampling_ratios", config.strides, where);
  const json semantic = given.contains("semantic_model_config") ? given["semantic_model_config"] : json::object();
  take(semantic, "left_max_position_embeddings", config.left_distance, where);
  take(semantic, "right_max_position_embeddings", config.right_distance, where);
  Config checked;  // its ranges, before anything is made in these sizes
  config::Fields fields = checked.fields();
  config::from_json(fields, config::to_json(config.fields()), where);
}

/// The decoder's heads in a Lightning checkpoint's settings, however these were pickled; 0 when they are not there.
std::int64_t heads_of_settings(const Value& root) {
  std::int64_t heads = 0;
  const Value* settings = root.find("hyper_parameters");
  if (!settings) return 0;
  weights::visit_leaves(*settings, [&](const std::string& path, const Value& leaf) {
    const bool named = path.ends_with(".heads._val") || path.ends_with(".heads");
    if (named && path.find("codec_decoder.") != std::string::npos && leaf.kind() == Value::Kind::integer)
      heads = leaf.as_int();
  });
  return heads;
}

void choose_heads(Foreign& foreign, std::int64_t told, const json& options, const std::string& where) {
  if (options.contains("heads")) {
    const auto heads = number(options["heads"].get<std::string>());
    if (!heads || *heads < 1)
      throw UsageError(
          fmt::format("--option heads={}: a whole number is expected", options["heads"].get<std::string>()));
    told = *heads;
  }
  constexpr std::int64_t kPublishedWidth = 1024;
  if (told == 0 && foreign.config.width != kPublishedWidth)
    throw DataError(fmt::format("{}: a decoder of width {} has an unknown number of attention heads (the published "
                                "one of width 1024 has 16)",
                                where, foreign.config.width),
                    "say it: --option heads=N");
  foreign.config.heads = told == 0 ? 16 : told;
}

/// w2v-BERT's own files, where the codec's lack them.
void add_semantic(TensorMap& tensors, const json& options, const std::string& where) {
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with("semantic_model.")) return;
  if (!options.contains("semantic"))
    throw DataError(fmt::format("{}: the layers of w2v-BERT (semantic_model.…) are not in it", where),
                    "name their folder: --option semantic=w2v-bert-2.0");
  for (const auto& [name, tensor] : weights::load_tensors(options["semantic"].get<std::string>()))
    tensors.insert("semantic_model." + name, tensor);
}

/// Renamed to the published spelling. Buffers that only some versions of a library store stay under their names.
TensorMap respelled(const TensorMap& given) {
  TensorMap out;
  for (const auto& [name, tensor] : given) out.insert(published_name(name), tensor);
  return out;
}

bool has_parametrized_names(const TensorMap& given) {
  for (const auto& [name, tensor] : given)
    if (name.starts_with("CodecEnc.") && parametrized_name(published_name(name)) == name &&
        published_name(name) != name)
      return true;
  return false;
}

void read_lightning(Foreign& foreign, const fs::path& file, const json& options) {
  const Value root = weights::read_torch(file);
  const Value* state = root.find("state_dict");
  if (!state || !state->is_dict()) throw DataError(fmt::format("{}: no 'state_dict' in it", file.string()));
  TensorMap given;
  for (const auto& [key, value] : state->as_dict())
    if (key.is_text() && value.is_tensor()) given.insert(key.as_text(), value.as_tensor());
  foreign.tensors = respelled(given);
  add_semantic(foreign.tensors, options, file.string());
  for (const char* key : {"epoch", "global_step"})
    if (const Value* value = root.find(key); value && value->kind() == Value::Kind::integer)
      foreign.provenance[key] = value->as_int();
  read_sizes(foreign.config, foreign.tensors, file.string());
  choose_heads(foreign, heads_of_settings(root), options, file.string());
}

void read_published(Foreign& foreign, const fs::path& file, const json& options) {
  const TensorMap given = weights::read_safetensors(file);
  foreign.tensors = respelled(given);
  if (has_parametrized_names(given)) foreign.provenance["spelling"] = "parametrizations";
  add_semantic(foreign.tensors, options, file.string());
  read_sizes(foreign.config, foreign.tensors, file.string());
  choose_heads(foreign, 0, options, file.string());
}

void read_transformers(Foreign& foreign, const fs::path& file, const json& options) {
  const fs::path settings = file.parent_path() / "config.json";
  if (!fs::exists(settings))
    throw DataError(fmt::format("{}: there is no config.json beside it", file.string()), "it tells the heads");
  read_transformers_config(foreign.config, settings);
  const std::int64_t told = foreign.config.heads;
  foreign.tensors = from_transformers(weights::read_safetensors(file), foreign.config, file.string());
  read_sizes(foreign.config, foreign.tensors, file.string());
  choose_heads(foreign, told, options, file.string());
}

void to_folder(const roles::ConvertRequest& request, const std::string& form) {
  const std::string found = form_of(request.source);
  if (found != form)
    throw UsageError(fmt::format("{} is not of the format '{}'{}", request.source.string(), form,
                                 found.empty() ? "" : fmt::format(" but '{}'", found)),
                     found.empty() ? "X-Codec 2 comes as model.safetensors or a Lightning .ckpt" : "--from " + found);
  Foreign foreign = read_foreign(request.source, request.options);
  roles::refuse_existing(request.out);
  json about = about_codec(foreign.config);
  about["provenance"] = foreign.provenance;
  roles::write_network_folder(request.out, about, foreign.tensors);
}

struct Ours {
  Config config;
  TensorMap tensors;
  json provenance;
};

Ours read_ours(const roles::ConvertRequest& request) {
  const fs::path file = request.source / "voice.json";
  const json about = read_json(file, "give the folder that `timbre convert` made");
  Ours ours{config_of_folder(about, file.string()), {}, about.value("provenance", json::object())};
  ours.tensors = weights::read_safetensors(roles::weights_file(request.source, about));
  roles::refuse_existing(request.out);
  return ours;
}

json extractor(const char* type) {
  return {{"feature_extractor_type", type}, {"feature_size", kBanks}, {"num_mel_bins", kBanks},
          {"padding_side", "right"},        {"padding_value", 1.0},   {"return_attention_mask", true},
          {"sampling_rate", kRateHz},       {"stride", kStacked}};
}

void write_json(const fs::path& path, const json& value) { write_file_atomic(path, value.dump(2) + "\n"); }

void no_weight_norm(const Ours& ours, const char* form) {
  if (!ours.tensors.contains("CodecEnc.conv_blocks.0.weight_v"))
    throw UsageError(
        fmt::format("the weights came from transformers, where weight norm is folded: {} needs both parts", form),
        "--to xcodec2-hf writes them");
}

void to_lightning(const roles::ConvertRequest& request) {
  const Ours ours = read_ours(request);
  no_weight_norm(ours, kLightning);
  const json& from = ours.provenance;
  // What the heads are read from again.
  const Value settings = Value::dict(
      {{"cfg",
        Value::dict({{"model", Value::dict({{"codec_decoder", Value::dict({{"heads", ours.config.heads}})}})}})}});
  make_folders(request.out);
  weights::write_torch_zip(request.out / "xcodec2.ckpt",
                           Value::dict({{"epoch", from.value("epoch", std::int64_t{0})},
                                        {"global_step", from.value("global_step", std::int64_t{0})},
                                        {"hyper_parameters", settings},
                                        {"state_dict", Value::state_dict(ours.tensors)}}));
}

void to_published(const roles::ConvertRequest& request) {
  const Ours ours = read_ours(request);
  no_weight_norm(ours, kPublished);
  const std::string spelling = request.options.value("spelling", ours.provenance.value("spelling", "published"));
  if (spelling != "published" && spelling != "parametrizations")
    throw UsageError(fmt::format("--option spelling={}: published (weight_g, act.beta) or parametrizations", spelling));
  TensorMap out;
  for (const auto& [name, tensor] : ours.tensors)
    if (is_part_of_model(name)) out.insert(spelling == "published" ? name : parametrized_name(name), tensor);
  make_folders(request.out);
  weights::write_safetensors(request.out / "model.safetensors", out, {{"format", "pt"}});
  write_json(request.out / "config.json", {{"model_type", "xcodec2"},
                                           {"architectures", {"XCodec2Model"}},
                                           {"semantic_hidden_size", ours.config.semantic_width},
                                           {"codec_encoder_hidden_size", ours.config.width},
                                           {"codec_decoder_hidden_size", ours.config.width},
                                           {"use_vocos", true}});
  write_json(request.out / "preprocessor_config.json", extractor("SeamlessM4TFeatureExtractor"));
}

void to_hf(const roles::ConvertRequest& request) {
  const Ours ours = read_ours(request);
  const Config& c = ours.config;
  make_folders(request.out);
  weights::write_safetensors(request.out / "model.safetensors", to_transformers(ours.tensors, c), {{"format", "pt"}});
  const json semantic{{"model_type", "wav2vec2-bert"},
                      {"hidden_size", c.semantic_width},
                      {"intermediate_size", c.semantic_ffn},
                      {"num_attention_heads", c.semantic_heads},
                      {"num_hidden_layers", c.semantic_layers},
                      {"output_hidden_size", c.semantic_width},
                      {"left_max_position_embeddings", c.left_distance},
                      {"right_max_position_embeddings", c.right_distance},
                      {"conv_depthwise_kernel_size", c.semantic_kernel},
                      {"feature_projection_input_dim", kFeatureWidth},
                      {"position_embeddings_type", "relative_key"},
                      {"hidden_act", "swish"},
                      {"layer_norm_eps", 1e-5},
                      {"output_hidden_states", true}};
  write_json(request.out / "config.json", {{"model_type", "xcodec2"},
                                           {"architectures", {"Xcodec2Model"}},
                                           {"dtype", "float32"},
                                           {"hidden_size", c.width},
                                           {"intermediate_size", c.ffn},
                                           {"num_hidden_layers", c.layers},
                                           {"num_attention_heads", c.heads},
                                           {"num_key_value_heads", c.heads},
                                           {"head_dim", c.width / c.heads},
                                           {"encoder_hidden_size", c.acoustic_width},
                                           {"downsampling_ratios", c.strides},
                                           {"quantization_dim", c.joint_width()},
                                           {"quantization_levels", c.levels},
                                           {"rms_norm_eps", 1e-6},
                                           {"hidden_act", "silu"},
                                           {"sampling_rate", kRateHz},
                                           {"semantic_model_config", semantic}});
  json preprocessor = extractor("Xcodec2FeatureExtractor");
  preprocessor["hop_length"] = c.hop_samples();
  preprocessor["frame_length"] = 400;
  preprocessor["frame_shift"] = 160;
  write_json(request.out / "preprocessor_config.json", preprocessor);
}

roles::Converter converter(const char* form, const char* summary, void (*back)(const roles::ConvertRequest&)) {
  return {.format = form,
          .summary = summary,
          .recognises = [form](const fs::path& source) { return looks_like(source, form); },
          .to_voice = [form](const roles::ConvertRequest& request) { to_folder(request, form); },
          .from_voice = back};
}

}  // namespace

Foreign read_foreign(const fs::path& source, const json& options) {
  Foreign foreign;
  foreign.form = form_of(source);
  const fs::path file = weights_file(source);
  if (foreign.form.empty())
    throw DataError(fmt::format("{} is no X-Codec 2", source.string()),
                    "a Lightning .ckpt, or a folder with model.safetensors of xcodec2 or xcodec2-hf");
  foreign.provenance = {{"imported_from", foreign.form}, {"file", file.filename().string()}};
  if (foreign.form == kLightning) read_lightning(foreign, file, options);
  if (foreign.form == kPublished) read_published(foreign, file, options);
  if (foreign.form == kTransformers) read_transformers(foreign, file, options);
  if (const auto problems = foreign.config.problems(); !problems.empty())
    throw DataError(fmt::format("{}: {}", file.string(), problems.front()));
  return foreign;
}

std::vector<roles::Converter> converters() {
  return {converter(kPublished, "HKUSTAudio/xcodec2: model.safetensors, both spellings (--option spelling=…, heads=N)",
                    to_published),
          converter(kTransformers,
                    "HKUSTAudio/xcodec2-hf: transformers' Xcodec2Model, model.safetensors and config.json", to_hf),
          converter(kLightning, "zhenye234/X-Codec-2.0: the Lightning .ckpt (--option semantic=FOLDER, heads=N)",
                    to_lightning)};
}

}  // namespace timbre::xcodec2
