#include "base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/error.h"

namespace timbre {
namespace {

fs::path parent_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

}  // namespace

bool is_out_of_space(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

void throw_file_error(const std::string& what, const fs::path& path, int error) {
  std::string next;
  if (is_out_of_space(error))
    next = fmt::format("free some space on the disk that holds {}", fs::absolute(path).parent_path().string());
  if (error == EACCES || error == EPERM || error == EROFS)
    next = "choose a folder you may write to, or change its permissions";
  if (error == ENOENT) next = "check the path for a typo";
  throw SystemError(fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(error)), next);
}

namespace {

class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags, const char* what, mode_t mode = 0666)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC, mode)) {
    if (fd_ < 0) throw_file_error(what, path, errno);
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

void write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_file_error("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void sync_path(const fs::path& path, int flags) {
  const Descriptor file(path, flags, "open");
  if (::fsync(file.get()) != 0 && errno != EINVAL && errno != EROFS) throw_file_error("flush", path, errno);
}

}  // namespace

std::string read_file(const fs::path& path) {
  const Descriptor file(path, O_RDONLY, "open");
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw_file_error("read", path, errno);
  if (S_ISDIR(info.st_mode)) throw DataError(fmt::format("{}: a folder; expected a file", path.string()));
  std::string bytes;
  bytes.reserve(static_cast<std::size_t>(info.st_size));
  char block[1 << 16];
  for (;;) {
    const ssize_t n = ::read(file.get(), block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_file_error("read", path, errno);
    if (n == 0) return bytes;
    bytes.append(block, static_cast<std::size_t>(n));
  }
}

void write_file_atomic(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

AtomicFile::AtomicFile(const fs::path& path) : path_(path) {
  static std::atomic<unsigned> serial{0};
  temporary_ = fs::path(path).concat(fmt::format(".tmp-{}-{}", ::getpid(), serial++));
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd_ < 0) throw_file_error("create", path_, errno);
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  constexpr std::size_t kBuffered = 1 << 16;
  position_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBuffered) flush();
  if (bytes.size() >= kBuffered) {
    write_all(fd_, bytes, path_);
  } else {
    buffer_.append(bytes);
  }
}

void AtomicFile::flush() {
  write_all(fd_, buffer_, path_);
  buffer_.clear();
}

void AtomicFile::commit() {
  flush();
  if (::fsync(fd_) != 0) throw_file_error("flush", path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw_file_error("rename to", path_, errno);
  ::close(fd_);
  fd_ = -1;
  sync_path(parent_of(path_), O_RDONLY | O_DIRECTORY);
}

void append_line(const fs::path& path, std::string_view line) {
  const Descriptor file(path, O_WRONLY | O_CREAT | O_APPEND, "append to");
  std::string bytes(line);
  bytes += '\n';
  write_all(file.get(), bytes, path);
}

void copy_contents(const fs::path& from, const fs::path& to) {
  // Not std::filesystem::copy_file: GCC's loses the cause of a failed write.
  const Descriptor in(from, O_RDONLY, "read"), out(to, O_WRONLY | O_CREAT | O_TRUNC, "write");
  std::vector<char> block(std::size_t(1) << 18);
  for (;;) {
    const ssize_t n = ::read(in.get(), block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_file_error("read", from, errno);
    if (n == 0) return;
    write_all(out.get(), {block.data(), static_cast<std::size_t>(n)}, to);
  }
}

void make_folders(const fs::path& path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (code) throw_file_error("create the folder", path, code.value());
}

void publish_folder(const fs::path& from, const fs::path& to) {
  for (const auto& entry : fs::recursive_directory_iterator(from)) {
    if (entry.is_regular_file()) sync_path(entry.path(), O_RDONLY);
    if (entry.is_directory()) sync_path(entry.path(), O_RDONLY | O_DIRECTORY);
  }
  sync_path(from, O_RDONLY | O_DIRECTORY);
  if (fs::exists(to)) throw SystemError(fmt::format("cannot make {}: it is there already", to.string()));
  if (::rename(from.c_str(), to.c_str()) != 0) throw_file_error("rename to", to, errno);
  sync_path(parent_of(to), O_RDONLY | O_DIRECTORY);
}

std::uint64_t free_disk_bytes(const fs::path& path) {
  fs::path at = fs::absolute(path);
  std::error_code code;
  while (!fs::exists(at, code) && at.has_relative_path()) at = at.parent_path();
  struct statvfs info {};
  if (::statvfs(at.c_str(), &info) != 0) throw_file_error("ask for the free space of", at, errno);
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  const Descriptor file(path, O_RDONLY, "open");
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) throw_file_error("read", path, errno);
  if (S_ISDIR(info.st_mode)) throw DataError(fmt::format("{}: a folder; expected a file", path.string()));
  size_ = static_cast<std::size_t>(info.st_size);
  if (size_ == 0) return;
  void* at = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (at == MAP_FAILED) throw_file_error("map", path, errno);
  data_ = static_cast<const std::byte*>(at);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::forget(std::string_view part) const {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(part.data()), end = begin + part.size();
  const std::uintptr_t first = (begin + page - 1) / page * page, last = end / page * page;
  // A clean private mapping loses nothing; a kernel that refuses costs memory only.
  if (last > first) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

fs::path program_folder() { return fs::read_symlink("/proc/self/exe").parent_path(); }

bool is_safe_relative(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos || path.find('\\') != std::string_view::npos)
    return false;
  if (path.size() > 1 && path[1] == ':') return false;
  const fs::path given(path);
  if (given.is_absolute()) return false;
  for (const auto& part : given) {
    if (part == "..") return false;
  }
  return true;
}

}  // namespace timbre
