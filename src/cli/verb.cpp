#include "cli/verb.h"

#include <stdexcept>

namespace timbre::cli {
namespace {

/// "Data: what is wrong" → its group and the rest; without a known group, the last one.
Verbs::Entry entry_of(const std::string& summary) {
  for (const char* group : kGroups) {
    const std::string head = std::string(group) + ": ";
    if (summary.starts_with(head)) return {group, summary.substr(head.size()), {}};
  }
  return {*(std::end(kGroups) - 1), summary, {}};
}

}  // namespace

void Verbs::add(const std::string& name, const std::string& summary, std::function<Verb()> make) {
  Entry entry = entry_of(summary);
  entry.make = std::move(make);
  if (!verbs_.emplace(name, std::move(entry)).second) throw std::logic_error("verb '" + name + "' is registered twice");
}

void Verbs::add_elsewhere(const std::string& name, const std::string& summary) {
  if (!verbs_.emplace(name, entry_of(summary)).second)
    throw std::logic_error("verb '" + name + "' is registered twice");
}

}  // namespace timbre::cli
