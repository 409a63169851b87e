#pragma once
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <initializer_list>

#include "base/error.h"
#include "base/files.h"

/// Values out of the references' YAML files.
namespace timbre::fastspeech2 {

/// As PyYAML reads it back as a number: it takes "1e-09" for text, "1.0e-09" is one.
inline std::string yaml_number(double value) {
  std::string text = fmt::format("{}", value);
  if (const auto e = text.find('e'); e != text.npos && text.find('.') == text.npos) text.insert(e, ".0");
  return text;
}

/// Throws DataError naming the file; an empty path is an empty document.
inline YAML::Node load_yaml(const fs::path& path) {
  if (path.empty()) return {};
  try {
    return YAML::Load(read_file(path));
  } catch (const YAML::Exception& problem) {
    throw DataError(fmt::format("{}: {}", path.string(), problem.what()));
  }
}

/// The value under a path of keys, or `value` unchanged when the file or a key is missing.
template <class T>
void take(const YAML::Node& root, std::initializer_list<const char*> keys, const fs::path& file, T& value) {
  YAML::Node at = YAML::Clone(root);
  for (const char* key : keys) {
    if (!at.IsMap() || !at[key]) return;
    at = YAML::Node(at[key]);
  }
  try {
    value = at.as<T>();
  } catch (const YAML::Exception&) {
    throw DataError(fmt::format("{}: {} is not what it should be", file.string(), fmt::join(keys, ".")));
  }
}

}  // namespace timbre::fastspeech2
