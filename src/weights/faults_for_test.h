#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "weights/bytes.h"

/// What the tests of the readers have in common: planting faults in bytes.
namespace timbre::weights::planting {

/// Parses bytes; the reader under test.
using Parse = std::function<void(const std::string& bytes)>;

/// The message of the DataError that `parse` must throw.
inline std::string fault(const Parse& parse, const std::string& bytes) {
  try {
    parse(bytes);
  } catch (const DataError& error) {
    return error.what();
  }
  ADD_FAILURE() << "no DataError";
  return {};
}

/// Every shorter file is an error, never a crash and never a success.
inline void expect_truncation_noticed(const Parse& parse, const std::string& bytes) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(parse(bytes.substr(0, size)), DataError) << "cut to " << size << " of " << bytes.size() << " bytes";
  }
}

/// With any one byte changed the reader gives a value or a DataError, nothing else. (Run under ASan and UBSan as well.)
/// Returns how many changes were noticed.
inline int mutate_every_byte(const Parse& parse, const std::string& bytes) {
  int noticed = 0;
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ change);
      try {
        parse(changed);
      } catch (const DataError&) {
        ++noticed;
      }
    }
  }
  return noticed;
}

/// A folder for files of one test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "timbre_weights_XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw SystemError("no temporary folder");
    path_ = pattern;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace timbre::weights::planting
