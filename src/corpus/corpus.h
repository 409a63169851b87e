#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "corpus/manifest.h"
#include "corpus/shard.h"
#include "corpus/staged_folder.h"

/// A corpus on disk: a folder with manifest.jsonl and corpus.json (name, licence, attribution, source, how it was
/// imported, the manifest's hash), rejected.jsonl (what the source held and could not be used), audio/ (clips that were
/// copied or decoded at import) and columns/ (columns.h).
namespace timbre::corpus {

/// An imported corpus, held in memory (about 300 bytes an utterance).
class Corpus {
 public:
  /// Throws DataError when `dir` is no corpus, when a file is missing or a line is broken.
  static Corpus open(const fs::path& dir);

  /// The same with the utterances of one shard alone, for its worker: 1/64 of a million opens in a twentieth of the
  /// time. A manifest that is no longer the one that was imported is read and checked whole.
  static Corpus open(const fs::path& dir, Shard shard);

  const std::vector<Utterance>& utterances() const { return utterances_; }
  /// How many utterances there are, of all shards.
  std::int64_t size() const { return size_; }
  /// False when utterances() are those of one shard.
  bool whole() const { return size_ == static_cast<std::int64_t>(utterances_.size()); }
  /// Index in utterances(); -1 when absent.
  std::int64_t find(std::string_view id) const;
  fs::path audio_path(const Utterance& utterance) const;
  const fs::path& dir() const { return dir_; }
  /// Hash of the manifest's bytes as they are now: what columns record as their input.
  const std::string& hash() const { return hash_; }
  /// False when the manifest is no longer the one that was imported.
  bool as_imported() const { return as_imported_; }
  /// corpus.json: name, licence, attribution, source, format, tool_version, manifest_hash, import {…}.
  const nlohmann::json& about() const { return about_; }
  std::string name() const;

 private:
  fs::path dir_;
  std::vector<Utterance> utterances_;
  nlohmann::json about_;
  std::string hash_;
  bool as_imported_ = true;
  std::int64_t size_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> index_;  ///< hash of the id, place; sorted
};

/// corpus.json of a corpus made from `corpus`: what is not about its own manifest and import, with a name.
nlohmann::json derived_about(const Corpus& corpus);

/// Writes a corpus folder: lines stream into a temporary neighbour "<dir>.importing", finish() makes it real by one
/// rename. Without finish() nothing appears at `dir`; what an interrupted writer left is removed by the next one.
class CorpusWriter {
 public:
  /// Throws UsageError when `dir` exists and is not an empty folder, SystemError when another process is writing it.
  explicit CorpusWriter(const fs::path& dir);
  ~CorpusWriter();
  CorpusWriter(const CorpusWriter&) = delete;
  CorpusWriter& operator=(const CorpusWriter&) = delete;

  /// Where files of the corpus (audio/…) go before finish().
  const fs::path& staging() const { return folder_.staging(); }
  /// Appends a line. Throws DataError for an unusable or repeated id.
  void add(const Utterance& utterance);
  /// True when an utterance of that id was added.
  bool has(std::string_view id) const;
  /// A line of rejected.jsonl.
  void reject(const nlohmann::json& line);
  std::int64_t count() const { return count_; }
  /// Writes corpus.json = `about` + manifest_hash + utterances + seconds, fsyncs everything and renames.
  void finish(nlohmann::json about);

 private:
  struct Files;
  StagedFolder folder_;
  std::unique_ptr<Files> files_;
  std::int64_t count_ = 0;
};

}  // namespace timbre::corpus
