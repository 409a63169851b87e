#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

/// A corpus on disk: a folder with manifest.jsonl (one utterance a line, never changed after import) and
/// corpus.json (name, licence, attribution, source, how it was imported, the manifest's hash). Columns lie beside
/// them (columns.h); audio/ holds the clips that were copied or decoded at import.
namespace timbre::corpus {

namespace fs = std::filesystem;

/// One utterance: a clip and what is said in it.
struct Utterance {
  std::string id;        ///< unique in the corpus and usable as a file name: no '/', '\\', control characters, ≤ 200 bytes
  std::string audio;     ///< relative to the corpus folder, or absolute where the clip was left in place
  std::string text;      ///< UTF-8, as written in the source
  std::string speaker;   ///< "" when the source names none
  std::string language;  ///< BCP 47 ("en", "zh-CN"), "" when unknown
  double duration_s = 0;
  std::int64_t rate_hz = 0;   ///< of the stored file
  std::int64_t channels = 0;  ///< of the stored file; later steps mix to one
  std::string split;          ///< "" | "train" | "valid" | "test", where the source fixes it
  std::int64_t audio_bytes = -1;  ///< size of the clip's file at import, -1 = not recorded; notices a replaced file
  nlohmann::json extra;       ///< what an importer keeps besides (raw_text, textgrid, source_channels …); null or object
};

/// One manifest line without its line break. Keys in a fixed order, so equal utterances give equal bytes.
std::string to_line(const Utterance& utterance);

/// The inverse. Throws DataError naming `file`, `line_number`, and the column (syntax) or field (missing, wrong type,
/// unusable id) with what is expected. Unknown keys are kept in `extra`.
Utterance from_line(std::string_view line, const std::string& file, std::int64_t line_number);

/// Why `id` cannot be one, or "".
std::string id_fault(std::string_view id);

/// Reads a manifest line by line in bounded memory, in file order. Blank lines are skipped. Throws as from_line, and
/// DataError for an id that came before (kept as 64-bit hashes) and for a last line without its line break
/// (an interrupted copy).
void read_manifest(const fs::path& manifest, const std::function<void(Utterance&&, std::int64_t line_number)>& each);

/// An imported corpus, held in memory (about 300 bytes an utterance).
class Corpus {
 public:
  /// Throws DataError when `dir` is no corpus, when a file is missing or a line is broken.
  static Corpus open(const fs::path& dir);

  const std::vector<Utterance>& utterances() const { return utterances_; }
  /// Index in utterances(); -1 when absent. The table is made on first use (not thread safe until then).
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
  mutable std::unordered_map<std::string_view, std::int64_t> index_;
};

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
  const fs::path& staging() const { return staging_; }
  /// Appends a line. Throws DataError for an unusable or repeated id.
  void add(const Utterance& utterance);
  /// False when an utterance of that id was added.
  bool is_new(std::string_view id) const;
  /// A line of rejected.jsonl.
  void reject(const nlohmann::json& line);
  std::int64_t count() const { return count_; }
  /// Writes corpus.json = `about` + manifest_hash + utterances + seconds, fsyncs everything and renames.
  void finish(nlohmann::json about);

 private:
  struct Files;
  fs::path dir_, staging_;
  std::unique_ptr<Files> files_;
  std::int64_t count_ = 0;
};

}  // namespace timbre::corpus
