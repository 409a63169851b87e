#include "exchange/importers/piper.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/clip_tree.h"

/// Piper's training data: metadata.csv of id|text or id|speaker|text without header, clips in wav/ or wavs/.
namespace timbre::exchange {

namespace {

struct Options {
  std::string columns = "auto", audio_dir;
};

constexpr const char* kLayout =
    "a folder with metadata.csv (id|text, or id|speaker|text) and wav/<id>.wav or wavs/<id>.wav";
constexpr std::size_t kLook = 500;

bool is_root(const fs::path& root) { return fs::is_regular_file(root / "metadata.csv"); }

/// Of the first lines' middle column: speakers are few words that come again, texts are not.
enum class Middle { none, speaker, text };
Middle middle_of(const std::vector<std::string>& lines) {
  std::set<std::string> second;
  std::size_t three = 0, spaced = 0;
  for (const std::string& line : lines) {
    std::vector<std::string> cells = split(line, '|');
    if (cells.size() != 3) continue;
    ++three;
    second.insert(cells[1]);
    spaced += trim(cells[1]).find(' ') != std::string_view::npos;
  }
  if (three * 2 <= lines.size()) return Middle::none;
  return three >= 4 && second.size() * 2 > three && spaced * 2 > three ? Middle::text : Middle::speaker;
}

bool has_speakers(const Options& options, const fs::path& table) {
  if (options.columns == "id,text") return false;
  if (options.columns == "id,speaker,text") return true;
  Middle middle = middle_of(first_lines(table, kLook));
  if (middle == Middle::text)
    throw DataError(fmt::format("{}: the second of three columns looks like text, not like speakers", table.string()),
                    "for id|text|normalised text: timbre import ljspeech; if they are speakers: --piper.columns "
                    "id,speaker,text");
  return middle == Middle::speaker;
}

void read(const fs::path& source, const Options& options, const ImportOptions& common, EntrySink& sink) {
  fs::path root = fs::is_directory(source) ? descend(source, is_root) : source.parent_path();
  if (fs::is_directory(source) && root.empty())
    throw DataError(fmt::format("{}: no metadata.csv in it; expected {}", source.string(), kLayout));
  fs::path table = fs::is_directory(source) ? root / "metadata.csv" : source;
  bool speakers = has_speakers(options, table);
  read_rows(
      table, [speakers](std::string_view line) { return parse_piper_line(line, speakers); },
      {.audio_dir = options.audio_dir, .speaker = "", .language = "", .split = ""}, common, sink);
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("columns", o.columns, "auto tells by the first lines whether there are speakers")
      .choices({"auto", "id,text", "id,speaker,text"});
  f.add("audio_dir", o.audio_dir, "folder of the clips, where it is not wav/ or wavs/ beside the table").metavar("DIR");
  return f;
}

Likeness looks(const fs::path& source) {
  fs::path root = fs::is_directory(source) ? descend(source, is_root) : fs::path();
  if (root.empty()) return {};
  std::vector<std::string> lines = first_lines(root / "metadata.csv", kLook);
  bool bars = !lines.empty() && std::all_of(lines.begin(), lines.end(), [](const std::string& line) {
    std::size_t cells = split(line, '|').size();
    return cells == 2 || cells == 3;
  });
  if (!bars || middle_of(lines) == Middle::text) return {};
  return {1, "metadata.csv of id|text or id|speaker|text"};
}

}  // namespace

Row parse_piper_line(std::string_view line, bool speakers) {
  Row row;
  std::vector<std::string> cells = split(line, '|');
  std::size_t wanted = speakers ? 3 : 2;
  if (cells.size() != wanted) {
    row.fault = "another number of columns";
    row.detail = fmt::format("{}; expected {}", cells.size(), speakers ? "id|speaker|text" : "id|text");
    return row;
  }
  row.audio = std::string(trim(cells[0]));
  if (row.audio.empty()) row.fault = "no id before '|'";
  if (speakers) row.speaker = std::string(trim(cells[1]));
  row.text = std::string(trim(cells.back()));
  return row;
}

void register_importer_piper(Importers& importers) {
  importers.add("piper", [] {
    return make_importer<Options>({.name = "piper",
                                   .summary = "Piper's training data: metadata.csv of id|text or id|speaker|text",
                                   .layout = kLayout,
                                   .fields = {},
                                   .read = {},
                                   .keeps = "speaker, where there is the column",
                                   .examples = {"timbre import piper my-voice --out corpora/mine --language en"},
                                   .looks = looks},
                                  fields, read);
  });
}

}  // namespace timbre::exchange
