#pragma once
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"

/// A whole folder as one fuzz input:
///
///   first line        a word for the target ("table"), may be empty
///   === wavs/a.wav    opens a file; all up to the next such line is its content
///
/// so that what reads a layout (importers, voices, corpora) is fuzzed with its files as they would lie on disk.
namespace timbre::fuzz {

/// A folder of this process, empty at first, removed at the end of each input.
class FolderInput {
 public:
  FolderInput(const std::uint8_t* data, std::size_t size)
      : dir_(std::filesystem::temp_directory_path() / ("timbre-fuzz-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(dir_);
    std::filesystem::create_directories(dir_);
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    word_ = std::string(rest.substr(0, rest.find('\n')));
    constexpr std::string_view kOpens = "\n=== ";
    constexpr int kMostFiles = 40;
    for (int files = 0; files < kMostFiles; ++files) {
      const std::size_t at = rest.find(kOpens);
      if (at == std::string_view::npos) break;
      rest.remove_prefix(at + kOpens.size());
      const std::size_t line = std::min(rest.find('\n'), rest.size());
      const std::string name(rest.substr(0, line));
      rest.remove_prefix(line);
      const std::string_view content = rest.substr(0, rest.find(kOpens));
      write(name, content.empty() ? content : content.substr(1));
    }
  }
  ~FolderInput() {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
  }
  FolderInput(const FolderInput&) = delete;
  FolderInput& operator=(const FolderInput&) = delete;

  const std::string& word() const { return word_; }
  const std::filesystem::path& dir() const { return dir_; }

 private:
  /// Names that no file system takes are left out: they are not what is tested here.
  void write(const std::string& name, std::string_view content) const {
    if (!is_safe_relative(name)) return;
    std::error_code failed;
    std::filesystem::create_directories((dir_ / name).parent_path(), failed);
    std::ofstream out(dir_ / name, std::ios::binary);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
  }

  std::filesystem::path dir_;
  std::string word_;
};

/// Runs `read`; foreign bytes may cause only what is typed by whose fault it is: the file's, or an option's.
template <class Read>
void guarded(Read&& read) {
  try {
    std::forward<Read>(read)();
  } catch (const DataError&) {
  } catch (const UsageError&) {
  }
}

/// What must hold for every input; a breach is found by the fuzzer as a crash is.
inline void must(bool holds) {
  if (!holds) __builtin_trap();
}

}  // namespace timbre::fuzz
