#include "corpus/staged_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"

namespace timbre::corpus {

namespace {

bool is_empty_folder(const fs::path& dir) { return fs::is_directory(dir) && fs::is_empty(dir); }

/// False when the lock's file was removed by its last owner between our opening and locking it.
bool is_same_file(int file, const fs::path& path) {
  struct stat opened {
  }, named{};
  return ::fstat(file, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino;
}

fs::path beside(fs::path path, const std::string& ending) {
  path += ending;
  return path;
}

}  // namespace

void StagedFolder::refuse_used(const fs::path& dir, const std::string& why) {
  std::error_code ignored;
  if (fs::exists(dir, ignored) && !is_empty_folder(dir))
    throw UsageError(fmt::format("{}: exists and is not an empty folder; {}", dir.string(), why),
                     "give another --out, or remove that folder first");
}

StagedFolder::StagedFolder(const fs::path& dir, const std::string& doing, const std::string& why) : dir_(dir) {
  // A trailing '/' would make the temporary neighbour a child.
  if (dir_.filename().empty()) dir_ = dir_.parent_path();
  refuse_used(dir_, why);
  staging_ = beside(dir_, "." + doing);
  make_folders(dir_.has_parent_path() ? dir_.parent_path() : fs::path("."));
  // The lock lies outside the staging folder, which is removed and made anew under it.
  const fs::path lock = beside(staging_, ".lock");
  lock_.file = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_.file < 0) throw SystemError(fmt::format("{}: cannot be written: {}", lock.string(), std::strerror(errno)));
  if (::flock(lock_.file, LOCK_EX | LOCK_NB) != 0 || !is_same_file(lock_.file, lock))
    throw SystemError(fmt::format("{}: another process is {} into it", dir_.string(), doing), "wait until it is done");
  std::error_code ignored;
  if (fs::exists(staging_, ignored)) {
    log::note(fmt::format("{}: left by an interrupted run, removed", staging_.string()));
    fs::remove_all(staging_);
  }
  make_folders(staging_);
}

StagedFolder::Lock::~Lock() {
  if (file >= 0) ::close(file);
}

StagedFolder::~StagedFolder() {
  std::error_code ignored;
  fs::remove_all(staging_, ignored);
  fs::remove(beside(staging_, ".lock"), ignored);
}

void StagedFolder::publish() {
  if (is_empty_folder(dir_)) fs::remove(dir_);
  publish_folder(staging_, dir_);
}

}  // namespace timbre::corpus
