#include "exchange/clip_finder.h"

#include <algorithm>

#include "base/strings.h"
#include "text/normalize.h"

namespace timbre::exchange {

namespace {

const std::vector<std::string> kFolders = {"wavs", "wav", "audio", "clips", "audios"};

/// Same name in another case or with accents composed otherwise → the same key.
std::string fold(std::string_view name) {
  std::vector<std::string> warnings;
  return ascii_lower(text::clean_unicode(name, warnings));
}

}  // namespace

const std::vector<std::string>& clip_endings() {
  static const std::vector<std::string> endings = {".wav",  ".flac", ".ogg", ".mp3", ".opus", ".m4a", ".aac", ".aif",
                                                   ".aiff", ".g722", ".gsm", ".wma", ".webm", ".sph", ".au"};
  return endings;
}

bool is_clip(const fs::path& path) {
  std::string ending = ascii_lower(path.extension().string());
  return std::find(clip_endings().begin(), clip_endings().end(), ending) != clip_endings().end();
}

std::optional<fs::path> ClipFinder::try_endings(const fs::path& path) const {
  std::error_code missing;
  if (fs::is_regular_file(path, missing)) return path;
  if (is_clip(path)) return std::nullopt;
  for (const std::string& ending : clip_endings()) {
    fs::path with = path;
    with += ending;
    if (fs::is_regular_file(with, missing)) return with;
  }
  return std::nullopt;
}

std::optional<fs::path> ClipFinder::find(std::string_view written) {
  written = trim(written);
  if (written.size() >= 2 && written.front() == written.back() && (written.front() == '"' || written.front() == '\''))
    written = trim(written.substr(1, written.size() - 2));
  if (written.empty() || written.find('\0') != std::string_view::npos) return std::nullopt;
  if (auto found = try_endings(root_ / fs::path(written))) return found;
  std::string path(written);
  std::replace(path.begin(), path.end(), '\\', '/');
  if (path.size() > 1 && path[1] == ':') path.erase(0, 2);
  // The path of another machine: its end is what we have.
  for (std::string rest = path; !rest.empty();) {
    while (rest.starts_with('/') || rest.starts_with("./")) rest.erase(0, rest.front() == '/' ? 1 : 2);
    if (!rest.empty() && !rest.starts_with("../")) {
      if (auto found = try_endings(root_ / rest)) return found;
      for (const std::string& folder : kFolders)
        if (auto found = try_endings(root_ / folder / rest)) return found;
    }
    auto slash = rest.find('/');
    rest = slash == std::string::npos ? "" : rest.substr(slash + 1);
  }
  if (!tree_read_) read_tree();
  return find_by_name(path);
}

/// Of the clips of that name in any folder, the only one that shares most of the written path's end.
std::optional<fs::path> ClipFinder::find_by_name(const std::string& path) const {
  auto [first, last] = tree_.equal_range(fold(fs::path(path).filename().string()));
  if (first == last) return std::nullopt;
  std::size_t most = 0, fitting = 0;
  std::optional<fs::path> best;
  for (auto it = first; it != last; ++it) {
    fs::path written = fs::path(path).parent_path(), there = it->second.parent_path();
    std::size_t same = 0;
    while (written.has_filename() && there.has_filename() &&
           fold(written.filename().string()) == fold(there.filename().string())) {
      ++same;
      written = written.parent_path(), there = there.parent_path();
    }
    if (!best || same > most) best = it->second, most = same, fitting = 0;
    fitting += same == most;
  }
  // "ada/001.wav" is not bob/001.wav, even where that is the only clip of the name.
  std::string folder = fs::path(path).parent_path().filename().string();
  bool says_folder = !folder.empty() && folder != "." && folder != ".." &&
                     std::find(kFolders.begin(), kFolders.end(), ascii_lower(folder)) == kFolders.end();
  if (most == 0 && says_folder && best->parent_path() != root_) return std::nullopt;
  return fitting == 1 ? best : std::nullopt;
}

void ClipFinder::read_tree() {
  tree_read_ = true;
  std::error_code failed;
  for (auto it = fs::recursive_directory_iterator(root_, fs::directory_options::skip_permission_denied, failed);
       it != fs::recursive_directory_iterator(); it.increment(failed)) {
    if (failed) break;
    if (!it->is_regular_file(failed) || !is_clip(it->path())) continue;
    tree_.emplace(fold(it->path().filename().string()), it->path());
    tree_.emplace(fold(it->path().stem().string()), it->path());
  }
}

std::string ClipFinder::id_of(const fs::path& clip) const {
  fs::path relative = clip.lexically_normal().lexically_relative(root_.lexically_normal());
  if (relative.empty() || relative.begin()->string() == "..") relative = clip.filename();
  if (std::distance(relative.begin(), relative.end()) > 1 &&
      std::find(kFolders.begin(), kFolders.end(), ascii_lower(relative.begin()->string())) != kFolders.end())
    relative = relative.lexically_relative(*relative.begin());
  return relative.replace_extension().generic_string();
}

}  // namespace timbre::exchange
