#include "corpus/corpus.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"

namespace timbre::corpus {

using nlohmann::json;

namespace {

constexpr const char* kManifest = "manifest.jsonl";
constexpr const char* kAbout = "corpus.json";

std::uint64_t id_hash(std::string_view id) { return std::hash<std::string_view>{}(id); }

json read_about(const fs::path& path) {
  json about = parse_json(read_file(path), path.string(), "import the corpus again");
  if (!about.is_object())
    throw DataError(fmt::format("{}: not a JSON object", path.string()), "import the corpus again");
  for (const char* key : {"name", "manifest_hash"})
    if (about.contains(key) && !about[key].is_string())
      throw DataError(fmt::format("{}: field '{}' is {}; expected a string", path.string(), key, about[key].dump()),
                      "import the corpus again");
  return about;
}

}  // namespace

Corpus Corpus::open(const fs::path& dir) { return open(dir, Shard{}); }

Corpus Corpus::open(const fs::path& dir, Shard shard) {
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
    const auto forget = [&](std::string_view part) { file.forget(part); };
    corpus.hash_ = hash_file(file.path());  // streamed: a large manifest need not be in memory at once
    corpus.as_imported_ = corpus.about_.value("manifest_hash", corpus.hash_) == corpus.hash_;
    const bool checked = corpus.as_imported_ && corpus.about_.contains("manifest_hash");
    if (shard.count > 1 && checked) {
      corpus.utterances_ = load_manifest_shard(bytes, file.path().string(), shard, corpus.size_, forget);
    } else {
      corpus.utterances_ = load_manifest(bytes, file.path().string(), forget);
      corpus.size_ = static_cast<std::int64_t>(corpus.utterances_.size());
    }
  }
  if (corpus.size_ == 0)
    throw DataError(fmt::format("{}: no utterance in it", (dir / kManifest).string()), "import the corpus again");
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

nlohmann::json derived_about(const Corpus& corpus) {
  nlohmann::json about = corpus.about();
  for (const char* key : {"import", "listing_hash", "manifest_hash", "utterances", "duration_s", "rejected"})
    about.erase(key);
  if (!about.contains("name")) about["name"] = corpus.name();
  return about;
}

struct CorpusWriter::Files {
  std::ofstream manifest, rejected;
  IdSet ids;
  double seconds = 0;
  std::int64_t rejects = 0;
};

CorpusWriter::CorpusWriter(const fs::path& dir)
    : folder_(dir, "importing", "a corpus is never changed after import"), files_(std::make_unique<Files>()) {
  files_->manifest.open(staging() / kManifest, std::ios::binary);
  if (!files_->manifest)
    throw SystemError(fmt::format("{}: cannot be written: {}", (staging() / kManifest).string(), std::strerror(errno)));
}

CorpusWriter::~CorpusWriter() = default;

bool CorpusWriter::has(std::string_view id) const { return files_->ids.contains(id); }

void CorpusWriter::add(const Utterance& utterance) {
  if (std::string fault = id_fault(utterance.id); !fault.empty())
    throw DataError(fmt::format("id '{}' {}", utterance.id, fault));
  if (!files_->ids.insert(utterance.id))
    throw DataError(fmt::format("id '{}' came before; expected each id once", utterance.id));
  files_->manifest << to_line(utterance) << '\n';
  files_->seconds += utterance.duration_s;
  ++count_;
  if (!files_->manifest) throw_file_error("write", staging() / kManifest, errno);
}

void CorpusWriter::reject(const json& line) {
  if (!files_->rejected.is_open()) files_->rejected.open(staging() / "rejected.jsonl", std::ios::binary);
  files_->rejected << line.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
  ++files_->rejects;
  if (!files_->rejected) throw_file_error("write", staging() / "rejected.jsonl", errno);
}

void CorpusWriter::finish(json about) {
  files_->manifest.close();
  if (files_->rejected.is_open()) files_->rejected.close();
  if (files_->manifest.fail() || files_->rejected.fail()) throw_file_error("write", staging(), errno);
  about["manifest_hash"] = hash_file(staging() / kManifest);
  about["utterances"] = count_;
  about["duration_s"] = files_->seconds;
  about["rejected"] = files_->rejects;
  write_file_atomic(staging() / kAbout, about.dump(2) + "\n");
  folder_.publish();
}

}  // namespace timbre::corpus
