#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

/// The unfinished file of a download: NAME.part and NAME.part.json. Used by download.cpp alone.
namespace timbre::fetch {

namespace fs = std::filesystem;

class PartFile {
 public:
  /// Opens or makes it and holds it for this process. Throws SystemError (read-only folder, another process has it).
  explicit PartFile(const fs::path& to);
  ~PartFile();
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  /// Where the bytes came from. Empty strings = not told.
  struct Origin {
    std::string url, etag, last_modified;
    std::int64_t total = -1;
    /// What makes a range safe: a strong ETag or a date; "" = nothing does.
    std::string validator() const;
  };
  const Origin& origin() const { return origin_; }
  void set_origin(const Origin& origin);

  std::int64_t size() const { return size_; }
  const fs::path& path() const { return path_; }
  /// Throws SystemError (full disk): what was written before stays.
  void append(std::string_view bytes);
  void truncate();
  /// Makes it the finished file.
  void commit();
  /// Renames it out of the way; returns the new path.
  fs::path set_aside();

 private:
  void forget_origin();
  fs::path to_, path_, about_;
  Origin origin_;
  int file_ = -1;
  std::int64_t size_ = 0;
};

}  // namespace timbre::fetch
