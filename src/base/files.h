#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

/// Files that are either whole or absent.
namespace timbre {

namespace fs = std::filesystem;

/// SystemError "cannot `what` `path`: cause", with what to do where errno `error` is a common one.
[[noreturn]] void throw_file_error(const std::string& what, const fs::path& path, int error);

/// True for a full disk, a used-up quota and the limit of a file's size.
bool is_out_of_space(int error);

/// The whole file as bytes. Throws SystemError naming the path, DataError where it is a folder.
std::string read_file(const fs::path& path);

/// Writes to a temporary neighbour, fsyncs, renames over `path`, fsyncs the folder.
/// Throws SystemError (naming the path and the cause: full disk, read-only folder); the old file stays.
void write_file_atomic(const fs::path& path, std::string_view bytes);

/// The same for contents that come in pieces: what was written appears at `path` when commit() returns, or never.
class AtomicFile {
 public:
  explicit AtomicFile(const fs::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  /// Throws SystemError (full disk).
  void write(std::string_view bytes);
  void write(std::span<const std::byte> bytes) { write({reinterpret_cast<const char*>(bytes.data()), bytes.size()}); }
  /// Bytes written so far.
  std::uint64_t position() const { return position_; }
  void commit();

 private:
  void flush();
  fs::path path_, temporary_;
  int fd_ = -1;
  std::uint64_t position_ = 0;
  std::string buffer_;
};

/// Appends one line and flushes it to the kernel; creates the file.
void append_line(const fs::path& path, std::string_view line);

/// Copies a file's contents, over an older one. Throws SystemError naming both and the cause.
void copy_contents(const fs::path& from, const fs::path& to);

/// mkdir -p with a SystemError that names the folder.
void make_folders(const fs::path& path);

/// Makes a filled temporary folder real: fsyncs every file in it, renames it to `to` (must not exist), fsyncs the
/// parent.
void publish_folder(const fs::path& from, const fs::path& to);

/// Free bytes of the file system that holds `path` (or its nearest existing parent).
std::uint64_t free_disk_bytes(const fs::path& path);

/// Read-only memory map of a file; the bytes live as long as the object. Throws as read_file.
class MappedFile {
 public:
  explicit MappedFile(const fs::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const fs::path& path() const { return path_; }
  /// Takes what lies wholly inside `part` of bytes() out of this process's memory; reading it again loads it again.
  void forget(std::string_view part) const;

 private:
  fs::path path_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Folder of the running executable (plugins and timbre-torch lie beside it).
fs::path program_folder();

/// True when `path`, as given by foreign data, stays inside a folder: relative, no "..", no drive, no NUL.
bool is_safe_relative(std::string_view path);

}  // namespace timbre
