#include "exchange/catalogue.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"

namespace timbre::exchange {

namespace {

/// One mapping of the file: takes the known keys, then complains of the rest.
class Entry {
 public:
  Entry(const YAML::Node& node, std::string file, std::string where)
      : node_(node), file_(std::move(file)), where_(std::move(where)) {
    if (!node.IsMap()) fail(node, "is no mapping", "keys such as title, licence, files");
  }

  std::string text(const char* key, bool required = false) {
    const YAML::Node value = take(key);
    if (!value || value.IsNull()) {
      if (required) fail(node_, fmt::format("has no '{}'", key), "that key");
      return {};
    }
    if (!value.IsScalar()) fail(value, fmt::format("'{}' is no text", key), "one");
    return value.as<std::string>();
  }

  std::int64_t bytes() {
    const std::string given = text("bytes");
    if (given.empty()) return -1;
    const auto value = parse_int(given);
    if (!value || *value < 0) fail(node_, fmt::format("'bytes' is '{}'", given), "a whole number");
    return *value;
  }

  std::string hash(const char* key, std::size_t digits) {
    const std::string value = ascii_lower(text(key));
    if (!value.empty() && (value.size() != digits || value.find_first_not_of("0123456789abcdef") != std::string::npos))
      fail(node_, fmt::format("'{}' is '{}'", key, value), fmt::format("{} hexadecimal digits", digits));
    return value;
  }

  bool flag(const char* key) {
    const std::string given = text(key);
    if (!given.empty() && given != "true" && given != "false")
      fail(node_, fmt::format("'{}' is '{}'", key, given), "true or false");
    return given == "true";
  }

  YAML::Node list(const char* key) {
    const YAML::Node value = take(key);
    if (!value || !value.IsSequence() || value.size() == 0)
      fail(value ? value : node_, fmt::format("'{}' is missing or no list", key), "a list with one item at least");
    return value;
  }

  void refuse_rest() const {
    for (const auto& pair : node_) {
      const auto key = pair.first.as<std::string>();
      if (std::find(known_.begin(), known_.end(), key) == known_.end())
        fail(pair.first, fmt::format("has an unknown key '{}'", key), join(known_, ", "), did_you_mean(key, known_));
    }
  }

  [[noreturn]] void fail(const YAML::Node& at, const std::string& what, const std::string& expected,
                         const std::string& next = {}) const {
    throw DataError(fmt::format("{}, line {}: {} {}; expected {}", file_, at.Mark().line + 1, where_, what, expected),
                    next.empty() ? "docs/datasets.md shows an entry" : next);
  }

