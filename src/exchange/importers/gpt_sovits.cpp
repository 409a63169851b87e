#include "exchange/importers/gpt_sovits.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

/// GPT-SoVITS (and Bert-VITS2): .list files of path|speaker|language|text.
namespace timbre::exchange {

namespace {

struct Options {
  std::string audio_dir;
};

constexpr const char* kLayout = "a .list file (or a folder of them) of path|speaker|language|text lines";

/// The language's tag; empty for an unknown one.
std::string language_of(std::string_view word) {
  static const std::vector<std::pair<std::string, std::string>> kLanguages = {
      {"zh", "zh"}, {"all_zh", "zh"}, {"ja", "ja"},   {"jp", "ja"},     {"all_ja", "ja"},  {"en", "en"},
      {"ko", "ko"}, {"kr", "ko"},     {"yue", "yue"}, {"all_ko", "ko"}, {"all_yue", "yue"}};
  for (const auto& [from, to] : kLanguages)
    if (ascii_lower(word) == from) return to;
  return {};
}

void read(const fs::path& source, const Options& options, const ImportOptions& common, EntrySink& sink) {
  std::vector<fs::path> lists = lists_in(source, {".list"}, kLayout);
  std::vector<std::string> splits = splits_of(lists, sink);
  for (std::size_t i = 0; i < lists.size(); ++i)
    read_rows(lists[i], parse_gpt_sovits_line,
              {.audio_dir = options.audio_dir, .speaker = "", .language = "", .split = splits[i]}, common, sink);
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("audio_dir", o.audio_dir, "folder of the clips, where the written paths are another machine's").metavar("DIR");
  return f;
}

Likeness looks(const fs::path& source) {
  for (const fs::path& list : lists_in(source, {".list", ".txt"}, kLayout)) {
    std::vector<std::string> lines = first_lines(list, 20);
    bool fits = !lines.empty() && std::all_of(lines.begin(), lines.end(), [](const std::string& line) {
      return parse_gpt_sovits_line(line).fault.empty();
    });
    if (fits) return {3, "lines of path|speaker|language|text"};
  }
  return {};
}

}  // namespace

Row parse_gpt_sovits_line(std::string_view line) {
  Row row;
  std::vector<std::string> cells = split(line, '|');
  if (cells.size() != 4) {
    row.fault = "another number of columns";
    row.detail = fmt::format("{}; expected path|speaker|language|text", cells.size());
    return row;
  }
  for (std::string& cell : cells) cell = std::string(trim(cell));
  row.audio = cells[0], row.speaker = cells[1], row.language = language_of(cells[2]), row.text = cells[3];
  if (row.audio.empty())
    row.fault = "no path before '|'";
  else if (row.language.empty())
    row.fault = "unknown language", row.detail = fmt::format("'{}'; expected zh, ja, en, ko or yue", cells[2]);
  return row;
}

void register_importer_gpt_sovits(Importers& importers) {
  importers.add("gpt-sovits", [] {
    return make_importer<Options>(
        {.name = "gpt-sovits",
         .summary = "GPT-SoVITS .list files: path|speaker|language|text",
         .layout = kLayout,
         .fields = {},
         .read = {},
         .keeps = "speaker and language; train or val in the list's name as split",
         .examples = {"timbre import gpt-sovits output/asr_opt/slicer_opt.list --out corpora/mine",
                      "timbre import gpt-sovits mine.list --out corpora/mine --gpt-sovits.audio-dir sliced/"},
         .looks = looks},
        fields, read);
  });
}

}  // namespace timbre::exchange
