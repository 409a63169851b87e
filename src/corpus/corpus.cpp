#include "corpus/corpus.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"

namespace timbre::corpus {

using nlohmann::json;

namespace {

constexpr const char* kManifest = "manifest.jsonl";
constexpr const char* kAbout = "corpus.json";

std::uint64_t id_hash(std::string_view id) { return std::hash<std::string_view>{}(id); }

json read_about(const fs::path& path) {
  std::string bytes = read_file(path);
  json about = json::parse(bytes, nullptr, false);
  if (about.is_discarded() || !about.is_object())
    throw DataError(fmt::format("{}: not a JSON object", path.string()), "import the corpus again");
  return about;
}

bool is_empty_folder(const fs::path& dir) { return fs::is_directory(dir) && fs::is_empty(dir); }

/// False when the lock's file was removed by its last owner between our opening and locking it.
bool is_same_file(int file, const fs::path& path) {
  struct stat opened {
  }, named{};
  return ::fstat(file, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino;
}

}  // namespace

Corpus Corpus::open(const fs::path& dir) {
  std::error_code ignored;
  if (!fs::exists(dir / kManifest, ignored)) {
    bool there = fs::exists(dir, ignored);
    throw DataError(fmt::format("{}: {}; expected a corpus folder with {}", dir.string(),
                                there ? "holds no manifest.jsonl" : "no such folder", kManifest),
                    fmt::format("timbre import FORMAT SOURCE --out {}", dir.string()));
  }
  Corpus corpus;
  corpus.dir_ = dir;
  corpus.about_ = fs::exists(dir / kAbout, ignored) ? read_about(dir / kAbout) : json::object();
  {
    MappedFile file(dir / kManifest);
    std::string_view bytes(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
    corpus.hash_ = hash_hex(bytes);
    corpus.utterances_ = load_manifest(bytes, file.path().string());
  }
  if (corpus.utterances_.empty())
    throw DataError(fmt::format("{}: no utterance in it", (dir / kManifest).string()), "import the corpus again");
  corpus.as_imported_ = corpus.about_.value("manifest_hash", corpus.hash_) == corpus.hash_;
  corpus.index_.reserve(corpus.utterances_.size());
  for (std::size_t i = 0; i < corpus.utterances_.size(); ++i)
    corpus.index_.emplace_back(id_hash(corpus.utterances_[i].id), static_cast<std::uint32_t>(i));
  std::sort(corpus.index_.begin(), corpus.index_.end());
  return corpus;
}

std::int64_t Corpus::find(std::string_view id) const {
  std::uint64_t hash = id_hash(id);
  auto it = std::lower_bound(index_.begin(), index_.end(), std::pair<std::uint64_t, std::uint32_t>(hash, 0));
  for (; it != index_.end() && it->first == hash; ++it)
    if (utterances_[it->second].id == id) return it->second;
  return -1;
}

fs::path Corpus::audio_path(const Utterance& utterance) const { return dir_ / fs::path(utterance.audio); }

std::string Corpus::name() const { return about_.value("name", dir_.filename().string()); }

struct CorpusWriter::Files {
  int lock = -1;
  std::ofstream manifest, rejected;
  IdSet ids;
  double seconds = 0;
  std::int64_t rejects = 0;
  ~Files() {
    if (lock >= 0) ::close(lock);
  }
};

CorpusWriter::CorpusWriter(const fs::path& dir) : dir_(dir), files_(std::make_unique<Files>()) {
  // A trailing '/' would make the temporary neighbour a child.
  if (dir_.filename().empty()) dir_ = dir_.parent_path();
  std::error_code ignored;
  if (fs::exists(dir_, ignored) && !is_empty_folder(dir_))
    throw UsageError(
        fmt::format("{}: exists and is not an empty folder; a corpus is never changed after import", dir_.string()),
        "give another --out, or remove that folder first");
  staging_ = dir_;
  staging_ += ".importing";
  make_folders(dir_.has_parent_path() ? dir_.parent_path() : fs::path("."));
  // The lock lies outside the staging folder, which is removed and made anew under it.
  fs::path lock = staging_;
  lock += ".lock";
  files_->lock = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (files_->lock < 0)
    throw SystemError(fmt::format("{}: cannot be written: {}", lock.string(), std::strerror(errno)));
  if (::flock(files_->lock, LOCK_EX | LOCK_NB) != 0 || !is_same_file(files_->lock, lock))
    throw SystemError(fmt::format("{}: another process is importing into it", dir_.string()), "wait until it is done");
  if (fs::exists(staging_, ignored)) {
    log::note(fmt::format("{}: what an interrupted import left is removed", staging_.string()));
    fs::remove_all(staging_);
  }
  make_folders(staging_);
  files_->manifest.open(staging_ / kManifest, std::ios::binary);
  if (!files_->manifest)
    throw SystemError(fmt::format("{}: cannot be written: {}", (staging_ / kManifest).string(), std::strerror(errno)));
}

CorpusWriter::~CorpusWriter() {
  if (!files_) return;
  files_->manifest.close();
  files_->rejected.close();
  std::error_code ignored;
  fs::remove_all(staging_, ignored);
  fs::path lock = staging_;
  lock += ".lock";
  fs::remove(lock, ignored);
}

bool CorpusWriter::has(std::string_view id) const { return files_->ids.contains(id); }

void CorpusWriter::add(const Utterance& utterance) {
  if (std::string fault = id_fault(utterance.id); !fault.empty())
    throw DataError(fmt::format("id '{}' {}", utterance.id, fault));
  if (!files_->ids.insert(utterance.id))
    throw DataError(fmt::format("id '{}' came before; expected each id once", utterance.id));
  files_->manifest << to_line(utterance) << '\n';
  files_->seconds += utterance.duration_s;
  ++count_;
  if (!files_->manifest)
    throw SystemError(fmt::format("{}: writing failed: {}", (staging_ / kManifest).string(), std::strerror(errno)),
                      "free some space");
}

void CorpusWriter::reject(const json& line) {
  if (!files_->rejected.is_open()) files_->rejected.open(staging_ / "rejected.jsonl", std::ios::binary);
  files_->rejected << line.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
  ++files_->rejects;
  if (!files_->rejected)
    throw SystemError(
        fmt::format("{}: writing failed: {}", (staging_ / "rejected.jsonl").string(), std::strerror(errno)),
        "free some space");
}

void CorpusWriter::finish(json about) {
  files_->manifest.close();
  if (files_->rejected.is_open()) files_->rejected.close();
  if (files_->manifest.fail() || files_->rejected.fail())
    throw SystemError(fmt::format("{}: writing failed: {}", staging_.string(), std::strerror(errno)),
                      "free some space");
  about["manifest_hash"] = hash_file(staging_ / kManifest);
  about["utterances"] = count_;
  about["duration_s"] = files_->seconds;
  about["rejected"] = files_->rejects;
  write_file_atomic(staging_ / kAbout, about.dump(2) + "\n");
  if (is_empty_folder(dir_)) fs::remove(dir_);
  publish_folder(staging_, dir_);
}

}  // namespace timbre::corpus
