#include "models/llasa/hf_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "models/llasa/layout.h"
#include "weights/convert.h"
#include "weights/load.h"
#include "weights/safetensors.h"

namespace timbre::llasa {
namespace {

using Json = nlohmann::ordered_json;
using weights::DType;
using weights::TensorMap;

constexpr const char* kConfigFile = "config.json";
constexpr const char* kGenerationFile = "generation_config.json";

/// What transformers calls the number types that weights come in.
std::string hf_name(DType dtype) {
  return dtype == DType::bf16 ? "bfloat16" : dtype == DType::f16 ? "float16" : "float32";
}

/// Reads values of one JSON object, whose errors name the key.
class Values {
 public:
  Values(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json_.is_object()) throw DataError(fmt::format("{}: expected a JSON object", where_));
  }
  bool has(const char* key) const { return json_.contains(key) && !json_.at(key).is_null(); }
  const Json& at(const char* key) const { return json_.at(key); }
  std::int64_t whole(const char* key, std::int64_t least, std::int64_t most) const {
    if (!has(key)) fail(key, "is missing");
    const Json& value = json_.at(key);
    if (!value.is_number_integer()) fail(key, fmt::format("is {}; expected a whole number", value.dump()));
    if (value.is_number_unsigned() ? value.get<std::uint64_t>() > static_cast<std::uint64_t>(most)
                                   : value.get<std::int64_t>() > most || value.get<std::int64_t>() < least)
      fail(key, fmt::format("is {}; expected {} to {}", value.dump(), least, most));
    if (value.get<std::int64_t>() < least) fail(key, fmt::format("is {}; expected at least {}", value.dump(), least));
    return value.get<std::int64_t>();
  }
  std::int64_t whole_or(const char* key, std::int64_t otherwise, std::int64_t least, std::int64_t most) const {
    return has(key) ? whole(key, least, most) : otherwise;
  }
  double number(const char* key) const {
    if (!has(key)) fail(key, "is missing");
    if (!json_.at(key).is_number()) fail(key, fmt::format("is {}; expected a number", json_.at(key).dump()));
    return json_.at(key).get<double>();
  }
  double number_or(const char* key, double otherwise) const { return has(key) ? number(key) : otherwise; }
  bool flag_or(const char* key, bool otherwise) const {
    if (!has(key)) return otherwise;
    if (!json_.at(key).is_boolean()) fail(key, fmt::format("is {}; expected true or false", json_.at(key).dump()));
    return json_.at(key).get<bool>();
  }
  std::string text_or(const char* key, const std::string& otherwise) const {
    if (!has(key)) return otherwise;
    if (!json_.at(key).is_string()) fail(key, fmt::format("is {}; expected text", json_.at(key).dump()));
    return json_.at(key).get<std::string>();
  }
  [[noreturn]] void fail(const char* key, const std::string& what) const {
    throw DataError(fmt::format("{}: '{}' {}", where_, key, what));
  }

