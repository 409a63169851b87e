#include "exchange/get.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <optional>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "exchange/archive.h"

namespace timbre::exchange {

using nlohmann::json;

namespace {

constexpr const char* kRecord = "get.json";
constexpr const char* kUnpacking = ".unpacking";
/// Recordings shrink to a half or a third; what grows a hundredfold is a trap.
constexpr std::int64_t kMostGrowth = 100;

json read_record(const fs::path& out) {
  std::error_code ignored;
  if (!fs::exists(out / kRecord, ignored)) return json::object();
  json record = json::parse(read_file(out / kRecord), nullptr, false);
  return record.is_object() ? record : json::object();
}

/// Moves what `from` holds into `to`, folder by folder; files of the same name are replaced.
void move_into(const fs::path& from, const fs::path& to) {
  for (const fs::directory_entry& entry : fs::directory_iterator(from)) {
    const fs::path target = to / entry.path().filename();
    std::error_code ignored;
    if (entry.is_directory() && fs::is_directory(target, ignored))
      move_into(entry.path(), target);
    else
      fs::rename(entry.path(), target);
  }
}

std::vector<fs::path> archives_below(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && is_archive(entry.path())) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

/// Makes a folder and holds it for this process.
class FolderHold {
 public:
  explicit FolderHold(const fs::path& folder) {
    make_folders(folder);
    file_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file_ < 0 || ::flock(file_, LOCK_EX | LOCK_NB) != 0) {
      const int error = errno;
      if (file_ >= 0) ::close(file_);
      throw SystemError(error == EWOULDBLOCK ? fmt::format("{}: another process gets a corpus into it", folder.string())
                                             : fmt::format("{}: {}", folder.string(), std::strerror(error)),
                        "wait until it is done, or choose another folder with --out");
    }
  }
  ~FolderHold() { ::close(file_); }
  FolderHold(const FolderHold&) = delete;
  FolderHold& operator=(const FolderHold&) = delete;

 private:
  int file_ = -1;
};

class Getter {
 public:
  Getter(const GetRequest& request, const EventSink& events, const std::atomic<bool>* stop)
      : request_(request), events_(events), stop_(stop), hold_(request.out), record_(read_record(request.out)) {
    if (!record_.contains("files") || !record_["files"].is_object()) record_["files"] = json::object();
  }

  GetResult run() {
    const auto files = request_.dataset.files_of(request_.parts);
    remove_leftovers();
    for (const CatalogueFile& file : files) {
      if (auto there = from_record(file))
        result_.files.push_back(*there);
      else
        result_.files.push_back(get(file));
    }
    const fs::path folder = request_.out / request_.dataset.folder;
    std::error_code ignored;
    result_.source = !request_.dataset.folder.empty() && fs::exists(folder, ignored) ? folder : request_.out;
    return result_;
  }

 private:
  /// Of calls that were killed; no other can be at work in this folder.
  void remove_leftovers() const {
    fs::remove_all(request_.out / kUnpacking);
    for (const fs::directory_entry& entry : fs::directory_iterator(request_.out))
      if (entry.path().filename().string().starts_with(std::string(kRecord) + ".tmp-")) fs::remove(entry.path());
  }

  /// What an earlier call has finished, if it is still there and is what the catalogue means now.
  std::optional<GotFile> from_record(const CatalogueFile& file) const {
    if (!record_["files"].contains(file.name)) return std::nullopt;
    const json& entry = record_["files"][file.name];
    GotFile got{.name = file.name,
                .url = entry.value("url", ""),
                .sha256 = entry.value("sha256", ""),
                .bytes = entry.value("bytes", std::int64_t(0)),
                .already_there = true,
                .verified = entry.value("verified", false)};
    if (!file.source.sha256.empty() && file.source.sha256 != got.sha256) return std::nullopt;
    std::error_code ignored;
    for (const json& top : entry.value("top", json::array()))
      if (!fs::exists(request_.out / top.get<std::string>(), ignored)) return std::nullopt;
    return got;
  }

