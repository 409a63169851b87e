#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "corpus/shard.h"
#include "weights/tensor.h"

/// Columns: what preparation computes for each utterance (phonemes, mel, durations, codes …), one tensor an utterance,
/// in numbered part files beside the manifest:
///
///   columns/<name>/<shard>-of-<shards>.<part>.safetensors    tensors named by utterance id
///   columns/<name>/<shard>-of-<shards>.<part>.json           the part's index: key, settings, ids, skipped with
///   reasons
///
/// A part exists when its index does; both are written atomically and never changed. Workers of different shards write
/// different files. An interrupted worker goes on after its last part, with any number of shards. A part whose key is
/// not the wanted one is stale: never read, and removed by the next writer.
///
/// Non-goals: changing a value in place; a transaction over several columns.
namespace timbre::corpus {

namespace fs = std::filesystem;

/// What a column was made of. Equal keys = interchangeable values.
struct ColumnKey {
  std::string name;           ///< [a-z0-9_.]+, e.g. "codes.encodec"
  std::string settings_hash;  ///< of the settings that made it
  std::string inputs_hash;    ///< of the manifest and of the columns it was made from
  bool operator==(const ColumnKey&) const = default;
};

/// Text as a U8 tensor, and back. Lists of phones are joined by ' '.
weights::Tensor text_tensor(std::string_view text);
std::string tensor_text(const weights::Tensor& tensor);
weights::Tensor list_tensor(const std::vector<std::string>& items);
std::vector<std::string> tensor_list(const weights::Tensor& tensor);

/// Read side. Opening reads the indexes only; tensors are mapped on first use. Safe to use from many threads.
class Column {
 public:
  /// Whatever key it has. Throws DataError when the column is missing, holds parts of different keys or is damaged.
  static Column open(const fs::path& corpus, const std::string& name);
  /// Throws DataError when it is missing or was made with another key (stale), saying to run `timbre prepare`.
  static Column open(const fs::path& corpus, const ColumnKey& key);
  Column(Column&&) noexcept;
  Column& operator=(Column&&) noexcept;
  ~Column();

  const ColumnKey& key() const;
  const nlohmann::json& settings() const;
  bool has(std::string_view id) const;
  /// Views the mapped file; the tensor keeps it alive. Throws DataError for an absent id or a damaged file.
  weights::Tensor get(std::string_view id) const;
  const std::vector<Skipped>& skipped() const;
  /// Every id that has a value, in the order of the parts.
  std::vector<std::string> ids() const;
  std::int64_t size() const;

 private:
  struct State;
  explicit Column(std::unique_ptr<State> state);
  static Column load(const fs::path& corpus, const std::string& name, const ColumnKey* key);
  std::unique_ptr<State> state_;
};

/// How far a column is.
struct ColumnState {
  enum class Kind { missing, stale, partial, complete };
  Kind kind = Kind::missing;
  std::int64_t made = 0, skipped = 0, wanted = 0;
  std::string why;  ///< for people: "made with other settings (hop_samples 200, now 256)"
};

/// `settings` (may be null) is only used to say which setting differs.
ColumnState column_state(const fs::path& corpus, const ColumnKey& key, std::int64_t utterances,
                         const nlohmann::json& settings = {});

/// Write side, of one shard. put() and skip() may be called from many threads.
class ColumnWriter {
 public:
  struct Limits {
    std::int64_t utterances = 1024;               ///< a part is written when so many are waiting …
    std::int64_t bytes = std::int64_t(64) << 20;  ///< … or so many bytes
  };
  /// Removes stale and damaged parts of the column and finds what is done already (by any shard count).
  ColumnWriter(const fs::path& corpus, ColumnKey key, Shard shard, nlohmann::json settings, Limits limits);
  ColumnWriter(const fs::path& corpus, ColumnKey key, Shard shard = {},
               nlohmann::json settings = nlohmann::json::object());
  /// What was not committed or flushed is lost, as in a crash; nothing is half written.
  ~ColumnWriter();

  /// True when the utterance has a value or was skipped before: leave it out.
  bool is_done(std::string_view id) const;
  void put(const std::string& id, const weights::Tensor& value);
  /// No value for this one, and why.
  void skip(const std::string& id, const std::string& reason);
  /// Writes what is waiting as a part.
  void flush();
  /// flush(), at the end of the work. Throws SystemError (full disk …); finished parts stay.
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Forgets a column: removes its files.
void remove_column(const fs::path& corpus, const std::string& name);

/// Merges all parts of a complete column into few files of at most `bytes` each; readers stay valid.
void compact_column(const fs::path& corpus, const ColumnKey& key, std::int64_t bytes = std::int64_t(1) << 30);

}  // namespace timbre::corpus
