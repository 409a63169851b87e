#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace timbre {

/// Which contents a file has, told without reading it.
struct FileStamp {
  std::string text;             ///< path, device, inode, size, and when contents and inode changed; "" when absent
  std::int64_t changed_ns = 0;  ///< when the inode last changed: unlike a file's date, no program can set it back
};
FileStamp file_stamp(const std::filesystem::path& path);

/// Now, by the clock that stamps are made with.
std::int64_t stamp_clock_ns();

/// Folder for what can be made again: $XDG_CACHE_HOME/timbre, else ~/.cache/timbre; "" when there is neither.
std::filesystem::path cache_folder();

}  // namespace timbre
