#include "models/llasa/adapter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "models/llasa/layout.h"
#include "weights/load.h"
#include "weights/safetensors.h"

namespace timbre::llasa {
namespace {

using Json = nlohmann::ordered_json;
using weights::TensorMap;

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kTensorFile = "adapter_model.safetensors";
constexpr const char* kPrefix = "base_model.model.";
constexpr const char* kPrintKey = "timbre_base_fingerprint";

[[noreturn]] void fail(const std::string& where, const char* key, const std::string& what) {
  throw DataError(fmt::format("{}: '{}' {}", where, key, what));
}

const Json& of_key(const Json& json, const char* key) {
  static const Json null;
  const auto found = json.find(key);
  return found == json.end() ? null : *found;
}

double number(const Json& json, const char* key, const std::string& where) {
  const Json& value = of_key(json, key);
  if (!value.is_number()) fail(where, key, fmt::format("is {}; expected a number", value.dump()));
  return value.get<double>();
}

bool flag(const Json& json, const char* key) {
  const Json& value = of_key(json, key);
  return value.is_boolean() && value.get<bool>();
}

/// Neither null, false, nor empty.
bool says_something(const Json& value) {
  if (value.is_null() || (value.is_boolean() && !value.get<bool>())) return false;
  return !((value.is_array() || value.is_object() || value.is_string()) && value.empty());
}

void refuse_other_kinds(const Json& json, const std::string& where) {
  if (const Json& type = of_key(json, "peft_type"); !type.is_string() || type.get<std::string>() != "LORA")
    fail(where, "peft_type", fmt::format("is {}; \"LORA\" is computed here", type.dump()));
  for (const char* key :
       {"use_dora", "use_qalora", "lora_bias", "fan_in_fan_out", "modules_to_save", "layer_replication",
        "target_parameters", "trainable_token_indices", "megatron_config", "use_bdlora"})
    if (says_something(of_key(json, key)))
      fail(where, key, fmt::format("is {}; adapters of this kind are not computed here", of_key(json, key).dump()));
  if (const Json& bias = of_key(json, "bias"); bias.is_string() && bias.get<std::string>() != "none")
    fail(where, "bias", fmt::format("is {}; \"none\" is computed here", bias.dump()));
}

std::vector<std::string> patterns(const Json& json, const char* key, const std::string& where) {
  const Json& table = of_key(json, key);
  std::vector<std::string> out;
  if (table.is_null()) return out;
  if (!table.is_object()) fail(where, key, "is no object of numbers");
  for (const auto& [name, value] : table.items()) {
    const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
      return std::isalnum(c) || c == '_' || c == '.';
    });
    if (!plain) fail(where, key, fmt::format("has '{}'; plain names of modules are understood here", name));
    if (!value.is_number() || value.get<double>() <= 0)
      fail(where, key, fmt::format("has {} for {}; expected a number above 0", value.dump(), name));
    out.push_back(fmt::format("{}={}", name, value.get<double>()));
  }
  return out;
}

/// Full names of the modules that the tensors are of.
std::vector<std::string> modules_of(const TensorMap& tensors) {
  std::set<std::string> out;
  for (const std::string& name : tensors.names()) out.insert(name.substr(0, name.rfind(".lora_")));
  return {out.begin(), out.end()};
}

LoraOptions options_of(const Json& json, const TensorMap& tensors, const std::string& where) {
  LoraOptions out;
  const double r = number(json, "r", where);
  if (!(r >= 1 && r <= 8192)) fail(where, "r", fmt::format("is {}; expected 1 to 8192", r));
  out.r = static_cast<std::int64_t>(r);
  out.alpha = number(json, "lora_alpha", where);
  out.dropout = of_key(json, "lora_dropout").is_null() ? 0 : number(json, "lora_dropout", where);
  out.rslora = flag(json, "use_rslora");
  out.rank_pattern = patterns(json, "rank_pattern", where);
  out.alpha_pattern = patterns(json, "alpha_pattern", where);
  const Json& targets = of_key(json, "target_modules");
  bool listed = targets.is_array() && !targets.empty();
  for (const char* key : {"layers_to_transform", "exclude_modules"}) listed = listed && of_key(json, key).is_null();
  out.targets = modules_of(tensors);
  if (!listed) return out;
  out.targets.clear();
  for (const Json& one : targets) {
    if (!one.is_string()) fail(where, "target_modules", fmt::format("has {}; expected names", one.dump()));
    out.targets.push_back(one.get<std::string>());
  }
  std::sort(out.targets.begin(), out.targets.end());  // peft writes a set, in any order
  return out;
}

