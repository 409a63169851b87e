#include "exchange/importers/baker.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/clip_tree.h"
#include "exchange/encoding.h"
#include "exchange/importer.h"

/// Baker (BZNSYP): Wave/<id>.wav, ProsodyLabeling/000001-010000.txt, PhoneLabeling/<id>.interval.
namespace timbre::exchange {

namespace {

struct Options {
  std::string text = "plain";
};

constexpr const char* kLayout =
    "a folder with Wave/<id>.wav and ProsodyLabeling/000001-010000.txt (a line of id and text with #1 to #4, a line of "
    "pinyin below it)";

bool is_root(const fs::path& root) {
  return fs::is_directory(root / "ProsodyLabeling") && fs::is_directory(root / "Wave");
}

/// #1 … #5 taken out.
std::string without_marks(std::string_view marked) {
  std::string text;
  for (std::size_t i = 0; i < marked.size(); ++i)
    if (marked[i] == '#' && i + 1 < marked.size() && marked[i + 1] >= '1' && marked[i + 1] <= '5')
      ++i;
    else
      text += marked[i];
  return text;
}

void read(const fs::path& source, const Options& options, const ImportOptions& common, EntrySink& sink) {
  fs::path root = fs::is_directory(source) ? descend(source, is_root) : fs::path();
  if (root.empty())
    throw DataError(fmt::format("{}: no ProsodyLabeling/ beside Wave/ in it; expected {}", source.string(), kLayout));
  sink.about("name", "Baker (BZNSYP)");
  sink.about("licence", "non-commercial use only");
  sink.about("attribution", "Chinese Standard Mandarin Speech Corpus, Databaker (Beijing) Technology Co., Ltd.");
  std::vector<fs::path> tables;
  for (const auto& entry : fs::directory_iterator(root / "ProsodyLabeling"))
    if (ascii_lower(entry.path().extension().string()) == ".txt") tables.push_back(entry.path());
  std::sort(tables.begin(), tables.end());
  if (tables.empty())
    throw DataError(fmt::format("{}: no .txt in it; expected {}", (root / "ProsodyLabeling").string(), kLayout));
  std::set<std::string> listed;
  for (const fs::path& table : tables) {
    for (BakerRecord& record : parse_baker(read_list(table, common.encoding))) {
      listed.insert(record.id);
      if (!record.fault.empty()) {
        sink.reject({table.string(), record.line, record.fault, record.detail, record.marked});
        continue;
      }
      Entry entry;
      entry.id = record.id;
      entry.audio = root / "Wave" / (record.id + ".wav");
      entry.text = options.text == "prosody" ? record.marked : record.text;
      entry.speaker = "Baker";
      entry.usual_language = "zh";
      entry.extra = {{"pinyin", record.pinyin}, {"prosody", record.marked}, {"gender", "female"}};
      if (fs::path labels = root / "PhoneLabeling" / (record.id + ".interval"); fs::is_regular_file(labels))
        entry.extra["intervals"] = fs::absolute(labels).lexically_normal().string();
      entry.file = table.string();
      entry.line = record.line;
      sink.add(std::move(entry));
    }
  }
  each_clip(root / "Wave", [&](const fs::path& clip) {
    if (!listed.contains(clip.stem().string()))
      sink.reject({clip.string(), 0, "no text", "not in ProsodyLabeling/", {}});
  });
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("text", o.text, "plain takes the marks #1 to #4 out of the text, prosody leaves them in")
      .choices({"plain", "prosody"});
  return f;
}

}  // namespace

std::vector<BakerRecord> parse_baker(std::string_view text) {
  std::vector<BakerRecord> records;
  bool wants_pinyin = false;
  auto finish = [&] {
    if (wants_pinyin && records.back().fault.empty()) {
      records.back().fault = "no pinyin line";
      records.back().detail = "expected a line that begins with a tab below the text";
    }
    wants_pinyin = false;
  };
  each_line(text, [&](const Line& line) {
    bool indented = line.text.front() == '\t' || line.text.front() == ' ';
    if (indented && wants_pinyin) {
      records.back().pinyin = as_one_line(line.text);
      wants_pinyin = false;
      return;
    }
    finish();
    BakerRecord record;
    record.line = line.number;
    std::string_view rest = trim(line.text);
    std::size_t id_end = indented ? 0 : std::min(rest.find_first_of(" \t"), rest.size());
    record.id = std::string(rest.substr(0, id_end));
    record.marked = std::string(trim(rest.substr(id_end)));
    record.text = without_marks(record.marked);
    if (indented)
      record.fault = "pinyin without a text line";
    else if (record.marked.empty())
      record.fault = "no text", record.detail = "expected the id, a tab and the text";
    wants_pinyin = !indented;
    records.push_back(std::move(record));
  });
  finish();
  return records;
}

void register_importer_baker(Importers& importers) {
  importers.add("baker", [] {
    return make_importer<Options>(
        {.name = "baker",
         .summary = "Baker (BZNSYP): one speaker of Mandarin, with prosody marks and pinyin",
         .layout = kLayout,
         .fields = {},
         .read = {},
         .keeps =
             "pinyin, prosody (the text with #1 to #4), gender and intervals (the file of PhoneLabeling/) in extra",
         .examples = {"timbre import baker BZNSYP --out corpora/baker"},
         .looks = [](const fs::path& source) -> Likeness {
           if (!fs::is_directory(source) || descend(source, is_root).empty()) return {};
           return {3, "ProsodyLabeling/ beside Wave/"};
         }},
        fields, read);
  });
}

}  // namespace timbre::exchange
