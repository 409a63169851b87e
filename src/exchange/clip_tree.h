#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

/// Folders of clips, walked so that two machines see the same order.
namespace timbre::exchange {

namespace fs = std::filesystem;

/// Calls `clip` for every recording and `other` (may be empty) for every other file below `root`, folder by folder, by
/// name; a folder's own files come before its subfolders. Hidden files and folders are left out; a link to a folder
/// that is being walked is not followed.
void each_clip(const fs::path& root, const std::function<void(const fs::path&)>& clip,
               const std::function<void(const fs::path&)>& other = {});

/// The first of clip's stem + ending that is there; empty when none is.
fs::path beside(const fs::path& clip, const std::vector<std::string>& endings);

/// True when a recording of that name (any clip ending in place of `text_ending`) lies beside the text.
bool has_clip_beside(const fs::path& text, const std::string& text_ending);

/// `root`, or its only subfolder (two levels deep at most) that `is_it` accepts, as archives unpack into; empty when
/// there is none or several.
fs::path descend(const fs::path& root, const std::function<bool(const fs::path&)>& is_it);

/// Subfolders by name.
std::vector<fs::path> folders_in(const fs::path& folder);

/// The first file below `root` that `is_it` accepts, looking at no more than `most` entries: for looking at a layout.
fs::path peek(const fs::path& root, const std::function<bool(const fs::path&)>& is_it, std::size_t most = 3000);

}  // namespace timbre::exchange