/// "folder/name" → "name".
std::string last_part(std::string path) {
  while (path.ends_with('/')) path.pop_back();
  return path.substr(path.rfind('/') + 1);
}

weights::Tensor merge(const weights::Tensor& base, const weights::Tensor& a, const weights::Tensor& b, double scale) {
  const std::vector<float> A = a.to_f32(), B = b.to_f32();
  std::vector<float> out = base.to_f32();
  const auto inputs = static_cast<std::size_t>(base.shape[1]), rank = static_cast<std::size_t>(a.shape[0]);
  std::vector<float> delta(inputs);
  for (std::size_t o = 0; o < static_cast<std::size_t>(base.shape[0]); ++o) {
    std::fill(delta.begin(), delta.end(), 0.0f);
    for (std::size_t r = 0; r < rank; ++r) {
      const float by = B[o * rank + r];
      const float* row = A.data() + r * inputs;
      for (std::size_t i = 0; i < inputs; ++i) delta[i] += by * row[i];
    }
    float* to = out.data() + o * inputs;
    for (std::size_t i = 0; i < inputs; ++i) to[i] += delta[i] * static_cast<float>(scale);
  }
  return weights::Tensor::of<float>(base.shape, std::move(out));
}

Json patterns_json(const std::vector<std::string>& patterns) {
  Json out = Json::object();
  for (const std::string& text : patterns) {
    const std::size_t equals = text.rfind('=');
    const double value = std::stod(text.substr(equals + 1));
    if (value == static_cast<double>(static_cast<std::int64_t>(value)))
      out[text.substr(0, equals)] = static_cast<std::int64_t>(value);
    else
      out[text.substr(0, equals)] = value;
  }
  return out;
}

}  // namespace

bool looks_like_adapter(const fs::path& folder) {
  return fs::is_regular_file(folder / kConfigFile) &&
         (fs::is_regular_file(folder / kTensorFile) || fs::is_regular_file(folder / "adapter_model.bin"));
}

Adapter read_adapter(const fs::path& folder) {
  if (!looks_like_adapter(folder))
    throw DataError(fmt::format("{}: no adapter: expected adapter_config.json and adapter_model.safetensors in it",
                                folder.string()),
                    "name a folder as save_pretrained() of peft leaves it");
  Adapter out;
  const std::string where = (folder / kConfigFile).string();
  out.config_json = read_json<Json>(folder / kConfigFile);
  if (!out.config_json.is_object()) throw DataError(where + ": expected a JSON object");
  refuse_other_kinds(out.config_json, where);
  weights::Metadata metadata;
  TensorMap stored;
  if (fs::is_regular_file(folder / kTensorFile))
    stored = weights::read_safetensors(folder / kTensorFile, &metadata);
  else
    stored = weights::load_tensors(folder / "adapter_model.bin");
  for (const auto& [name, tensor] : stored) {
    if (!name.starts_with(kPrefix) || (!name.ends_with(".lora_A.weight") && !name.ends_with(".lora_B.weight")) ||
        tensor.shape.size() != 2)
      throw DataError(
          fmt::format("{}: tensor '{}' {} is none of a LoRA adapter: expected {}MODULE.lora_A.weight or "
                      ".lora_B.weight with two axes",
                      folder.string(), name, tensor.describe(), kPrefix));
    out.tensors.insert(name.substr(std::string_view(kPrefix).size()), tensor);
  }
  if (out.tensors.empty()) throw DataError(fmt::format("{}: the adapter has no tensors", folder.string()));
  out.options = options_of(out.config_json, out.tensors, where);
  if (const Json& base = of_key(out.config_json, "base_model_name_or_path"); base.is_string())
    out.base_model = base.get<std::string>();
  if (const auto print = metadata.find(kPrintKey); print != metadata.end()) out.base_fingerprint = print->second;
  return out;
}

