#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "corpus/shard.h"

/// manifest.jsonl: one utterance a line, in the order of the source, never changed after import.
namespace timbre::corpus {

namespace fs = std::filesystem;

/// One utterance: a clip and what is said in it.
struct Utterance {
  std::string id;  ///< unique in the corpus and usable as a file name: no '/', '\\', control characters, ≤ 200 bytes
  std::string audio;     ///< relative to the corpus folder, or absolute where the clip was left in place
  std::string text;      ///< UTF-8, as written in the source
  std::string speaker;   ///< "" when the source names none
  std::string language;  ///< BCP 47 ("en", "zh-CN"), "" when unknown
  double duration_s = 0;
  std::int64_t rate_hz = 0;       ///< of the stored file
  std::int64_t channels = 0;      ///< of the stored file; later steps mix to one
  std::string split;              ///< "" | "train" | "valid" | "test", where the source fixes it
  std::int64_t audio_bytes = -1;  ///< size of the clip's file at import, -1 = not recorded; notices a replaced file
  nlohmann::json extra;  ///< what an importer keeps besides (raw_text, textgrid, source_channels …); null or object
};

/// One manifest line without its line break. Keys in a fixed order, so equal utterances give equal bytes.
std::string to_line(const Utterance& utterance);

/// The inverse. Throws DataError naming `file`, `line_number`, and the column (syntax) or field (missing, wrong type,
/// unusable id) with what is expected. Unknown keys are kept in `extra`.
Utterance from_line(std::string_view line, const std::string& file, std::int64_t line_number);

/// An altered copy of another utterance (prepare/augment.h): `extra.copy_of` names it.
bool is_copy(const Utterance& utterance);

/// Why `id` cannot be one, or "".
std::string id_fault(std::string_view id);

/// Reads a manifest line by line in bounded memory, in file order. Blank lines are skipped. Throws as from_line, and
/// DataError for an id that came before.
void read_manifest(const fs::path& manifest, const std::function<void(Utterance&&, std::int64_t line_number)>& each);

/// All lines at once, on all threads. Throws as read_manifest, for the first broken line.
/// `read` is told of every stretch of `bytes` that is not looked at again, from any thread.
std::vector<Utterance> load_manifest(std::string_view bytes, const std::string& file,
                                     const std::function<void(std::string_view)>& read = {});

/// The lines of one shard, the others only counted: `total` receives how many utterances there are. Neither what the
/// other lines hold nor whether an id comes twice is looked at. `read` as above. Throws as read_manifest.
std::vector<Utterance> load_manifest_shard(std::string_view bytes, const std::string& file, Shard shard,
                                           std::int64_t& total, const std::function<void(std::string_view)>& read = {});

/// Ids seen so far, as 64-bit hashes: 16 bytes an id, so that a million fit beside a streaming pass.
class IdSet {
 public:
  /// False when it was there before.
  bool insert(std::string_view id);
  bool contains(std::string_view id) const;

 private:
  std::unordered_set<std::uint64_t> hashes_;
};

}  // namespace timbre::corpus
