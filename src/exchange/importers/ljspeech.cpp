#include <map>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/encoding.h"
#include "exchange/importer.h"
#include "exchange/rows.h"

/// LJSpeech: metadata.csv of `id|text|normalised text` without header or quoting, clips in wavs/.
namespace timbre::exchange {

namespace {

struct Options {
  std::string text = "normalized";
};

constexpr const char* kLayout = "a folder with metadata.csv (id|text|normalised text) and wavs/<id>.wav";

/// wavs/<id>.<any usual ending>, or the same beside metadata.csv.
fs::path find_clip(const fs::path& root, const std::string& id) {
  std::error_code missing;
  for (const fs::path& folder : {root / "wavs", root / "wav", root})
    for (const char* ending : {".wav", "", ".flac", ".ogg", ".mp3"})
      if (fs::path clip = folder / (id + ending); fs::is_regular_file(clip, missing)) return clip;
  return root / "wavs" / (id + ".wav");
}

/// "LJ001-0001": the clips of Linda Johnson's own data set.
bool is_linda(std::string_view id) {
  if (id.size() != 10 || !id.starts_with("LJ") || id[5] != '-') return false;
  for (std::size_t i : {2, 3, 4, 6, 7, 8, 9})
    if (id[i] < '0' || id[i] > '9') return false;
  return true;
}

/// Sides of ids, where metadata_train.csv, metadata_valid.csv (or _val) and metadata_test.csv repeat lines.
std::map<std::string, std::string> read_splits(const fs::path& folder, const ImportOptions& common) {
  std::map<std::string, std::string> split_of;
  std::error_code missing;
  for (const auto& [name, side] :
       {std::pair("train", "train"), {"valid", "valid"}, {"val", "valid"}, {"test", "test"}}) {
    const fs::path table = folder / fmt::format("metadata_{}.csv", name);
    if (!fs::is_regular_file(table, missing)) continue;
    const std::string text = read_list(table, common.encoding);
    const std::string of_list = side;
    each_line(text, [&](const Line& line) {
      split_of[std::string(trim(line.text.substr(0, line.text.find('|'))))] = of_list;
    });
  }
  return split_of;
}

void read(const fs::path& source, const Options& options, const ImportOptions& common, EntrySink& sink) {
  fs::path root = fs::is_directory(source) ? source : source.parent_path();
  fs::path table = fs::is_directory(source) ? source / "metadata.csv" : source;
  if (!fs::is_regular_file(table))
    throw DataError(fmt::format("{}: no metadata.csv in it; expected {}", source.string(), kLayout),
                    "for other tables of file and text: timbre import table");
  std::string text = read_list(table, common.encoding);
  const std::map<std::string, std::string> split_of = read_splits(table.parent_path(), common);
  std::int64_t linda = 0, lines = 0;
  each_line(text, [&](const Line& of_list) {
    std::string_view line = trim(of_list.text);
    ++lines;
    std::vector<std::string> cells = split(line, '|');
    std::string file = table.string();
    if (cells.size() < 2 || cells.size() > 3) {
      sink.reject({file, of_list.number, "not 2 or 3 columns",
                   fmt::format("{} columns; expected id|text|normalised text", cells.size()), std::string(line)});
      return;
    }
    Entry entry;
    entry.id = std::string(trim(cells[0]));
    if (auto side = split_of.find(entry.id); side != split_of.end()) entry.split = side->second;
    // An id that is a path or carries its ending is common in home-made copies.
    if (ascii_lower(entry.id).ends_with(".wav")) entry.id.resize(entry.id.size() - 4);
    if (entry.id.starts_with("wavs/")) entry.id.erase(0, 5);
    linda += is_linda(entry.id);
    entry.audio = find_clip(root, entry.id);
    std::string written(trim(cells[1])), normalized(cells.size() > 2 ? trim(cells[2]) : "");
    entry.text = options.text == "normalized" && !normalized.empty() ? normalized : written;
    if (entry.text != written) entry.extra = {{"raw_text", written}};
    entry.file = file;
    entry.line = of_list.number;
    if (is_linda(entry.id)) entry.speaker = "LJSpeech", entry.usual_language = "en";
    sink.add(std::move(entry));
  });
  if (linda > 0 && linda * 10 > lines * 9) {
    sink.about("name", "LJSpeech");
    sink.about("licence", "public domain");
    sink.about("attribution", "The LJ Speech Dataset, Keith Ito and Linda Johnson, read for LibriVox");
  }
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("text", o.text, "the third column, or the second where that is empty; or always the second")
      .choices({"normalized", "raw"});
  return f;
}

Likeness looks(const fs::path& source) {
  if (!fs::is_directory(source) || !fs::is_regular_file(source / "metadata.csv")) return {};
  std::vector<std::string> lines = first_lines(source / "metadata.csv", 50);
  std::size_t texts = 0;  // of three columns, the second is no speaker's name
  for (const std::string& line : lines) {
    std::vector<std::string> cells = split(line, '|');
    if (cells.size() < 2 || cells.size() > 3) return {};
    texts += cells.size() == 3 && cells[1].find(' ') != std::string::npos;
  }
  return texts * 2 > lines.size() ? Likeness{2, "metadata.csv of id|text|normalised text"} : Likeness{};
}

}  // namespace

void register_importer_ljspeech(Importers& importers) {
  importers.add("ljspeech", [] {
    return make_importer<Options>(
        {.name = "ljspeech",
         .summary = "LJSpeech and data sets laid out like it: metadata.csv and wavs/",
         .layout = kLayout,
         .fields = {},
         .read = {},
         .keeps = "raw_text in extra, where the normalised text is taken; licence of LJSpeech itself",
         .examples = {"timbre import ljspeech LJSpeech-1.1 --out corpora/lj"},
         .looks = looks},
        fields, read);
  });
}

}  // namespace timbre::exchange
