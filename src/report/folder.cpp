#include "report/folder.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "corpus/memmap_rows.h"
#include "weights/describe.h"

namespace timbre::report {
namespace {

using Json = nlohmann::ordered_json;

/// A YAML document as JSON. Anchors may make it endless or exponentially large: both are refused.
class YamlTree {
 public:
  Json json_of(const YAML::Node& node, int depth = 0) {
    if (depth > kDeepestJson || ++nodes_ > kMostNodes)
      throw DataError(fmt::format("nested more than {} levels deep, or more than {} values", kDeepestJson, kMostNodes));
    if (node.IsSequence()) {
      Json out = Json::array();
      for (const auto& item : node) out.push_back(json_of(item, depth + 1));
      return out;
    }
    if (node.IsMap()) {
      Json out = Json::object();
      for (const auto& entry : node) out[entry.first.Scalar()] = json_of(entry.second, depth + 1);
      return out;
    }
    return node.IsScalar() ? Json(node.Scalar()) : Json(nullptr);
  }

 private:
  static constexpr std::int64_t kMostNodes = 1'000'000;
  std::int64_t nodes_ = 0;
};

Json read_yaml(const fs::path& file) {
  try {
    return YamlTree().json_of(YAML::Load(read_file(file)));
  } catch (const YAML::Exception& error) {
    throw DataError(fmt::format("{}: line {}, column {}: {}", file.string(), error.mark.line + 1, error.mark.column + 1,
                                error.msg));
  } catch (const DataError& error) {
    throw DataError(fmt::format("{}: {}", file.string(), error.what()));
  }
}

std::int64_t lines_of(const fs::path& file) {
  if (!fs::exists(file)) return 0;
  const std::string bytes = read_file(file);
  return std::count(bytes.begin(), bytes.end(), '\n');
}

/// Names in a subfolder, sorted: the folders, or the stems of the files.
std::vector<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    names.insert(entry.is_directory() ? entry.path().filename().string() : entry.path().stem().string());
  }
  return {names.begin(), names.end()};
}

/// The scalars of `about` that are there, in this order.
void take_facts(const Json& about, std::initializer_list<const char*> keys, Json& facts) {
  for (const char* key : keys) {
    if (about.contains(key) && about[key].is_primitive()) facts[key] = about[key];
  }
}

Json corpus_facts(const fs::path& dir, const Json& about) {
  Json facts;
  take_facts(about, {"name", "format", "duration_s", "licence", "attribution"}, facts);
  facts["utterances"] = lines_of(dir / "manifest.jsonl");
  if (const std::int64_t rejected = lines_of(dir / "rejected.jsonl")) facts["rejected"] = rejected;
  facts["columns"] = names_in(dir / "columns");
  return facts;
}

Json run_facts(const fs::path& dir, const Json& about) {
  Json facts;
  take_facts(about, {"model", "corpus", "base", "seed", "device"}, facts);
  facts["events"] = lines_of(dir / "events.jsonl");
  facts["checkpoints"] = names_in(dir / "checkpoints");
  facts["has_voice"] = fs::exists(dir / "voice" / "voice.json");
  return facts;
}

Json voice_facts(const Json& about) {
  Json facts;
  take_facts(about, {"name", "purpose", "language", "front_end", "licence", "attribution"}, facts);
  // Only what applies: a model that makes no sound has no vocoder and no rate.
  const auto take_part = [&](const char* fact, const char* group, const char* key) {
    if (about.contains(group) && about[group].is_object() && about[group].contains(key))
      facts[fact] = about[group][key];
  };
  take_part("model", "model", "kind");
  take_part("vocoder", "vocoder", "kind");
  take_part("vocoder_folder", "vocoder", "folder");
  take_part("rate_hz", "mel", "rate_hz");
  for (const char* list : {"symbols", "speakers"}) {
    if (about.contains(list) && about[list].is_array()) facts[list] = about[list].size();
  }
  return facts;
}

/// Rows of ids for a language model that speaks; opening them checks the memmap against its shape.
Json rows_facts(const fs::path& dir) {
  Json facts = Json::object();
  for (const char* split : {"train", "val"}) {
    if (!corpus::MemmapRows::present(dir, split)) continue;
    const auto rows = corpus::MemmapRows::open(dir, split);
    const corpus::RowFacts ids = rows.facts();
    facts[split] = rows.size();
    facts["row_length"] = rows.length();
    facts[fmt::format("{}_ids", split)] = fmt::format("{} to {}", ids.smallest, ids.largest);
    facts[fmt::format("{}_hash", split)] = ids.fingerprint;
  }
  return facts;
}

void add_weights(const fs::path& file, Json& out) {
  if (fs::exists(file)) out["weights"] = weights::describe(weights::load(file));
}

std::string shown(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    std::vector<std::string> items;
    for (const Json& item : value) items.push_back(shown(item));
    return items.empty() ? "none" : join(items, ", ");
  }
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::optional<Json> describe_folder(const fs::path& path) {
  if (!fs::is_directory(path)) return std::nullopt;
  Json out = {{"path", path.string()}};
  if (fs::exists(path / "corpus.json")) {
    const Json about = read_json<Json>(path / "corpus.json");
    out.update({{"kind", "corpus"}, {"facts", corpus_facts(path, about)}, {"about", about}});
  } else if (fs::exists(path / "run.yaml")) {
    const Json about = read_yaml(path / "run.yaml");
    out.update({{"kind", "run"}, {"facts", run_facts(path, about)}, {"about", about}});
  } else if (fs::exists(path / "voice.json")) {
    const Json about = read_json<Json>(path / "voice.json");
    out.update({{"kind", "voice"}, {"facts", voice_facts(about)}, {"about", about}});
    const bool names_weights = about.contains("model") && about["model"].is_object() &&
                               about["model"].contains("weights") && about["model"]["weights"].is_string() &&
                               is_safe_relative(about["model"]["weights"].get<std::string>());
    if (names_weights) add_weights(path / about["model"]["weights"].get<std::string>(), out);
  } else if (fs::exists(path / "config.json")) {
    const Json about = read_json<Json>(path / "config.json");
    Json facts;
    take_facts(about, {"model_type", "model", "torch_dtype", "vocab_size", "hidden_size", "num_hidden_layers"}, facts);
    out.update({{"kind", "model"}, {"facts", facts.is_null() ? Json::object() : facts}, {"about", about}});
    try {
      out["weights"] = weights::describe(weights::load(path));
    } catch (const DataError& error) {
      out["note"] = error.what();  // no weights here, or several files of them: the rest is worth showing
    }
  } else if (corpus::MemmapRows::present(path, "train") || corpus::MemmapRows::present(path, "val")) {
    out.update({{"kind", "rows"}, {"facts", rows_facts(path)}});
    if (fs::exists(path / "rows.json")) out["about"] = read_json<Json>(path / "rows.json");
  } else {
    return std::nullopt;
  }
  return out;
}

std::string folder_text(const Json& description) {
  const std::string kind = description["kind"].get<std::string>();
  std::string out = fmt::format("{}: a {} folder\n", description["path"].get<std::string>(), kind);
  for (const auto& [key, value] : description["facts"].items()) {
    const bool is_time = key == "duration_s" && value.is_number();
    out += fmt::format("  {:<12} {}\n", is_time ? "duration" : key,
                       is_time ? human_seconds(value.get<double>()) : shown(value));
  }
  if (description.contains("note")) out += description["note"].get<std::string>() + "\n";
  if (description.contains("weights")) out += weights::describe_text(description["weights"]);
  return out;
}

}  // namespace timbre::report
