#include "exchange/importers/aishell1.h"

#include <map>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/clip_tree.h"
#include "exchange/encoding.h"
#include "exchange/importer.h"
#include "exchange/rows.h"

/// AISHELL-1: transcript/aishell_transcript_v0.8.txt and wav/{train,dev,test}/<speaker>/<id>.wav.
namespace timbre::exchange {

namespace {

struct Options {};

constexpr const char* kLayout =
    "the folder data_aishell: transcript/aishell_transcript_v0.8.txt and wav/{train,dev,test}/<speaker>/<id>.wav";

fs::path transcript_of(const fs::path& root) {
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(root / "transcript", missing))
    if (entry.path().filename().string().starts_with("aishell_transcript")) return entry.path();
  return {};
}

bool is_root(const fs::path& root) { return !transcript_of(root).empty(); }

struct Text {
  Aishell1Text text;
  std::int64_t line = 0;
  bool used = false;
};

/// speaker.info of resource_aishell: "0002 M" a line.
std::map<std::string, std::string> read_genders(const fs::path& root, const ImportOptions& common) {
  std::map<std::string, std::string> genders;
  for (const fs::path& table : {root.parent_path() / "resource_aishell" / "speaker.info", root / "speaker.info",
                                root / "resource_aishell" / "speaker.info"}) {
    if (!fs::is_regular_file(table)) continue;
    std::string text = read_list(table, common.encoding);
    each_line(text, [&](const Line& line) {
      std::vector<std::string> words = split_whitespace(line.text);
      if (words.size() >= 2) genders[words[0].starts_with('S') ? words[0] : "S" + words[0]] = words[1];
    });
    break;
  }
  return genders;
}

void read(const fs::path& source, const Options&, const ImportOptions& common, EntrySink& sink) {
  fs::path root = fs::is_directory(source) ? descend(source, is_root) : fs::path();
  if (root.empty())
    throw DataError(
        fmt::format("{}: no transcript/aishell_transcript_….txt in it; expected {}", source.string(), kLayout));
  root = fs::absolute(root).lexically_normal();
  if (!root.has_filename()) root = root.parent_path();
  fs::path table = transcript_of(root);
  std::map<std::string, Text> texts;
  std::string bytes = read_list(table, common.encoding);
  each_line(bytes, [&](const Line& line) {
    Aishell1Text text = parse_aishell1_transcript(line.text);
    if (text.text.empty())
      return sink.reject({table.string(), line.number, "no text", text.id, std::string(trim(line.text))});
    auto [it, is_new] = texts.try_emplace(text.id, Text{text, line.number});
    if (!is_new)
      sink.reject({table.string(), line.number, "id came before",
                   fmt::format("{} in line {}", text.id, it->second.line), text.text});
  });
  std::map<std::string, std::string> genders = read_genders(root, common);
  sink.about("name", "AISHELL-1");
  sink.about("licence", "Apache-2.0");
  sink.about("attribution", "AISHELL-1, Beijing Shell Shell Technology Co., Ltd.");
  std::int64_t packed = 0;
  std::vector<std::string> splits;
  for (const fs::path& folder : folders_in(root / "wav")) splits.push_back(split_of_word(folder.filename().string()));
  bool split = is_split(splits, sink);
  auto take = [&](const fs::path& clip) {
    auto it = texts.find(clip.stem().string());
    if (it == texts.end())  // several hundred of the published clips
      return sink.reject({clip.string(), 0, "no text", "not in " + table.string(), {}});
    it->second.used = true;
    Entry entry;
    entry.id = it->first;
    entry.audio = clip;
    entry.text = it->second.text.text;
    entry.speaker = clip.parent_path().filename().string();
    entry.usual_language = "zh";
    if (split) entry.split = split_of_word(clip.parent_path().parent_path().filename().string());
    entry.extra["words"] = it->second.text.words;
    if (auto gender = genders.find(entry.speaker); gender != genders.end()) entry.extra["gender"] = gender->second;
    entry.file = table.string();
    entry.line = it->second.line;
    sink.add(std::move(entry));
  };
  if (fs::is_directory(root / "wav"))
    each_clip(root / "wav", take, [&](const fs::path& file) { packed += file.string().ends_with(".tar.gz"); });
  if (packed)
    sink.note(
        fmt::format("wav/ holds {} packed speakers (S….tar.gz), which were not read: for f in wav/*.tar.gz; do tar "
                    "xzf $f -C wav; done",
                    packed));
  for (const auto& [id, text] : texts)
    if (!text.used) sink.reject({table.string(), text.line, "no audio file", id + ".wav", text.text.text});
}

config::Fields fields(Options&) { return {}; }

}  // namespace

Aishell1Text parse_aishell1_transcript(std::string_view line) {
  std::vector<std::string> words = split_whitespace(line);
  if (words.empty()) return {};
  Aishell1Text out;
  out.id = words[0];
  words.erase(words.begin());
  out.words = join(words, " ");
  out.text = close_han(out.words);
  return out;
}

void register_importer_aishell1(Importers& importers) {
  importers.add("aishell1", [] {
    return make_importer<Options>(
        {.name = "aishell1",
         .summary = "AISHELL-1: 400 speakers of Mandarin",
         .layout = kLayout,
         .fields = {},
         .read = {},
         .keeps = "speaker; train, dev → valid and test as split; words (the text with its blanks) and gender "
                  "(resource_aishell/speaker.info) in extra",
         .examples = {"timbre import aishell1 data_aishell --out corpora/aishell1"},
         .looks = [](const fs::path& source) -> Likeness {
           if (!fs::is_directory(source) || descend(source, is_root).empty()) return {};
           return {3, "transcript/aishell_transcript…"};
         }},
        fields, read);
  });
}

}  // namespace timbre::exchange
