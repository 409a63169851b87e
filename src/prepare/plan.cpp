#include "prepare/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"

namespace timbre::prepare {
namespace {

bool has_field(const Stage& stage, const std::string& key) {
  auto [owner, fields] = stage.settings();
  return fields.find(key) != nullptr;
}

/// "text.g2p" → /text/g2p.
nlohmann::json::json_pointer pointer_of(std::string key) {
  std::replace(key.begin(), key.end(), '.', '/');
  return nlohmann::json::json_pointer("/" + key);
}

/// Of a file; of a folder's own files (a run's voice where there is one) by name.
std::string hash_contents(const fs::path& path) {
  if (!fs::is_directory(path)) return hash_hex(read_file(path));
  const fs::path folder = fs::exists(path / "voice" / "voice.json") ? path / "voice" : path;
  std::set<fs::path> files;
  for (const auto& item : fs::directory_iterator(folder))
    if (item.is_regular_file()) files.insert(item.path());
  std::string all;
  for (const auto& file : files) all += fmt::format("{} {}\n", file.filename().string(), hash_file(file));
  return hash_hex(all);
}

class Planner {
 public:
  Planner(const corpus::Corpus& corpus, const Stages& stages) : corpus_(corpus), stages_(stages) {}

  Plan make(const std::vector<ColumnRequest>& wanted) {
    // Settings decide what a stage needs, and what it needs may receive settings: repeat until nothing new is reached.
    for (std::size_t known = 0;;) {
      given_.clear();
      for (const auto& request : wanted) give(request);
      reached_.clear();
      for (const auto& request : wanted) reach(maker(request.column));
      if (reached_.size() == known) break;
      known = reached_.size();
    }
    Plan plan;
    for (const auto& request : wanted) plan.wanted.push_back(request.column);
    for (const Stage* stage : reached_) plan.steps.push_back(step_of(*stage));
    return plan;
  }

 private:
  const Stage& maker(const std::string& column) const {
    if (const Stage* stage = stages_.maker(column)) return *stage;
    std::vector<std::string> columns;
    for (const auto& stage : stages_.all()) columns.insert(columns.end(), stage->makes.begin(), stage->makes.end());
    throw UsageError(fmt::format("no stage makes the column '{}'; {}", column, did_you_mean(column, columns)),
                     fmt::format("columns: {}", fmt::join(columns, ", ")));
  }

  std::vector<std::string> needs_of(const Stage& stage) const {
    const auto given = given_.find(&stage);
    return stage.needs(resolve_settings(stage, given == given_.end() ? nlohmann::json::object() : given->second));
  }

  // Depth first, so that what a stage needs stands before it.
  void reach(const Stage& stage) {
    if (std::find(reached_.begin(), reached_.end(), &stage) != reached_.end()) return;
    if (!open_.insert(&stage).second)
      throw UsageError(fmt::format("stage {} needs what is made from its own columns", stage.name));
    for (const auto& column : needs_of(stage)) reach(maker(column));
    open_.erase(&stage);
    reached_.push_back(&stage);
  }

  void give(const ColumnRequest& request) { give(maker(request.column), request.settings, "", request.column); }

  // Nested settings go by their dotted names.
  void give(const Stage& own, const nlohmann::json& settings, const std::string& prefix, const std::string& column) {
    for (const auto& [name, value] : settings.items()) {
      const std::string key = prefix + name;
      std::set<const Stage*> seen;
      if (value.is_object())
        give(own, value, key + ".", column);
      else if (!offer(own, key, value, column, seen))
        refuse(own, key, column);
    }
  }

  // To the stage itself, else to the nearest one it builds on.
  bool offer(const Stage& stage, const std::string& key, const nlohmann::json& value, const std::string& column,
             std::set<const Stage*>& seen) {
    if (!seen.insert(&stage).second) return false;
    if (has_field(stage, key)) {
      auto& settings = given_[&stage];
      if (settings.is_null()) settings = nlohmann::json::object();
      if (settings.contains(key) && settings[key] != value)
        throw UsageError(fmt::format("stage {} is asked for {} = {} and, by column {}, for {}", stage.name, key,
                                     settings[key].dump(), column, value.dump()),
                         "prepare the two in different corpus folders, or make the settings equal");
      settings[key] = value;
      if (std::find(stage.shares.begin(), stage.shares.end(), key) != stage.shares.end())
        for (const auto& need : needs_of(stage))
          if (const Stage& below = maker(need); has_field(below, key)) offer(below, key, value, column, seen);
      return true;
    }
    for (const auto& need : needs_of(stage))
      if (offer(maker(need), key, value, column, seen)) return true;
    return false;
  }

