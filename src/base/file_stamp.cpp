#include "base/file_stamp.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>

#include <cstdlib>

namespace timbre {
namespace {

std::int64_t nanoseconds(const timespec& t) { return static_cast<std::int64_t>(t.tv_sec) * 1000000000 + t.tv_nsec; }

}  // namespace

FileStamp file_stamp(const std::filesystem::path& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return {};
  const std::int64_t changed_ns = nanoseconds(about.st_ctim);
  return {fmt::format("{} {}:{} {} {} {}", path.string(), about.st_dev, about.st_ino, about.st_size,
                      nanoseconds(about.st_mtim), changed_ns),
          changed_ns};
}

std::int64_t stamp_clock_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now);
}

std::filesystem::path cache_folder() {
  for (const auto& [variable, below] : {std::pair{"XDG_CACHE_HOME", "timbre"}, {"HOME", ".cache/timbre"}}) {
    const char* root = std::getenv(variable);
    if (root && root[0] == '/') return std::filesystem::path(root) / below;
  }
  return {};
}

}  // namespace timbre