 private:
  YAML::Node take(const char* key) {
    known_.emplace_back(key);
    return node_[key];
  }
  const YAML::Node node_;
  std::string file_, where_;
  std::vector<std::string> known_;
};

CatalogueFile read_file_entry(const YAML::Node& node, const std::string& file_name, const std::string& where) {
  Entry entry(node, file_name, where);
  CatalogueFile file;
  file.name = entry.text("name", true);
  if (!is_safe_relative(file.name) || file.name.find('/') != std::string::npos || file.name.front() == '.')
    entry.fail(node, fmt::format("'name' is '{}'", file.name), "a file name without folders");
  file.part = entry.text("part");
  for (const YAML::Node& url : entry.list("urls")) {
    if (!url.IsScalar()) entry.fail(url, "'urls' holds something else than texts", "addresses");
    file.source.urls.push_back(url.as<std::string>());
  }
  file.source.bytes = entry.bytes();
  file.source.sha256 = entry.hash("sha256", 64);
  file.source.md5 = entry.hash("md5", 32);
  entry.refuse_rest();
  return file;
}

Dataset read_dataset(const std::string& name, const YAML::Node& node, const std::string& file_name) {
  const std::string where = fmt::format("'{}'", name);
  Entry entry(node, file_name, where);
  Dataset d;
  d.name = name;
  d.title = entry.text("title", true);
  d.language = entry.text("language");
  d.contents = entry.text("contents");
  d.licence = entry.text("licence", true);
  d.attribution = entry.text("attribution");
  d.homepage = entry.text("homepage");
  d.format = entry.text("format", true);
  d.folder = entry.text("folder");
  if (!d.folder.empty() && !is_safe_relative(d.folder))
    entry.fail(node, fmt::format("'folder' is '{}'", d.folder), "a path inside the unpacked archive");
  d.note = entry.text("note");
  d.nested = entry.flag("nested");
  for (const YAML::Node& file : entry.list("files")) d.files.push_back(read_file_entry(file, file_name, where));
  entry.refuse_rest();
  return d;
}

}  // namespace

std::vector<std::string> Dataset::parts() const {
  std::vector<std::string> names;
  for (const CatalogueFile& file : files)
    if (!file.part.empty() && std::find(names.begin(), names.end(), file.part) == names.end())
      names.push_back(file.part);
  return names;
}

std::vector<CatalogueFile> Dataset::files_of(const std::vector<std::string>& wanted) const {
  const std::vector<std::string> there = parts();
  const bool all = there.empty() || (wanted.size() == 1 && wanted[0] == "all");
  if (there.empty() && !wanted.empty()) throw UsageError(fmt::format("{} comes as a whole; leave --parts out", name));
  if (!all && wanted.empty())
    throw UsageError(fmt::format("{} comes in parts: {}", name, join(there, ", ")),
                     fmt::format("timbre get {} --parts {} (several: with commas; or all)", name, there.front()));
  for (const std::string& part : wanted)
    if (!all && std::find(there.begin(), there.end(), part) == there.end())
      throw UsageError(fmt::format("{} has no part '{}'; there are: {}", name, part, join(there, ", ")),
                       did_you_mean(part, there));
  std::vector<CatalogueFile> chosen;
  for (const CatalogueFile& file : files)
    if (all || file.part.empty() || std::find(wanted.begin(), wanted.end(), file.part) != wanted.end())
      chosen.push_back(file);
  return chosen;
}

std::int64_t total_bytes(const std::vector<CatalogueFile>& files) {
  std::int64_t sum = 0;
  for (const CatalogueFile& file : files) {
    if (file.source.bytes < 0) return -1;
    sum += file.source.bytes;
  }
  return sum;
}

nlohmann::json to_json(const Dataset& d) {
  nlohmann::json files = nlohmann::json::array();
  for (const CatalogueFile& f : d.files)
    files.push_back({{"name", f.name},
                     {"part", f.part},
                     {"urls", f.source.urls},
                     {"bytes", f.source.bytes < 0 ? nlohmann::json() : nlohmann::json(f.source.bytes)},
                     {"sha256", f.source.sha256},
                     {"md5", f.source.md5}});
  return {{"name", d.name},         {"title", d.title},     {"language", d.language},
          {"contents", d.contents}, {"licence", d.licence}, {"attribution", d.attribution},
          {"homepage", d.homepage}, {"format", d.format},   {"note", d.note},
          {"files", files}};
}

Catalogue Catalogue::read(std::string_view yaml, const std::string& file_name) {
  Catalogue catalogue;
  YAML::Node root;
  try {
    root = YAML::Load(std::string(yaml));
  } catch (const YAML::Exception& e) {
    throw DataError(fmt::format("{}, line {}: {}", file_name, e.mark.line + 1, e.msg),
                    "docs/datasets.md shows an entry");
  }
  if (!root.IsMap() || root.size() == 0)
    throw DataError(fmt::format("{}: no mapping from names to corpora", file_name), "docs/datasets.md shows an entry");
  for (const auto& pair : root)
    catalogue.datasets_.push_back(read_dataset(pair.first.as<std::string>(), pair.second, file_name));
  return catalogue;
}

void Catalogue::add(const Catalogue& other) {
  for (const Dataset& dataset : other.datasets_) {
    std::erase_if(datasets_, [&](const Dataset& ours) { return ours.name == dataset.name; });
    datasets_.push_back(dataset);
  }
}

const Dataset* Catalogue::find(std::string_view name) const {
  for (const Dataset& dataset : datasets_)
    if (dataset.name == name) return &dataset;
  return nullptr;
}

std::vector<std::string> Catalogue::names() const {
  std::vector<std::string> names;
  for (const Dataset& dataset : datasets_) names.push_back(dataset.name);
  return names;
}

}  // namespace timbre::exchange
