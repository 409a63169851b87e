#include "exchange/importers/aishell3.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/clip_tree.h"
#include "exchange/encoding.h"
#include "exchange/importer.h"

/// AISHELL-3: train/ and test/, each with content.txt and wav/<speaker>/<id>.wav.
namespace timbre::exchange {

namespace {

struct Options {};

constexpr const char* kLayout =
    "a folder with train/ and test/ (or one of them), each with content.txt and wav/<speaker>/<id>.wav";

bool is_part(const fs::path& folder) {
  return fs::is_regular_file(folder / "content.txt") && fs::is_directory(folder / "wav");
}
bool is_root(const fs::path& folder) { return is_part(folder / "train") || is_part(folder / "test"); }

/// "guang3", "r5", "lv4": letters with a tone.
bool is_pinyin(std::string_view word) {
  if (word.size() < 2 || word.back() < '0' || word.back() > '6') return false;
  return std::all_of(word.begin(), word.end() - 1,
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ':'; });
}

std::string stem_of(std::string_view name) {
  std::string stem(name);
  if (ascii_lower(stem).ends_with(".wav")) stem.resize(stem.size() - 4);
  return stem;
}

class Aishell3Reader {
 public:
  Aishell3Reader(const ImportOptions& common, EntrySink& sink) : common_(common), sink_(sink) {}

  void read_tables(const fs::path& root) {
    if (fs::path table = root / "spk-info.txt"; fs::is_regular_file(table)) {
      std::string text = read_list(table, common_.encoding);
      each_line(text, [&](const Line& line) {
        Aishell3Speaker speaker = parse_aishell3_speaker(line.text);
        if (!speaker.id.empty()) speakers_[speaker.id] = speaker;
      });
    }
    for (const fs::path& table : {root / "train" / "label_train-set.txt", root / "label_train-set.txt"}) {
      if (!fs::is_regular_file(table)) continue;
      std::string text = read_list(table, common_.encoding);
      each_line(text, [&](const Line& line) {
        Aishell3Label label = parse_aishell3_label(line.text);
        if (!label.id.empty()) labels_[label.id] = label.marked;
      });
    }
  }

  void read_part(const fs::path& part, const std::string& split) {
    fs::path table = part / "content.txt";
    std::string text = read_list(table, common_.encoding);
    std::set<std::string> listed;
    each_line(text, [&](const Line& line) {
      Aishell3Text parsed = parse_aishell3_content(line.text);
      if (!parsed.fault.empty()) {
        sink_.reject({table.string(), line.number, parsed.fault, parsed.detail, std::string(trim(line.text))});
        listed.insert(parsed.id);
        return;
      }
      listed.insert(parsed.id);
      Entry entry;
      entry.id = parsed.id;
      entry.speaker = parsed.id.substr(0, parsed.id.size() - std::min<std::size_t>(4, parsed.id.size()));
      entry.audio = part / "wav" / entry.speaker / (parsed.id + ".wav");
      entry.text = parsed.text;
      entry.usual_language = "zh";
      entry.split = split;
      entry.extra["pinyin"] = parsed.pinyin;
      if (auto it = labels_.find(entry.id); it != labels_.end()) entry.extra["prosody"] = it->second;
      if (auto it = speakers_.find(entry.speaker); it != speakers_.end()) {
        entry.extra["age_group"] = it->second.age_group;
        entry.extra["gender"] = it->second.gender;
        entry.extra["accent"] = it->second.accent;
      }
      entry.file = table.string();
      entry.line = line.number;
      sink_.add(std::move(entry));
    });
    each_clip(part / "wav", [&](const fs::path& clip) {
      if (!listed.contains(clip.stem().string()))
        sink_.reject({clip.string(), 0, "no text", "not in " + table.string(), {}});
    });
  }

 private:
  const ImportOptions& common_;
  EntrySink& sink_;
  std::map<std::string, Aishell3Speaker> speakers_;
  std::map<std::string, std::string> labels_;
};

void read(const fs::path& source, const Options&, const ImportOptions& common, EntrySink& sink) {
  fs::path root = fs::is_directory(source) && !is_part(source) ? descend(source, is_root) : fs::path();
  if (root.empty() && !is_part(source))
    throw DataError(fmt::format("{}: no content.txt beside wav/ in it; expected {}", source.string(), kLayout));
  Aishell3Reader reader(common, sink);
  sink.about("name", "AISHELL-3");
  sink.about("licence", "Apache-2.0");
  sink.about("attribution", "AISHELL-3, Beijing Shell Shell Technology Co., Ltd.");
  if (root.empty()) {
    reader.read_tables(fs::absolute(source).lexically_normal().parent_path());
    return reader.read_part(source, "");
  }
  reader.read_tables(root);
  bool both = is_part(root / "train") && is_part(root / "test");
  for (const char* part : {"train", "test"})
    if (is_part(root / part)) reader.read_part(root / part, both ? part : "");
}

config::Fields fields(Options&) { return {}; }

}  // namespace

Aishell3Text parse_aishell3_content(std::string_view line) {
  Aishell3Text out;
  std::vector<std::string> words = split_whitespace(line);
  if (words.empty()) return {.fault = "empty line"};
  out.id = stem_of(words[0]);
  std::vector<std::string> characters, pinyin;
  for (std::size_t i = 1; i < words.size(); ++i) (i % 2 ? characters : pinyin).push_back(words[i]);
  auto odd = std::find_if_not(pinyin.begin(), pinyin.end(), is_pinyin);
  if (characters.empty() || characters.size() != pinyin.size() || odd != pinyin.end()) {
    out.fault = "not characters and pinyin in turn";
    out.detail = odd != pinyin.end() ? fmt::format("'{}' stands where pinyin with a tone is expected", *odd)
                                     : fmt::format("{} words after the name", words.size() - 1);
    return out;
  }
  out.text = close_han(join(characters, " "));
  out.pinyin = join(pinyin, " ");
  return out;
}

Aishell3Label parse_aishell3_label(std::string_view line) {
  line = trim(line);
  std::vector<std::string> cells = split(line, '|');
  if (line.starts_with('#') || cells.size() != 3) return {};
  return {stem_of(trim(cells[0])), std::string(trim(cells[2]))};
}

Aishell3Speaker parse_aishell3_speaker(std::string_view line) {
  std::vector<std::string> words = split_whitespace(line);
  if (words.size() < 4 || words[0].starts_with('#')) return {};
  return {words[0], words[1], words[2], words[3]};
}

void register_importer_aishell3(Importers& importers) {
  importers.add("aishell3", [] {
    return make_importer<Options>(
        {.name = "aishell3",
         .summary = "AISHELL-3: 218 speakers of Mandarin, with pinyin",
         .layout = kLayout,
         .fields = {},
         .read = {},
         .keeps = "speaker; train and test as split; pinyin, prosody (label_train-set.txt), age_group, gender and "
                  "accent (spk-info.txt) in extra",
         .examples = {"timbre import aishell3 data_aishell3 --out corpora/aishell3"},
         .looks = [](const fs::path& source) -> Likeness {
           if (!is_part(source) && (!fs::is_directory(source) || descend(source, is_root).empty())) return {};
           return {3, "content.txt beside wav/"};
         }},
        fields, read);
  });
}

}  // namespace timbre::exchange
