#include "exchange/clip_tree.h"

#include <algorithm>
#include <deque>

#include "exchange/clip_finder.h"

namespace timbre::exchange {

namespace {

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

void visit(const fs::path& folder, std::vector<fs::path>& inside, const std::function<void(const fs::path&)>& clip,
           const std::function<void(const fs::path&)>& other) {
  std::vector<fs::path> clips, others, folders;
  for (const auto& entry : fs::directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
    if (is_hidden(entry.path())) continue;
    std::error_code failed;
    if (entry.is_directory(failed))
      folders.push_back(entry.path());
    else if (entry.is_regular_file(failed))
      (is_clip(entry.path()) ? clips : others).push_back(entry.path());
  }
  for (auto* list : {&clips, &others, &folders}) std::sort(list->begin(), list->end());
  for (const fs::path& path : clips) clip(path);
  if (other)
    for (const fs::path& path : others) other(path);
  for (const fs::path& below : folders) {
    std::error_code failed;
    bool loops = fs::is_symlink(below, failed) && std::any_of(inside.begin(), inside.end(), [&](const fs::path& up) {
                   return fs::equivalent(below, up, failed);
                 });
    if (loops) continue;
    inside.push_back(below);
    visit(below, inside, clip, other);
    inside.pop_back();
  }
}

}  // namespace

void each_clip(const fs::path& root, const std::function<void(const fs::path&)>& clip,
               const std::function<void(const fs::path&)>& other) {
  std::vector<fs::path> inside = {root};
  visit(root, inside, clip, other);
}

fs::path beside(const fs::path& clip, const std::vector<std::string>& endings) {
  for (const std::string& ending : endings) {
    fs::path text = fs::path(clip).replace_extension();
    text += ending;
    std::error_code missing;
    if (fs::is_regular_file(text, missing)) return text;
  }
  return {};
}

bool has_clip_beside(const fs::path& text, const std::string& text_ending) {
  std::string stem = text.string();
  stem.resize(stem.size() - std::min(stem.size(), text_ending.size()));
  std::error_code missing;
  return std::any_of(clip_endings().begin(), clip_endings().end(),
                     [&](const std::string& ending) { return fs::exists(stem + ending, missing); });
}

std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> folders;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed))
    if (entry.is_directory(failed) && !is_hidden(entry.path())) folders.push_back(entry.path());
  std::sort(folders.begin(), folders.end());
  return folders;
}

fs::path descend(const fs::path& root, const std::function<bool(const fs::path&)>& is_it) {
  if (is_it(root)) return root;
  std::vector<fs::path> level = {root};
  for (int depth = 0; depth < 2; ++depth) {
    std::vector<fs::path> below, found;
    for (const fs::path& folder : level)
      for (const fs::path& path : folders_in(folder)) (is_it(path) ? found : below).push_back(path);
    if (!found.empty()) return found.size() == 1 ? found[0] : fs::path();
    level = std::move(below);
  }
  return {};
}

fs::path peek(const fs::path& root, const std::function<bool(const fs::path&)>& is_it, std::size_t most) {
  std::deque<fs::path> waiting = {root};
  std::size_t seen = 0;
  while (!waiting.empty()) {
    fs::path folder = std::move(waiting.front());
    waiting.pop_front();
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(folder, failed)) {
      if (++seen > most) return {};
      if (entry.is_directory(failed) && !entry.is_symlink(failed))
        waiting.push_back(entry.path());
      else if (entry.is_regular_file(failed) && is_it(entry.path()))
        return entry.path();
    }
  }
  return {};
}

}  // namespace timbre::exchange
