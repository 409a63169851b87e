#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "fetch/download.h"

/// Public corpora: where they are, how large, under which licence, and which importer reads them.
namespace timbre::exchange {

namespace fs = std::filesystem;

struct CatalogueFile {
  std::string name;  ///< of the file, without folders
  std::string part;  ///< "" = belongs to all parts
  fetch::Source source;
};

struct Dataset {
  std::string name, title, language, contents, licence, attribution, homepage;
  std::string format;   ///< the importer's FORMAT word
  std::string folder;   ///< what the importer takes, below the folder it was unpacked into; "" = that folder
  std::string note;     ///< shown with the licence
  bool nested = false;  ///< archives within the archive are unpacked too, in place
  std::vector<CatalogueFile> files;

  /// Names of the parts in their order, none when it comes as a whole.
  std::vector<std::string> parts() const;
  /// Files of the wanted parts. Throws UsageError for an unknown part, and when parts must be named and none is.
  std::vector<CatalogueFile> files_of(const std::vector<std::string>& wanted) const;
};

/// Sum of the published sizes; -1 when one is not known.
std::int64_t total_bytes(const std::vector<CatalogueFile>& files);
nlohmann::json to_json(const Dataset& dataset);

class Catalogue {
 public:
  static Catalogue built_in();
  /// A YAML (or JSON) mapping from names to entries; see docs/datasets.md. Throws DataError with file, line and key.
  static Catalogue read(std::string_view yaml, const std::string& file_name);

  /// Entries of `other` win over ours of the same name.
  void add(const Catalogue& other);
  /// Null when there is none.
  const Dataset* find(std::string_view name) const;
  const std::vector<Dataset>& all() const { return datasets_; }
  std::vector<std::string> names() const;

 private:
  std::vector<Dataset> datasets_;
};

}  // namespace timbre::exchange
