#include "models/llasa/trainer_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace timbre::llasa {
namespace {

using nlohmann::json;

/// The settings of a file, asked for one after the other; what nobody asks for is unknown.
class Settings {
 public:
  Settings(json values, std::string where) : values_(std::move(values)), where_(std::move(where)) {}

  double number(const char* key, double otherwise) {
    const json value = take(key);
    if (value.is_null()) return otherwise;
    if (!value.is_number()) wrong(key, value, "a number");
    return value.get<double>();
  }
  std::int64_t whole(const char* key, std::int64_t otherwise) {
    const double value = number(key, static_cast<double>(otherwise));
    if (!(std::abs(value) < 1e15) || value != std::floor(value)) wrong(key, value, "a whole number");
    return static_cast<std::int64_t>(value);
  }
  bool truth(const char* key, bool otherwise) {
    const json value = take(key);
    if (value.is_null()) return otherwise;
    if (!value.is_boolean()) wrong(key, value, "true or false");
    return value.get<bool>();
  }
  std::string text(const char* key, const std::string& otherwise = {}) {
    const json value = take(key);
    if (value.is_null()) return otherwise;
    if (!value.is_string()) wrong(key, value, "a text");
    return value.get<std::string>();
  }
  std::string one_of(const char* key, const std::string& otherwise, const std::vector<std::string>& choices) {
    const std::string value = text(key, otherwise);
    if (std::find(choices.begin(), choices.end(), value) == choices.end())
      throw DataError(fmt::format("{}: {} '{}' is not to be had here", where_, key, value),
                      fmt::format("{} can be {}", key, joined(choices)));
    return value;
  }
  void without_effect(std::initializer_list<const char*> keys) {
    for (const char* key : keys) values_.erase(key);
  }
  /// Throws for what is left.
  void refuse_others(const std::vector<std::string>& known) const {
    if (values_.empty()) return;
    const std::string& key = values_.begin().key();
    const std::string nearest = did_you_mean(key, known);
    throw DataError(
        fmt::format("{}: the setting '{}' would have an effect that nothing here has", where_, key),
        nearest.empty() ? "take it out, and say it in timbre's words (timbre train llasa --help)" : nearest);
  }

 private:
  static std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
    return out;
  }
  /// Null where the file says nothing of it.
  json take(const char* key) {
    json value;
    if (const auto found = values_.find(key); found != values_.end()) {
      value = *found;
      values_.erase(found);
    }
    return value;
  }
  [[noreturn]] void wrong(const char* key, const json& value, const char* expected) const {
    throw DataError(fmt::format("{}: {} is {}, expected {}", where_, key,
                                value.dump(-1, ' ', false, json::error_handler_t::replace), expected));
  }
  json values_;
  std::string where_;
};

/// Double quotes, as YAML reads JSON's texts.
std::string quoted(const std::string& text) { return json(text).dump(-1, ' ', false, json::error_handler_t::replace); }

constexpr const char* kKnown[] = {"llm_model_name_or_path",
                                  "data_path",
                                  "output_dir",
                                  "num_train_epochs",
                                  "max_steps",
                                  "learning_rate",
                                  "weight_decay",
                                  "warmup_ratio",
                                  "warmup_steps",
                                  "lr_scheduler_type",
                                  "per_device_train_batch_size",
                                  "gradient_accumulation_steps",
                                  "model_max_length",
                                  "gradient_checkpointing",
                                  "max_grad_norm",
                                  "eval_steps",
                                  "save_steps",
                                  "bf16"};

std::string data_lines(Settings& from) {
  std::string out = "model: llasa\n";
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) out += fmt::format("{}: {}\n", key, quoted(value));
  };
  add("base", from.text("llm_model_name_or_path"));
  add("corpus", from.text("data_path"));
  add("out", from.text("output_dir"));
  out += fmt::format("row_length: {}\n", from.whole("model_max_length", 2048));
  out += fmt::format("recompute: {}\n", from.truth("gradient_checkpointing", true));
  return out;
}

