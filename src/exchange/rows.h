#pragma once
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "exchange/clip_finder.h"
#include "exchange/importer.h"

/// Lists: one utterance a line. A format gives a parser of one line; the rest (encoding, lines, looking for the clip,
/// quarantine) is here once.
namespace timbre::exchange {

/// What one line says. Parsers are pure functions of the line, so that they can be fuzzed.
struct Row {
  std::string audio;  ///< as written
  std::string id;     ///< empty = from the clip's path
  std::string text, speaker, language, split;
  std::optional<double> start_s, end_s;
  nlohmann::json extra;  ///< null or object
  std::string fault;     ///< not empty: the line is broken; a reason of few words
  std::string detail;    ///< tells more about the fault
};
using ParseRow = std::function<Row(std::string_view line)>;

/// Where a list's clips are and what holds for all its lines.
struct RowDefaults {
  std::filesystem::path audio_dir;       ///< empty = the list's folder and those above it
  std::string speaker, language, split;  ///< language as Entry::usual_language
};

/// Finds clips for one list: below audio_dir, else below the list's folder, else where the written path lies relative
/// to one of the three folders above or to the working folder.
class RowClips {
 public:
  RowClips(const std::filesystem::path& list, const RowDefaults& defaults);
  std::optional<std::filesystem::path> find(std::string_view written);
  /// The path below the folder without ending; of a clip elsewhere its folder and name.
  std::string id_of(const std::filesystem::path& clip) const;

 private:
  std::filesystem::path folder_;
  bool only_there_;
  ClipFinder finder_;
};

/// Reads a list to its end. Every line becomes an entry or a reject with file and line. `dress` may finish an entry
/// (resolve further paths); empty = nothing to do. Returns the lines that were not broken.
std::int64_t read_rows(const std::filesystem::path& list, const ParseRow& parse, const RowDefaults& defaults,
                       const ImportOptions& options, EntrySink& sink,
                       const std::function<void(Entry&, RowClips&)>& dress = {});

/// "train", "valid" or "test" from a word in use for it (dev, val, eval …) or a file name that begins or ends with one
/// ("val_list.txt"); "" when there is none.
std::string split_of_word(std::string_view word);
std::string split_of_name(const std::filesystem::path& list);

/// False where all parts of a source are one side: it has not been split then, and training draws its own sides; the
/// sink is told so.
bool is_split(const std::vector<std::string>& splits, EntrySink& sink);

/// The splits of lists by their names; all "" where is_split() is false.
std::vector<std::string> splits_of(const std::vector<std::filesystem::path>& lists, EntrySink& sink);

/// The lists in a folder with one of these endings, sorted; the file itself when `source` is one. Throws DataError when
/// there is none, saying `layout`.
std::vector<std::filesystem::path> lists_in(const std::filesystem::path& source,
                                            const std::vector<std::string>& endings, const std::string& layout);

/// The first lines of a list that are not blank, at most `count`: for looking at a layout.
std::vector<std::string> first_lines(const std::filesystem::path& list, std::size_t count);

}  // namespace timbre::exchange
