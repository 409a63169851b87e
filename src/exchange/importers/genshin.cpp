#include "exchange/importers/genshin.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/clip_tree.h"

/// The game's voice lines as the speed recipe wants them: metadata.csv of name|caption and wav/<name>.wav.
namespace timbre::exchange {

namespace {

struct Options {};

constexpr const char* kLayout = "a folder with metadata.csv (name|caption, no header) and wav/<speaker>_….wav";

bool is_root(const fs::path& root) {
  return fs::is_regular_file(root / "metadata.csv") && fs::is_directory(root / "wav");
}

void read(const fs::path& source, const Options&, const ImportOptions& common, EntrySink& sink) {
  fs::path root = fs::is_directory(source) ? descend(source, is_root) : source.parent_path();
  fs::path table = fs::is_directory(source) ? root / "metadata.csv" : source;
  if (fs::is_directory(source) && root.empty())
    throw DataError(fmt::format("{}: no metadata.csv beside wav/ in it; expected {}", source.string(), kLayout));
  read_rows(table, parse_genshin_line, {.audio_dir = root / "wav", .speaker = "", .language = "en", .split = ""},
            common, sink);
}

config::Fields fields(Options&) { return {}; }

Likeness looks(const fs::path& source) {
  fs::path root = fs::is_directory(source) ? descend(source, is_root) : fs::path();
  if (root.empty()) return {};
  std::vector<std::string> lines = first_lines(root / "metadata.csv", 20);
  bool fits = !lines.empty() && std::all_of(lines.begin(), lines.end(), [](const std::string& line) {
    Row row = parse_genshin_line(line);
    return row.fault.empty() && !row.speaker.empty() && row.text.find('|') == std::string::npos;
  });
  return fits ? Likeness{2, "metadata.csv of speaker_…|caption beside wav/"} : Likeness{};
}

}  // namespace

Row parse_genshin_line(std::string_view line) {
  Row row;
  std::size_t bar = line.find('|');
  if (bar == std::string_view::npos) {
    row.fault = "no '|' between name and caption";
    return row;
  }
  row.audio = std::string(trim(line.substr(0, bar)));
  row.text = std::string(trim(line.substr(bar + 1)));
  if (row.audio.empty()) row.fault = "no name before '|'";
  std::string name = fs::path(row.audio).filename().string();
  if (std::size_t underscore = name.find('_'); underscore != std::string::npos)
    row.speaker = name.substr(0, underscore);
  return row;
}

void register_importer_genshin(Importers& importers) {
  importers.add("genshin", [] {
    return make_importer<Options>({.name = "genshin",
                                   .summary = "name|caption lines and wav/, the speaker before the first _ of a name",
                                   .layout = kLayout,
                                   .fields = {},
                                   .read = {},
                                   .keeps = "speaker",
                                   .examples = {"timbre import genshin Genshin --out corpora/genshin"},
                                   .looks = looks},
                                  fields, read);
  });
}

}  // namespace timbre::exchange