std::string optim_lines(Settings& from) {
  from.one_of("optim", "adamw_torch_fused", {"adamw_torch_fused", "adamw_torch"});
  std::string out = "optim:\n  kind: adamw\n";
  const auto add = [&](const char* key, double value) { out += fmt::format("  {}: {}\n", key, value); };
  add("lr", from.number("learning_rate", 5e-5));
  add("weight_decay", from.number("weight_decay", 0));
  add("beta1", from.number("adam_beta1", 0.9));
  add("beta2", from.number("adam_beta2", 0.999));
  add("eps", from.number("adam_epsilon", 1e-8));
  add("clip_norm", from.number("max_grad_norm", 1));
  const std::map<std::string, std::string> kinds = {{"cosine", "warmup_cosine_hf"},
                                                    {"linear", "warmup_linear_hf"},
                                                    {"constant_with_warmup", "constant_hf"},
                                                    {"constant", "constant_hf"}};
  const std::string kind =
      from.one_of("lr_scheduler_type", "cosine", {"cosine", "linear", "constant_with_warmup", "constant"});
  const double ratio = from.number("warmup_ratio", 0);
  const std::int64_t steps = from.whole("warmup_steps", 0);
  out += fmt::format("schedule:\n  kind: {}\n  final_ratio: 0\n", kinds.at(kind));
  if (kind == "constant") return out;
  return out + (steps > 0 ? fmt::format("  warmup_steps: {}\n", steps) : fmt::format("  warmup_ratio: {}\n", ratio));
}

std::string loop_lines(Settings& from) {
  const std::int64_t seed = from.whole("seed", 42);
  std::string out = fmt::format("batch:\n  items: {}\n  units: 0\n  order: trainer\n  seed: {}\n",
                                from.whole("per_device_train_batch_size", 8), seed);
  const auto add = [&](const char* key, const auto& value) { out += fmt::format("{}: {}\n", key, value); };
  add("seed", seed);
  add("accumulate", from.whole("gradient_accumulation_steps", 1));
  add("partial_steps", true);
  const std::int64_t steps = from.whole("max_steps", -1);
  const double epochs = from.number("num_train_epochs", 3);
  if (steps > 0)
    add("max_steps", steps);
  else
    add("max_epochs", epochs);
  const std::string old_name = from.text("evaluation_strategy", "no"),
                    looks = from.one_of("eval_strategy", old_name, {"no", "steps", "epoch"});
  const std::int64_t logging = from.whole("logging_steps", 100), every = from.whole("eval_steps", logging);
  add("log_every_steps", logging);
  add("valid_every_steps", looks == "steps" ? every : 0);
  add("valid_at_epoch_end", looks == "epoch");
  const std::string saves = from.one_of("save_strategy", "steps", {"no", "steps", "epoch"});
  const std::int64_t save_every = from.whole("save_steps", 500);
  add("save_every_steps", saves == "steps" ? save_every : 0);
  add("keep", from.whole("save_total_limit", 100));
  add("precision", from.truth("bf16", false) ? "bf16" : "fp32");
  return out;
}

}  // namespace

bool looks_like_trainer_file(const std::string& text) {
  const json values = json::parse(text, nullptr, false);
  return values.is_object() && values.contains("llm_model_name_or_path") && values.contains("data_path");
}

std::string run_file_of(const std::string& text, const std::string& where) {
  const json values = parse_json(text, where);
  if (!values.is_object()) throw DataError(fmt::format("{}: expected an object of settings", where));
  Settings from(values, where);
  const std::string out = data_lines(from) + optim_lines(from) + loop_lines(from);
  from.without_effect({"cache_dir", "report_to", "run_name", "per_device_eval_batch_size", "dataloader_num_workers",
                       "dataloader_prefetch_factor", "dataloader_pin_memory", "remove_unused_columns", "ddp_timeout",
                       "ddp_find_unused_parameters", "logging_dir", "logging_strategy", "overwrite_output_dir",
                       "eval_accumulation_steps", "disable_tqdm", "tf32", "local_rank", "do_train", "do_eval"});
  from.refuse_others({std::begin(kKnown), std::end(kKnown)});
  return out;
}

}  // namespace timbre::llasa
