#pragma once
#include <memory>
#include <string>
#include <vector>

#include "corpus/corpus.h"
#include "exchange/importer.h"

/// What happens to the entries an importer hands over. Used by intake.cpp and its test.
namespace timbre::exchange {

/// A folder in the system's temporary place, removed with the object.
class ScratchFolder {
 public:
  ScratchFolder() = default;
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  /// Made on first use.
  const fs::path& path();
  /// True when `file` lies in it.
  bool holds(const fs::path& file) const;
  /// `file` without the folder, where it lies in it: names that are the same in every run.
  std::string stable_name(const fs::path& file) const;
  /// The same for a message that names files.
  std::string without(std::string text) const;

 private:
  fs::path path_;
};

/// Reads through an importer and hashes what it finds (ids, texts, file names and sizes) without opening any clip: two
/// imports of equal hash are the same import.
std::string listing_hash(const Importer& importer, const ImportRequest& request);

}  // namespace timbre::exchange