 private:
  const Json& json_;
  std::string where_;
};

constexpr std::int64_t kMost = 1 << 24;

void read_rope(const Values& values, const std::string& where, Config& config) {
  const bool new_style = values.has("rope_parameters");
  const char* key = new_style ? "rope_parameters" : "rope_scaling";
  config.rope_theta = values.number_or("rope_theta", 10000);
  config.rope_scaling = {.rope_type = "default"};
  if (!values.has(key)) return;
  const Values rope(values.at(key), where + ": " + key);
  config.rope_theta = rope.number_or("rope_theta", config.rope_theta);
  RopeScaling& scaling = config.rope_scaling;
  scaling.rope_type = rope.text_or("rope_type", rope.text_or("type", "default"));
  if (scaling.rope_type == "default") return;
  if (scaling.rope_type != "llama3")
    rope.fail("rope_type", fmt::format("is '{}'; llama3 and default are computed here", scaling.rope_type));
  scaling.factor = rope.number("factor");
  scaling.low_freq_factor = rope.number("low_freq_factor");
  scaling.high_freq_factor = rope.number("high_freq_factor");
  scaling.original_max_position_embeddings = rope.whole("original_max_position_embeddings", 1, 1'000'000'000);
}

void refuse_other_networks(const Values& values) {
  if (const std::string type = values.text_or("model_type", ""); type != "llama")
    values.fail("model_type", fmt::format("is '{}'; expected 'llama'", type));
  if (const std::string act = values.text_or("hidden_act", "silu"); act != "silu")
    values.fail("hidden_act", fmt::format("is '{}'; 'silu' is computed here", act));
  for (const char* key : {"attention_bias", "mlp_bias"})
    if (values.flag_or(key, false)) values.fail(key, "is true; networks with biases are not computed here");
  if (values.has("quantization_config"))
    values.fail("quantization_config", "is given; expected weights in fp32, fp16 or bf16");
}

void read_ids(const Values& values, Config& config) {
  const auto id = [&](const char* key, const Json& value) {
    if (!value.is_number_integer() || value.get<std::int64_t>() < 0 || value.get<std::int64_t>() >= config.vocab_size)
      values.fail(key, fmt::format("has {}; expected ids below vocab_size {}", value.dump(), config.vocab_size));
    return value.get<std::int64_t>();
  };
  if (values.has("bos_token_id")) config.bos_token_id = id("bos_token_id", values.at("bos_token_id"));
  if (!values.has("eos_token_id")) return;
  const Json& eos = values.at("eos_token_id");
  if (!eos.is_array()) {
    config.eos_token_id = {id("eos_token_id", eos)};
    return;
  }
  for (const Json& one : eos) config.eos_token_id.push_back(id("eos_token_id", one));
}

}  // namespace

bool looks_like_hf_folder(const fs::path& folder) {
  try {
    if (!fs::is_regular_file(folder / kConfigFile)) return false;
    const bool has_weights =
        fs::exists(folder / "model.safetensors") || fs::exists(folder / "model.safetensors.index.json") ||
        fs::exists(folder / "pytorch_model.bin") || fs::exists(folder / "pytorch_model.bin.index.json");
    if (!has_weights) return false;
    const Json json = read_json<Json>(folder / kConfigFile);
    return json.is_object() && json.contains("model_type") && json["model_type"] == "llama";
  } catch (const std::exception&) {
    return false;
  }
}

Config config_from_hf(const Json& json, const std::string& where) {
  const Values values(json, where);
  refuse_other_networks(values);
  Config config;
  config.vocab_size = values.whole("vocab_size", 1, kMost);
  config.hidden_size = values.whole("hidden_size", 2, 65536);
  config.intermediate_size = values.whole("intermediate_size", 1, 1 << 20);
  config.num_hidden_layers = values.whole("num_hidden_layers", 1, 1024);
  config.num_attention_heads = values.whole("num_attention_heads", 1, 1024);
  config.num_key_value_heads = values.whole_or("num_key_value_heads", config.num_attention_heads, 1, 1024);
  if (!values.has("head_dim") && config.hidden_size % config.num_attention_heads != 0)
    values.fail("hidden_size", fmt::format("is {}, no multiple of num_attention_heads {}, and there is no head_dim",
                                           config.hidden_size, config.num_attention_heads));
  config.head_dim = values.whole_or("head_dim", config.hidden_size / config.num_attention_heads, 2, 4096);
  config.max_position_embeddings = values.whole_or("max_position_embeddings", 2048, 2, 1'000'000'000);
  config.rms_norm_eps = values.number_or("rms_norm_eps", 1e-6);
  config.initializer_range = values.number_or("initializer_range", 0.02);
  config.tie_word_embeddings = values.flag_or("tie_word_embeddings", false);  // Llama's own default
  config.row_length = std::min(config.row_length, config.max_position_embeddings);
  read_rope(values, where, config);
  read_ids(values, config);
  if (const auto problems = config.problems(); !problems.empty())
    throw DataError(fmt::format("{}: {}", where, problems.front()));
  return config;
}

Json config_to_hf(const Config& config, Json json, DType dtype) {
  const bool new_style = json.is_object() && json.contains("rope_parameters");
  if (!json.is_object())
    json = {{"architectures", {"LlamaForCausalLM"}},
            {"attention_bias", false},
            {"attention_dropout", 0.0},
            {"hidden_act", "silu"},
            {"mlp_bias", false},
            {"pretraining_tp", 1},
            {"use_cache", true}};
  json["model_type"] = "llama";
  json["vocab_size"] = config.vocab_size;
  json["hidden_size"] = config.hidden_size;
  json["intermediate_size"] = config.intermediate_size;
  json["num_hidden_layers"] = config.num_hidden_layers;
  json["num_attention_heads"] = config.num_attention_heads;
  json["num_key_value_heads"] = config.num_key_value_heads;
  json["head_dim"] = config.head_dim;
  json["max_position_embeddings"] = config.max_position_embeddings;
  json["rms_norm_eps"] = config.rms_norm_eps;
  json["initializer_range"] = config.initializer_range;
  json["tie_word_embeddings"] = config.tie_word_embeddings;
  if (config.bos_token_id) json["bos_token_id"] = *config.bos_token_id;
  if (config.eos_token_id.size() == 1)
    json["eos_token_id"] = config.eos_token_id.front();
  else if (!config.eos_token_id.empty())
    json["eos_token_id"] = config.eos_token_id;
  Json rope = {{"rope_type", config.rope_scaling.rope_type}};
  if (config.rope_scaling.rope_type == "llama3") {
    rope["factor"] = config.rope_scaling.factor;
    rope["low_freq_factor"] = config.rope_scaling.low_freq_factor;
    rope["high_freq_factor"] = config.rope_scaling.high_freq_factor;
    rope["original_max_position_embeddings"] = config.rope_scaling.original_max_position_embeddings;
  }
  if (new_style) {
    rope["rope_theta"] = config.rope_theta;
    json["rope_parameters"] = rope;
  } else {
    json["rope_theta"] = config.rope_theta;
    json["rope_scaling"] = config.rope_scaling.rope_type == "default" ? Json(nullptr) : rope;
  }
  json[json.contains("dtype") ? "dtype" : "torch_dtype"] = hf_name(dtype);
  return json;
}

HfFolder read_hf_folder(const fs::path& folder) {
  HfFolder out;
  const fs::path file = folder / kConfigFile;
  if (!fs::is_regular_file(file))
    throw DataError(fmt::format("{}: no config.json in it", folder.string()),
                    "name a folder as save_pretrained() of transformers leaves it");
  out.config_json = read_json<Json>(file);
  out.config = config_from_hf(out.config_json, file.string());
  if (fs::is_regular_file(folder / kGenerationFile)) out.generation_json = read_json<Json>(folder / kGenerationFile);
  return out;
}

TensorMap read_hf_tensors(const fs::path& folder, HfFolder& about) {
  TensorMap stored = weights::load_tensors(folder);
  // Buffers that old versions stored and every version computes.
  for (const std::string& name : stored.names())
    if (name.ends_with(".rotary_emb.inv_freq")) stored.erase(name);
  if (about.config.tie_word_embeddings && stored.contains(kHead)) {
    const weights::Tensor* embedding = stored.find(kEmbedding);
    if (embedding && !weights::same(*embedding, stored.at(kHead)))
      about.notes.push_back(
          "config.json ties the output matrix to the embedding, so the lm_head.weight of other numbers that is stored "
          "too is passed over, as transformers does");
    stored.erase(kHead);
  }
  if (const auto wrong = misfits(layout(about.config), stored); !wrong.empty()) {
    const std::size_t shown = std::min<std::size_t>(wrong.size(), 5);
    std::string next = "the weights must be those that config.json describes: fetch the folder again";
    if (wrong.size() == 1 && wrong.front().starts_with(kHead))
      next = "\"tie_word_embeddings\": true in config.json, if the output matrix is the embedding";
    throw DataError(fmt::format("{}: {} tensors do not fit config.json: {}{}", folder.string(), wrong.size(),
                                fmt::join(wrong.begin(), wrong.begin() + static_cast<std::ptrdiff_t>(shown), "; "),
                                wrong.size() > shown ? "; …" : ""),
                    next);
  }
  TensorMap out;
  for (const Slot& slot : layout(about.config)) {
    const weights::Tensor& tensor = stored.at(slot.name);
    if (tensor.dtype != DType::f32 && tensor.dtype != DType::bf16 && tensor.dtype != DType::f16 &&
        tensor.dtype != DType::f64)
      throw DataError(fmt::format("{}: {} is {}; expected fp32, fp16 or bf16", folder.string(), slot.name,
                                  weights::name_of(tensor.dtype)));
    out.insert(slot.name, tensor);
  }
  return out;
}

std::vector<Source> sources_of(const TensorMap& tensors) {
  std::vector<Source> out;
  for (const auto& [name, tensor] : tensors) out.push_back({name, tensor.shape, [tensor = tensor] { return tensor; }});
  return out;
}

void write_hf_weights(const fs::path& folder, const std::vector<Source>& sources, const StoreOptions& options) {
  struct Shard {
    std::vector<weights::Planned> plan;
    std::vector<const Source*> sources;
    std::int64_t bytes = 0;
  };
  std::vector<Shard> shards(1);
  std::int64_t total = 0, parameters = 0;
  for (const Source& source : sources) {
    const weights::Planned planned{source.name, options.dtype, source.shape};
    const std::int64_t bytes = planned.bytes();
    if (shards.back().bytes > 0 && shards.back().bytes + bytes > options.shard_bytes) shards.emplace_back();
    shards.back().plan.push_back(planned);
    shards.back().sources.push_back(&source);
    shards.back().bytes += bytes;
    total += bytes;
    parameters += bytes / static_cast<std::int64_t>(weights::size_of(options.dtype));
  }
  Json map = Json::object();
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const Shard& shard = shards[i];
    const std::string file = shards.size() == 1 ? "model.safetensors"
                                                : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
    weights::write_safetensors(
        folder / file, shard.plan,
        [&](std::size_t k) { return weights::reals_as(shard.sources[k]->make(), options.dtype); }, {{"format", "pt"}});
    for (const weights::Planned& planned : shard.plan) map[planned.name] = file;
  }
  if (shards.size() == 1) return;
  const Json index = {{"metadata", {{"total_parameters", parameters}, {"total_size", total}}}, {"weight_map", map}};
  write_file_atomic(folder / "model.safetensors.index.json", index.dump(2) + "\n");
}

void write_hf_folder(const fs::path& folder, const HfFolder& about, const std::vector<Source>& sources,
                     const StoreOptions& options) {
  if (fs::exists(folder)) throw UsageError(fmt::format("{} exists already", folder.string()), "choose another folder");
  fs::path staged = folder;
  staged += ".part";
  fs::remove_all(staged);
  make_folders(staged);
  const Json config = config_to_hf(about.config, about.config_json, options.dtype);
  write_file_atomic(staged / kConfigFile, config.dump(2) + "\n");
  if (!about.generation_json.is_null())
    write_file_atomic(staged / kGenerationFile, about.generation_json.dump(2) + "\n");
  write_hf_weights(staged, sources, options);
  publish_folder(staged, folder);
}

}  // namespace timbre::llasa
