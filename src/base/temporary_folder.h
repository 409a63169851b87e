#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.h"

namespace timbre {

/// A folder in the system's temporary place, removed with the object.
class TemporaryFolder {
 public:
  /// Throws SystemError where none can be made.
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "timbre-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw SystemError("no temporary folder can be made", "look at TMPDIR");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace timbre
