#include "fetch/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"

namespace timbre::fetch {

using nlohmann::json;

namespace {

[[noreturn]] void fail(const char* what, const fs::path& path, int error) {
  std::string next = "choose a folder you may write to (--out)";
  if (is_out_of_space(error))
    next = fmt::format("free some space on the disk that holds {}; what has arrived is kept: the same command goes on",
                       fs::absolute(path).parent_path().string());
  throw SystemError(fmt::format("cannot {} {}: {}", what, path.string(), std::strerror(error)), next);
}

fs::path with(const fs::path& path, const char* ending) { return fs::path(path).concat(ending); }

}  // namespace

std::string PartFile::Origin::validator() const {
  if (!etag.empty() && !etag.starts_with("W/")) return etag;
  return last_modified;
}

PartFile::PartFile(const fs::path& to) : to_(to), path_(with(to, ".part")), about_(with(to, ".part.json")) {
  file_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_ < 0) fail("write", path_, errno);
  if (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    ::close(file_);
    throw SystemError(fmt::format("{}: another process is fetching it", path_.string()), "wait until it is done");
  }
  struct stat info {};
  ::fstat(file_, &info);
  size_ = info.st_size;
  std::error_code ignored;
  if (!fs::exists(about_, ignored)) return;
  const json about = json::parse(read_file(about_), nullptr, false);
  if (!about.is_object()) return;  // torn: as if nothing was known of the bytes
  auto text = [&](const char* key) { return about.contains(key) && about[key].is_string() ? about[key] : json(""); };
  origin_ = {text("url"), text("etag"), text("last_modified"), -1};
  if (about.contains("total") && about["total"].is_number_integer()) origin_.total = about["total"];
}

PartFile::~PartFile() {
  if (file_ >= 0) ::close(file_);
}

void PartFile::set_origin(const Origin& origin) {
  origin_ = origin;
  // One name for the new text, ours alone under the lock: a kill leaves nothing that no one would remove.
  const fs::path fresh = with(about_, ".new");
  std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
  const json about = {
      {"url", origin.url}, {"etag", origin.etag}, {"last_modified", origin.last_modified}, {"total", origin.total}};
  out << about.dump(2) << '\n';
  out.close();
  if (!out || ::rename(fresh.c_str(), about_.c_str()) != 0) fail("write", about_, errno);
}

void PartFile::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write", path_, errno);
    size_ += written;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void PartFile::truncate() {
  if (::ftruncate(file_, 0) != 0) fail("empty", path_, errno);
  size_ = 0;
}

void PartFile::forget_origin() {
  std::error_code ignored;
  fs::remove(about_, ignored);
  fs::remove(with(about_, ".new"), ignored);
}

void PartFile::commit() {
  if (::fsync(file_) != 0) fail("flush", path_, errno);
  if (::rename(path_.c_str(), to_.c_str()) != 0) fail("rename", path_, errno);
  forget_origin();
}

fs::path PartFile::set_aside() {
  const fs::path aside = with(to_, ".corrupt");
  if (::rename(path_.c_str(), aside.c_str()) != 0) fail("rename", path_, errno);
  forget_origin();
  return aside;
}

}  // namespace timbre::fetch