  [[noreturn]] void refuse(const Stage& own, const std::string& key, const std::string& column) const {
    std::vector<std::string> keys;
    const auto collect = [&](const Stage& stage) {
      auto [owner, fields] = stage.settings();
      for (const auto& field : fields.list()) keys.push_back(field.name());
    };
    collect(own);
    for (const auto& need : needs_of(own)) collect(maker(need));
    throw UsageError(fmt::format("column {} has no setting '{}'; {}", column, key, did_you_mean(key, keys)),
                     fmt::format("settings: {}", fmt::join(keys, ", ")));
  }

  Step step_of(const Stage& stage) {
    Step step;
    step.stage = &stage;
    const auto given = given_.find(&stage);
    step.settings = resolve_settings(stage, given == given_.end() ? nlohmann::json::object() : given->second);
    if (stage.settle) step.settings = stage.settle(std::move(step.settings), corpus_);
    step.recorded = step.settings;
    nlohmann::json identity = step.settings;  // without paths: a file that was moved is still the same
    for (const std::string& key : stage.files) {
      const auto pointer = pointer_of(key);
      const auto file = step.settings.at(pointer).get<std::string>();
      if (file.empty()) continue;
      step.recorded[pointer_of(key + "_hash")] = identity[pointer] = hash_contents(file);
    }
    if (stage.versions) step.recorded["versions"] = identity["versions"] = stage.versions(step.settings);
    step.settings_hash = hash_hex(identity.dump());
    step.needs = stage.needs(step.settings);
    std::string inputs = corpus_.hash();
    for (const auto& column : step.needs) {
      const corpus::ColumnKey& key = keys_.at(column);
      inputs += '\n' + key.name + ' ' + key.settings_hash + ' ' + key.inputs_hash;
    }
    step.inputs_hash = hash_hex(inputs);
    step.total = stage.all ? 1 : corpus_.size();
    step.done = step.total;
    step.state = corpus::ColumnState::Kind::complete;
    for (const auto& column : stage.makes) {
      keys_[column] = step.key(column);
      auto state = corpus::column_state(corpus_.dir(), step.key(column), stage.all ? 0 : step.total, step.recorded);
      if (stage.all)
        state.kind = state.kind == corpus::ColumnState::Kind::stale ? state.kind
                     : state.made > 0                               ? corpus::ColumnState::Kind::complete
                                                                    : corpus::ColumnState::Kind::missing;
      step.state = std::min(step.state, state.kind);
      step.columns[column] = state.kind;
      step.done = std::min(step.done, stage.all ? std::int64_t{state.made > 0} : state.made + state.skipped);
      if (!state.why.empty()) step.why = state.why;
    }
    return step;
  }

  const corpus::Corpus& corpus_;
  const Stages& stages_;
  std::map<const Stage*, nlohmann::json> given_;
  std::vector<const Stage*> reached_;
  std::set<const Stage*> open_;
  std::map<std::string, corpus::ColumnKey> keys_;
};

static_assert(corpus::ColumnState::Kind::missing < corpus::ColumnState::Kind::stale &&
              corpus::ColumnState::Kind::stale < corpus::ColumnState::Kind::partial &&
              corpus::ColumnState::Kind::partial < corpus::ColumnState::Kind::complete);

}  // namespace

std::vector<std::string> Plan::missing() const {
  std::vector<std::string> columns;
  for (const auto& s : steps) {
    for (const auto& [column, state] : s.columns)
      if (state != corpus::ColumnState::Kind::complete &&
          std::find(wanted.begin(), wanted.end(), column) != wanted.end())
        columns.push_back(column);
  }
  return columns;
}

const Step& Plan::step(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& s : steps) {
    if (s.stage->name == name) return s;
    names.push_back(s.stage->name);
  }
  throw UsageError(fmt::format("no stage '{}' is needed here; {}", name, did_you_mean(name, names)),
                   fmt::format("stages: {}", fmt::join(names, ", ")));
}

Plan make_plan(const corpus::Corpus& corpus, const std::vector<ColumnRequest>& wanted, const Stages& stages) {
  return Planner(corpus, stages).make(wanted);
}

void require_columns(const corpus::Corpus& corpus, const std::vector<ColumnRequest>& wanted, const std::string& model,
                     const Stages& stages) {
  const Plan plan = make_plan(corpus, wanted, stages);
  const auto missing = plan.missing();
  if (missing.empty()) return;
  std::string why;
  for (const auto& step : plan.steps)
    if (step.state == corpus::ColumnState::Kind::stale && !step.why.empty())
      why += fmt::format("; {}: {}", step.stage->name, step.why);
  throw DataError(fmt::format("{}: missing: {}{}", corpus.dir().string(), fmt::join(missing, ", "), why),
                  fmt::format("run `timbre prepare {} --for {}` with the same options (--preset, --base …)",
                              corpus.dir().string(), model));
}

}  // namespace timbre::prepare