  GotFile get(const CatalogueFile& file) {
    const fs::path path = request_.out / file.name;
    const fetch::Downloaded came = fetch::download(file.source, path, request_.download, events_, stop_);
    GotFile got{.name = file.name,
                .url = came.url,
                .sha256 = came.sha256,
                .bytes = came.bytes,
                .verified = came.verified,
                .resumed_from = came.resumed_from,
                .retries = came.retries};
    std::vector<std::string> top{file.name};
    if (is_archive(path)) top = unpack_archive(path, got);
    remember(got, top);
    std::error_code ignored;
    if (is_archive(path) && !request_.keep_archives) fs::remove(path, ignored);
    return got;
  }

  /// Names below `out` that came of it.
  std::vector<std::string> unpack_archive(const fs::path& path, GotFile& got) {
    const fs::path scratch = request_.out / kUnpacking;
    std::vector<std::string> top;
    try {
      unpack_one(path, scratch, got);
      if (request_.dataset.nested) unpack_nested(scratch, got);
      for (const fs::directory_entry& entry : fs::directory_iterator(scratch))
        top.push_back(entry.path().filename().string());
      if (std::find(top.begin(), top.end(), path.filename().string()) != top.end())
        throw DataError(fmt::format("{}: holds a file of its own name", path.string()));
      move_into(scratch, request_.out);
    } catch (...) {
      std::error_code ignored;
      fs::remove_all(scratch, ignored);
      throw;
    }
    fs::remove_all(scratch);
    std::sort(top.begin(), top.end());
    return top;
  }

  void unpack_one(const fs::path& archive, const fs::path& into, GotFile& got) {
    const auto packed = static_cast<std::int64_t>(fs::file_size(archive));
    const UnpackLimits limits{.bytes = packed * kMostGrowth + (std::int64_t(1) << 26)};
    const std::string task = "unpack " + got.name;
    const std::int64_t before = got.unpacked_files;
    const Unpacked done = unpack(archive, into, limits, [&](const Unpacked& now) {
      if (stop_ && *stop_)
        throw SystemError("stopped; what was fetched is kept", "call the same command again to go on");
      if (now.files % 64 == 0) emit_progress(events_, task, static_cast<double>(before + now.files), 0, "files");
    });
    got.unpacked_files += done.files;
    got.unpacked_bytes += done.bytes;
    got.left_out += done.left_out;
  }

  void unpack_nested(const fs::path& folder, GotFile& got) {
    for (const fs::path& inner : archives_below(folder)) {
      const auto size = static_cast<std::int64_t>(fs::file_size(inner));
      unpack_one(inner, inner.parent_path(), got);
      fs::remove(inner);
      --got.unpacked_files;
      got.unpacked_bytes -= size;
    }
  }

  void remember(const GotFile& got, const std::vector<std::string>& top) {
    const Dataset& d = request_.dataset;
    record_["name"] = d.name;
    record_["title"] = d.title;
    record_["licence"] = d.licence;
    record_["attribution"] = d.attribution;
    record_["homepage"] = d.homepage;
    record_["files"][got.name] = {
        {"url", got.url}, {"bytes", got.bytes}, {"sha256", got.sha256}, {"verified", got.verified}, {"top", top}};
    write_file_atomic(request_.out / kRecord, record_.dump(2) + "\n");
  }

  const GetRequest& request_;
  const EventSink& events_;
  const std::atomic<bool>* stop_;
  FolderHold hold_;
  json record_;
  GetResult result_;
};

}  // namespace

json to_json(const GetResult& result) {
  json files = json::array();
  for (const GotFile& f : result.files)
    files.push_back({{"name", f.name},
                     {"url", f.url},
                     {"bytes", f.bytes},
                     {"sha256", f.sha256},
                     {"verified", f.verified},
                     {"already_there", f.already_there},
                     {"resumed_from", f.resumed_from},
                     {"retries", f.retries},
                     {"unpacked_files", f.unpacked_files},
                     {"unpacked_bytes", f.unpacked_bytes},
                     {"left_out", f.left_out}});
  return {{"files", files}, {"source", result.source.string()}};
}

GetResult get_dataset(const GetRequest& request, const EventSink& events, const std::atomic<bool>* stop) {
  return Getter(request, events, stop).run();
}

}  // namespace timbre::exchange
