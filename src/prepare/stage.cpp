#include "prepare/stage.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace timbre::prepare {

void Stages::add(Stage stage) {
  for (const auto& other : stages_) {
    if (other->name == stage.name) throw std::logic_error("two stages named " + stage.name);
    for (const auto& column : stage.makes)
      if (std::find(other->makes.begin(), other->makes.end(), column) != other->makes.end())
        throw std::logic_error("two stages make " + column);
  }
  stages_.push_back(std::make_unique<Stage>(std::move(stage)));
}

void Stages::add_family(std::string prefix, std::function<Stage(const std::string&)> make) {
  if (!families_.emplace(prefix, std::move(make)).second) throw std::logic_error("two families of stages " + prefix);
}

const Stage* Stages::of_family(const std::string& column) const {
  for (const auto& [prefix, make] : families_) {
    const bool named = column.size() > prefix.size() && column.starts_with(prefix) &&
                       column.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_", prefix.size()) == column.npos;
    if (!named) continue;
    const std::scoped_lock lock(*guard_);
    auto& member = members_[column];
    if (!member) member = std::make_unique<Stage>(make(column));
    return member.get();
  }
  return nullptr;
}

const Stage& Stages::at(const std::string& name) const {
  if (const Stage* member = of_family(name)) return *member;
  std::vector<std::string> names;
  for (const auto& stage : stages_) {
    if (stage->name == name) return *stage;
    names.push_back(stage->name);
  }
  throw UsageError(fmt::format("no stage is named '{}'; {}", name, did_you_mean(name, names)),
                   fmt::format("stages: {}", fmt::join(names, ", ")));
}

const Stage* Stages::maker(const std::string& column) const {
  for (const auto& stage : stages_)
    if (std::find(stage->makes.begin(), stage->makes.end(), column) != stage->makes.end()) return stage.get();
  return of_family(column);
}

const Stages& Stages::built_in() {
  static const Stages& stages = *[] {
    auto* s = new Stages;  // never destroyed: worker threads may outlive static objects
    register_all_stages(*s);
    return s;
  }();
  return stages;
}

nlohmann::json resolve_settings(const Stage& stage, const nlohmann::json& wanted) {
  auto [owner, fields] = stage.settings();
  try {
    config::from_json(fields, wanted, "settings of " + stage.name);
  } catch (const DataError& error) {  // asked for on the command line or by a model, not read from a file
    throw UsageError(error.what(), error.next());
  }
  return config::to_json(fields);
}

}  // namespace timbre::prepare
