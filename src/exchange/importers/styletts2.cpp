#include "exchange/importers/styletts2.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/clip_tree.h"

/// StyleTTS 2: Data/train_list.txt and val_list.txt of path|text|speaker, the text as IPA.
namespace timbre::exchange {

namespace {

struct Options {
  std::string text = "auto", audio_dir;
};

constexpr const char* kLayout =
    "train_list.txt and val_list.txt of path.wav|text|speaker lines (in the folder or its Data/), or one such list";

/// train_list.txt …, but not OOD_texts.txt, which has no clips.
std::vector<fs::path> lists_of(const fs::path& source) {
  if (fs::is_regular_file(source)) return {source};
  std::vector<fs::path> lists;
  for (const fs::path& folder : {source, source / "Data"}) {
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(folder, missing))
      if (entry.path().extension() == ".txt" && !split_of_name(entry.path()).empty()) lists.push_back(entry.path());
    if (!lists.empty()) break;
  }
  // The train side first: of a clip in both lists, the first is taken.
  std::sort(lists.begin(), lists.end(), [](const fs::path& a, const fs::path& b) {
    return std::pair(split_of_name(a) != "train", a) < std::pair(split_of_name(b) != "train", b);
  });
  return lists;
}

void read(const fs::path& source, const Options& options, const ImportOptions& common, EntrySink& sink) {
  std::vector<fs::path> lists = lists_of(source);
  if (lists.empty())
    throw DataError(fmt::format("{}: no train_list.txt or val_list.txt in it; expected {}", source.string(), kLayout));
  std::int64_t phonetic = 0;
  std::vector<std::string> splits = splits_of(lists, sink);
  for (std::size_t i = 0; i < lists.size(); ++i) {
    auto parse = [&](std::string_view line) {
      Row row = parse_styletts2_line(line);
      if (options.text == "phonemes" || (options.text == "auto" && is_phonetic(row.text))) {
        row.extra = {{"phonemes", row.text}};
        ++phonetic;
      }
      return row;
    };
    read_rows(lists[i], parse, {.audio_dir = options.audio_dir, .speaker = "", .language = "", .split = splits[i]},
              common, sink);
  }
  if (phonetic)
    sink.note(fmt::format("{} texts are phonemes (IPA), not letters: they are kept as the text and as extra.phonemes",
                          phonetic));
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("text", o.text, "what the second column holds; auto tells line by line, by signs only phonetic writing has")
      .choices({"auto", "phonemes", "text"});
  f.add("audio_dir", o.audio_dir, "folder of the clips (root_path of the reference's config)").metavar("DIR");
  return f;
}

Likeness looks(const fs::path& source) {
  std::vector<fs::path> lists = lists_of(source);
  if (lists.empty()) return {};
  std::vector<std::string> lines = first_lines(lists[0], 20);
  bool fits = !lines.empty() && std::all_of(lines.begin(), lines.end(), [](const std::string& line) {
    Row row = parse_styletts2_line(line);
    return row.fault.empty() && row.text.size() > row.speaker.size() && is_clip(row.audio);
  });
  return fits ? Likeness{2, "lines of path.wav|text|speaker"} : Likeness{};
}

}  // namespace

bool is_phonetic(std::string_view text) {
  std::u32string points = to_code_points(text);
  return std::any_of(points.begin(), points.end(), [](char32_t c) {
    return (c >= 0x250 && c <= 0x2AF) || c == 0x2C8 || c == 0x2CC || c == 0x2D0 || c == 0x2D1 || c == 0x1D7B;
  });
}

Row parse_styletts2_line(std::string_view line) {
  Row row;
  std::vector<std::string> cells = split(line, '|');
  if (cells.size() < 2 || cells.size() > 3) {
    row.fault = "another number of columns";
    row.detail = fmt::format("{}; expected path|text|speaker", cells.size());
    return row;
  }
  row.audio = std::string(trim(cells[0]));
  row.text = std::string(trim(cells[1]));
  if (cells.size() == 3) row.speaker = std::string(trim(cells[2]));
  if (row.audio.empty()) row.fault = "no path before '|'";
  return row;
}

void register_importer_styletts2(Importers& importers) {
  importers.add("styletts2", [] {
    return make_importer<Options>(
        {.name = "styletts2",
         .summary = "StyleTTS 2 lists: path|text|speaker, the text often as IPA",
         .layout = kLayout,
         .fields = {},
         .read = {},
         .keeps = "speaker; train and val of the lists' names as split; phonemes in extra where the text is IPA",
         .examples = {"timbre import styletts2 StyleTTS2 --out corpora/lj --styletts2.audio-dir LJSpeech-1.1/wavs"},
         .looks = looks},
        fields, read);
  });
}

}  // namespace timbre::exchange