void write_adapter(const fs::path& folder, const Adapter& adapter) {
  if (fs::exists(folder)) throw UsageError(fmt::format("{} exists already", folder.string()), "choose another folder");
  Json json = adapter.config_json;
  if (!json.is_object())
    json = {{"auto_mapping", nullptr},
            {"bias", "none"},
            {"fan_in_fan_out", false},
            {"inference_mode", true},
            {"init_lora_weights", true},
            {"layers_pattern", nullptr},
            {"layers_to_transform", nullptr},
            {"modules_to_save", nullptr},
            {"revision", nullptr},
            {"task_type", "CAUSAL_LM"},
            {"use_dora", false}};
  json["peft_type"] = "LORA";
  json["base_model_name_or_path"] = adapter.base_model;
  json["r"] = adapter.options.r;
  json["lora_alpha"] = adapter.options.alpha;
  json["lora_dropout"] = adapter.options.dropout;
  json["use_rslora"] = adapter.options.rslora;
  json["target_modules"] = adapter.options.targets;
  json["rank_pattern"] = patterns_json(adapter.options.rank_pattern);
  json["alpha_pattern"] = patterns_json(adapter.options.alpha_pattern);
  fs::path staged = folder;
  staged += ".part";
  fs::remove_all(staged);
  make_folders(staged);
  write_file_atomic(staged / kConfigFile, json.dump(2) + "\n");
  TensorMap named;
  for (const auto& [name, tensor] : adapter.tensors) named.insert(kPrefix + name, tensor);
  weights::Metadata metadata = {{"format", "pt"}};
  if (!adapter.base_fingerprint.empty()) metadata[kPrintKey] = adapter.base_fingerprint;
  weights::write_safetensors(staged / kTensorFile, named, metadata);
  publish_folder(staged, folder);
}

std::string fingerprint(const TensorMap& base) {
  constexpr std::int64_t kNumbers = 256;
  std::string all;
  std::vector<std::string> names = base.names();
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    const weights::Tensor& tensor = base.at(name);
    all += fmt::format("{}{};", name, weights::shape_text(tensor.shape));
    weights::Tensor head = tensor;  // a view of its beginning
    head.shape = {std::min(tensor.numel(), kNumbers)};
    for (const float value : head.to_f32()) all += fmt::format("{:04x}", weights::to_bf16(value).bits);
  }
  return hash_hex(all);
}

void check_adapter(const Adapter& adapter, const Config& config, const std::string& base_print,
                   const std::string& where) {
  Config with = config;
  with.lora = adapter.options;
  std::vector<std::string> wrong = misfits(lora_layout(with), adapter.tensors);
  if (!wrong.empty()) {
    const std::size_t shown = std::min<std::size_t>(wrong.size(), 3);
    throw DataError(fmt::format("{}: this adapter is for another base: {} of its tensors do not fit: {}{}", where,
                                wrong.size(), fmt::join(wrong.begin(), wrong.begin() + static_cast<long>(shown), "; "),
                                wrong.size() > shown ? "; …" : ""),
                    adapter.base_model.empty() ? "" : fmt::format("its base is {}", adapter.base_model));
  }
  if (!adapter.base_fingerprint.empty() && !base_print.empty()) {
    if (adapter.base_fingerprint == base_print) return;
    throw DataError(fmt::format("{}: this adapter is for another base: it was made on weights with the fingerprint {}, "
                                "these have {}",
                                where, adapter.base_fingerprint.substr(0, 12), base_print.substr(0, 12)),
                    adapter.base_model.empty() ? "" : fmt::format("its base is {}", adapter.base_model));
  }
  if (!adapter.base_model.empty() && !config.base_model.empty() &&
      last_part(adapter.base_model) != last_part(config.base_model))
    throw DataError(
        fmt::format("{}: this adapter is for {}, the network is {}", where, adapter.base_model, config.base_model),
        "take its own base; where both are the same weights under two names, set base_model_name_or_path "
        "in adapter_config.json");
}

std::vector<Source> merged_sources(const TensorMap& base, const Adapter& adapter) {
  std::vector<Source> out;
  for (const auto& [name, tensor] : base) {
    const std::string module = name.substr(0, name.rfind(".weight"));
    const auto rank = lora_of(adapter.options, module);
    const weights::Tensor* a = adapter.tensors.find(module + ".lora_A.weight");
    const weights::Tensor* b = adapter.tensors.find(module + ".lora_B.weight");
    if (!rank || !a || !b) {
      out.push_back({name, tensor.shape, [tensor = tensor] { return tensor; }});
      continue;
    }
    out.push_back({name, tensor.shape,
                   [tensor = tensor, a = *a, b = *b, scale = rank->scale] { return merge(tensor, a, b, scale); }});
  }
  return out;
}

}  // namespace timbre::llasa
