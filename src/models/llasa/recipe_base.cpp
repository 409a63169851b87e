#include "models/llasa/recipe_base.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "models/llasa/adapter.h"
#include "models/llasa/growth.h"
#include "models/llasa/hf_folder.h"
#include "models/llasa/layout.h"
#include "models/llasa/voice_about.h"
#include "roles/network_folder.h"

namespace timbre::llasa {
namespace {

using nlohmann::json;
using tokenizer::Tokenizer;

/// A base's weights, and what is known of them.
struct Given {
  weights::TensorMap tensors;   ///< without adapters
  weights::TensorMap adapters;  ///< lora_layout()'s names
  LoraOptions lora;             ///< of those
  std::optional<Tokenizer> tokenizer;
  json tokenizer_facts;  ///< of voice.json; null where nothing is said
  std::string language;
  std::vector<std::string> notes;
};

std::optional<Tokenizer> tokenizer_in(const fs::path& folder) {
  if (!fs::is_regular_file(folder / "tokenizer.json")) return std::nullopt;
  return Tokenizer::read(folder);
}

Given read_given(const train::Base& base, const Config& config) {
  Given given;
  if (looks_like_hf_folder(base.source)) {
    HfFolder about = read_hf_folder(base.source);
    given.tensors = read_hf_tensors(base.source, about);
    given.tokenizer = tokenizer_in(base.source);
    given.notes = about.notes;
    return given;
  }
  for (const auto& [name, tensor] : base.tensors)
    (name.find(".lora_") == std::string::npos ? given.tensors : given.adapters).insert(name, tensor);
  given.lora = config.lora;
  if (!base.about.is_object()) return given;
  Config theirs;
  roles::read_model(theirs, "llasa", base.about, base.source.string());
  given.lora = theirs.lora;
  given.language = base.about.value("language", std::string());
  given.tokenizer_facts = base.about.value("tokenizer", json());
  if (!given.tokenizer_facts.contains("fingerprint")) given.tokenizer = tokenizer_in(base.source / kTokenizerFolder);
  return given;
}

[[noreturn]] void refuse_tokenizer(const std::string& source, const std::string& what) {
  throw DataError(fmt::format("{}: the rows are of another tokenizer than this base's: {}", source, what),
                  "make the rows with the base's own: timbre prepare … --recipe llasa --tokenizer FOLDER --stage 4. "
                  "Tokens may be added behind its own, not in place of them");
}

void check_tokenizer(const Given& given, const Tokenizer& rows, const std::string& source) {
  if (given.tokenizer) {
    const Tokenizer& own = *given.tokenizer;
    const std::int32_t count = std::min(own.size(), rows.size());
    if (tokens_fingerprint(own, count) != tokens_fingerprint(rows, count))
      for (std::int32_t id = 0; id < count; ++id)
        if (own.token(id) != rows.token(id))
          refuse_tokenizer(source, fmt::format("token {} is '{}' there and '{}' in {}", id, own.token(id),
                                               rows.token(id), rows.where()));
    if (own.size() > rows.size())
      refuse_tokenizer(source, fmt::format("it has {} tokens, {} has {}", own.size(), rows.where(), rows.size()));
    return;
  }
  if (!given.tokenizer_facts.is_object() || !given.tokenizer_facts.contains("fingerprint")) return;
  const auto count = given.tokenizer_facts.value("tokens", std::int64_t{0});
  if (count > rows.size())
    refuse_tokenizer(source, fmt::format("it has {} tokens, {} has {}", count, rows.where(), rows.size()));
  if (tokens_fingerprint(rows, count) != given.tokenizer_facts.at("fingerprint").get<std::string>())
    refuse_tokenizer(source, fmt::format("its {} tokens are not the first ones of {}", count, rows.where()));
}

/// Rows for tokens that came later.
void grow_tables(weights::TensorMap& tensors, const Config& config, train::StartReport& report) {
  for (const char* name : {kEmbedding, kHead}) {
    const weights::Tensor* table = tensors.find(name);
    if (!table || table->shape.size() != 2 || table->shape[0] >= config.vocab_size) continue;
    const std::int64_t had = table->shape[0];
    report.new_values += (config.vocab_size - had) * table->shape[1];
    report.lines.push_back(fmt::format("{}: {} rows kept, {} new ones ({})", name, had, config.vocab_size - had,
                                       config.new_rows == "mean" ? "the mean of the others" : "drawn around the mean"));
    tensors.set(name, grown(*table, config.vocab_size, new_rows_of(config.new_rows), 0));
  }
}

void merge_adapters(Given& given, train::StartReport& report) {
  if (given.adapters.empty()) return;
  Adapter adapter;
  adapter.options = given.lora;
  adapter.tensors = std::move(given.adapters);
  given.adapters = {};
  report.lines.push_back(
      fmt::format("{} adapters of the base are merged into its matrices", adapter.tensors.size() / 2));
  weights::TensorMap merged;
  for (const Source& source : merged_sources(given.tensors, adapter)) merged.insert(source.name, source.make());
  given.tensors = std::move(merged);
}

/// Config::adapter: peft's, on this base.
void take_adapters(Given& given, const Config& config, train::StartReport& report) {
  if (config.adapter.empty()) return;
  merge_adapters(given, report);
  const Adapter adapter = read_adapter(config.adapter);
  check_adapter(adapter, config, adapter.base_fingerprint.empty() ? "" : fingerprint(given.tensors), config.adapter);
  given.adapters = adapter.tensors;
}

/// The base's adapters go on being adapters, or become a part of its matrices.
void place_adapters(Given& given, const Config& config, train::StartReport& report) {
  if (given.adapters.empty()) return;
  if (config.lora.r == 0) return merge_adapters(given, report);
  for (const auto& [name, tensor] : given.adapters) given.tensors.insert(name, tensor);
  report.lines.push_back(fmt::format("{} adapters go on from {}", given.adapters.size() / 2,
                                     config.adapter.empty() ? "the base's" : config.adapter));
}

}  // namespace

json about_hf_base(const fs::path& base) {
  if (!looks_like_hf_folder(base)) return nullptr;
  return {{"model", roles::about_model("llasa", read_hf_folder(base).config)}};
}

train::StartReport start_network(Model& model, const Config& config, const Tokenizer& tokenizer,
                                 const train::Base& base, std::string& language) {
  const std::string source = base.source.string();
  Given given = read_given(base, config);
  train::StartReport report;
  report.lines = given.notes;
  check_tokenizer(given, tokenizer, source);
  if (!given.tokenizer && !given.tokenizer_facts.contains("fingerprint"))
    report.lines.push_back(
        fmt::format("nothing says which tokenizer it is of: its rows are taken to be those of {}", tokenizer.where()));
  take_adapters(given, config, report);
  place_adapters(given, config, report);
  grow_tables(given.tensors, config, report);
  std::vector<Slot> slots = layout(config);
  const std::vector<Slot> adapters = lora_layout(config);
  const bool has_adapters =
      std::any_of(adapters.begin(), adapters.end(), [&](const Slot& s) { return given.tensors.find(s.name); });
  if (has_adapters) slots.insert(slots.end(), adapters.begin(), adapters.end());
  if (const auto wrong = misfits(slots, given.tensors); !wrong.empty()) {
    std::string text;
    for (std::size_t i = 0; i < wrong.size() && i < 5; ++i) text += "\n  " + wrong[i];
    throw DataError(fmt::format("{} does not fit the network of this command:{}", source, text),
                    "leave the sizes out: a base brings its own");
  }
  for (const Slot& slot : slots) report.kept_values += given.tensors.at(slot.name).numel();
  report.kept_values -= report.new_values;
  report.kept_tensors = static_cast<std::int64_t>(slots.size());
  if (!has_adapters && !adapters.empty()) {
    const weights::TensorMap fresh = model.state_dict();
    for (const Slot& slot : adapters) {
      given.tensors.insert(slot.name, fresh.at(slot.name));
      report.new_values += fresh.at(slot.name).numel();
    }
    report.new_tensors = static_cast<std::int64_t>(adapters.size());
    report.lines.push_back(fmt::format("{} adapters: new, they change nothing yet", adapters.size() / 2));
  }
  model.load_exactly(given.tensors, source);
  if (!given.language.empty()) language = given.language;
  return report;
}

}  // namespace timbre::llasa
