#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// From what a table says about a clip to the file.
namespace timbre::exchange {

namespace fs = std::filesystem;

/// Finds clips below a folder by the paths people write down: with or without ending, with the path of another machine
/// before it, with backslashes, quotes or a drive letter, in another case, with accents composed otherwise.
class ClipFinder {
 public:
  explicit ClipFinder(fs::path root) : root_(std::move(root)) {}
  /// The file, or nothing. Looks at the places meant first; the names of the whole tree are read once, when that fails,
  /// and used only when one file fits best: of several of that name, the one with most of the folders written.
  std::optional<fs::path> find(std::string_view written);
  /// An id for a found clip: its path below the root without ending and without a leading wavs/, audio/ …
  std::string id_of(const fs::path& clip) const;

 private:
  std::optional<fs::path> try_endings(const fs::path& path) const;
  std::optional<fs::path> find_by_name(const std::string& path) const;
  void read_tree();
  fs::path root_;
  bool tree_read_ = false;
  std::multimap<std::string, fs::path> tree_;  ///< folded file name, with and without ending
};

/// "wav", "flac" …: endings of clips, with the dot, lower case.
const std::vector<std::string>& clip_endings();
bool is_clip(const fs::path& path);

}  // namespace timbre::exchange
