#include "prepare/recipe_stage.h"

#include <fmt/format.h>

#include "base/files.h"
#include "base/hash.h"
#include "base/strings.h"

namespace timbre::prepare {

using nlohmann::json;

json DoneMarker::read() const {
  std::error_code absent;
  if (!fs::is_regular_file(file_, absent)) return nullptr;
  const std::string text = read_file(file_);
  if (trim(text).empty()) return made_of_;
  return json::parse(text, nullptr, false);
}

bool DoneMarker::done() const { return read() == made_of_; }

std::string DoneMarker::stale() const {
  const json was = read();
  if (was.is_null() || was == made_of_) return {};
  if (!was.is_object()) return "its marker cannot be read";
  for (const auto& [key, value] : made_of_.items()) {
    const json before = was.contains(key) ? was.at(key) : json();
    if (before == value) continue;
    if (!value.is_object()) return fmt::format("{} was {}, is {}", key, before.dump(), value.dump());
    for (const auto& [name, now] : value.items())
      if (!before.is_object() || !before.contains(name) || before.at(name) != now) return name + " has changed";
  }
  return "its inputs have changed";
}

void DoneMarker::set() const { write_file_atomic(file_, made_of_.dump(2) + "\n"); }

json hashes_of(const std::vector<fs::path>& files) {
  json hashes = json::object();
  for (const fs::path& file : files) hashes[file.filename().string()] = hash_file(file);
  return hashes;
}

}  // namespace timbre::prepare
