#include "exchange/importers/libritts.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/clip_finder.h"
#include "exchange/clip_tree.h"
#include "exchange/encoding.h"
#include "exchange/importer.h"
#include "exchange/rows.h"

/// LibriTTS, LibriTTS-R and trees made like it: <part>/<speaker>/<chapter>/<id>.wav with .normalized.txt and
/// .original.txt beside it, or the same texts in the chapter's .trans.tsv.
namespace timbre::exchange {

namespace {

struct Options {
  std::string text = "normalized";
  std::vector<std::string> parts;
};

constexpr const char* kLayout =
    "a folder of parts (train-clean-100, dev-clean, test-clean …) or one part: <speaker>/<chapter>/<id>.wav with "
    "<id>.normalized.txt and <id>.original.txt";

bool is_part(const fs::path& folder) {
  return fs::is_directory(folder) && !split_of_libritts_part(folder.filename().string()).empty();
}

bool has_parts(const fs::path& root) {
  std::vector<fs::path> folders = folders_in(root);
  return std::any_of(folders.begin(), folders.end(), is_part);
}

class LibriReader {
 public:
  LibriReader(const Options& options, const ImportOptions& common, EntrySink& sink)
      : options_(options), common_(common), sink_(sink) {}

  void read_speakers(const fs::path& root) {
    for (const char* name : {"speakers.tsv", "SPEAKERS.txt"}) {
      if (!fs::is_regular_file(root / name)) continue;
      std::string text = read_list(root / name, common_.encoding);
      each_line(text, [&](const Line& line) {
        LibriSpeaker speaker = parse_libritts_speaker(line.text);
        if (!speaker.id.empty()) speakers_[speaker.id] = speaker;
      });
      return;
    }
  }

  /// Clips of the part; 0 when it is none.
  std::int64_t read_part(const fs::path& part, const std::string& split) {
    split_ = split;
    std::int64_t clips = 0;
    std::string name = is_part(part) ? part.filename().string() : "";
    for (const fs::path& speaker : folders_in(part))
      for (const fs::path& chapter : folders_in(speaker))
        clips += read_chapter(chapter, speaker.filename().string(), name);
    return clips;
  }

 private:
  std::int64_t read_chapter(const fs::path& chapter, const std::string& speaker, const std::string& part) {
    std::vector<fs::path> clips;
    std::map<std::string, LibriText> texts;  ///< of .trans.tsv
    std::map<std::string, std::string> snr;  ///< of .book.tsv, its last column
    for (const auto& entry : fs::directory_iterator(chapter)) {
      std::string name = entry.path().filename().string();
      if (is_clip(entry.path())) {
        clips.push_back(entry.path());
      } else if (name.ends_with(".trans.tsv") || name.ends_with(".book.tsv")) {
        std::string table = read_list(entry.path(), common_.encoding);
        each_line(table, [&](const Line& line) {
          LibriText text = parse_libritts_text(line.text);
          if (name.ends_with(".trans.tsv"))
            texts[text.id] = text;
          else if (std::vector<std::string> cells = split(line.text, '\t'); cells.size() > 3)
            snr[text.id] = std::string(trim(cells.back()));
        });
      } else if (name.ends_with(".normalized.txt") && !has_clip_beside(entry.path(), ".normalized.txt")) {
        orphans_.push_back(entry.path());
      }
    }
    std::sort(clips.begin(), clips.end());
    std::sort(orphans_.begin(), orphans_.end());
    for (const fs::path& clip : clips) take(clip, speaker, part, texts, snr);
    for (const fs::path& text : orphans_) sink_.reject({text.string(), 0, "no audio file", {}, {}});
    orphans_.clear();
    return static_cast<std::int64_t>(clips.size());
  }

  void take(const fs::path& clip, const std::string& speaker, const std::string& part,
            const std::map<std::string, LibriText>& texts, const std::map<std::string, std::string>& snr) {
    Entry entry;
    entry.id = clip.stem().string();
    entry.audio = clip;
    entry.file = clip.string();
    entry.speaker = speaker;
    entry.usual_language = "en";
    entry.split = split_;
    LibriText text;
    if (auto listed = texts.find(entry.id); listed != texts.end()) text = listed->second;
    for (auto [ending, value] : {std::pair(".normalized.txt", &text.normalized), {".original.txt", &text.original}})
      if (fs::path file = beside(clip, {ending}); !file.empty())
        *value = as_one_line(read_list(file, common_.encoding, 1 << 20)), entry.file = file.string();
    const std::string& wanted = options_.text == "original" ? text.original : text.normalized;
    const std::string& other = options_.text == "original" ? text.normalized : text.original;
    entry.text = wanted.empty() ? other : wanted;
    if (entry.text.empty())
      return sink_.reject({clip.string(), 0, "no text", "no .normalized.txt, .original.txt or line of .trans.tsv", {}});
    if (!text.original.empty() && text.original != entry.text) entry.extra["raw_text"] = text.original;
    if (!part.empty()) entry.extra["part"] = part;
    entry.extra["chapter"] = clip.parent_path().filename().string();
    if (auto it = snr.find(entry.id); it != snr.end())
      if (auto db = parse_double(it->second); db && std::isfinite(*db)) entry.extra["snr_db"] = *db;
    if (auto known = speakers_.find(speaker); known != speakers_.end()) {
      if (!known->second.gender.empty()) entry.extra["gender"] = known->second.gender;
      if (!known->second.name.empty()) entry.extra["speaker_name"] = known->second.name;
    }
    sink_.add(std::move(entry));
  }

  const Options& options_;
  const ImportOptions& common_;
  EntrySink& sink_;
  std::map<std::string, LibriSpeaker> speakers_;
  std::string split_;
  std::vector<fs::path> orphans_;
};

std::vector<fs::path> chosen_parts(const fs::path& root, const Options& options) {
  std::vector<fs::path> parts;
  std::vector<std::string> names;
  for (const fs::path& folder : folders_in(root)) {
    if (!is_part(folder)) continue;
    names.push_back(folder.filename().string());
    bool wanted = options.parts.empty() ||
                  std::find(options.parts.begin(), options.parts.end(), names.back()) != options.parts.end();
    if (wanted) parts.push_back(folder);
  }
  for (const std::string& wanted : options.parts)
    if (std::find(names.begin(), names.end(), wanted) == names.end())
      throw UsageError(fmt::format("--libritts.parts {}: {} holds {}", wanted, root.string(), join(names, ", ")));
  return parts;
}

void read(const fs::path& source, const Options& options, const ImportOptions& common, EntrySink& sink) {
  if (!fs::is_directory(source))
    throw DataError(fmt::format("{}: not a folder; expected {}", source.string(), kLayout));
  LibriReader reader(options, common, sink);
  fs::path root = is_part(source) ? fs::path() : descend(source, has_parts);
  sink.about("name", "LibriTTS");
  sink.about("licence", "CC-BY-4.0");
  sink.about("attribution", "LibriTTS, Zen et al., from recordings of LibriVox");
  if (!root.empty()) {
    reader.read_speakers(root);
    std::vector<fs::path> parts = chosen_parts(root, options);
    std::vector<std::string> splits;
    splits.reserve(parts.size());
    for (const fs::path& part : parts) splits.push_back(split_of_libritts_part(part.filename().string()));
    bool split = is_split(splits, sink);
    for (std::size_t i = 0; i < parts.size(); ++i) reader.read_part(parts[i], split ? splits[i] : "");
    return;
  }
  reader.read_speakers(is_part(source) ? fs::absolute(source).lexically_normal().parent_path() : source);
  if (reader.read_part(source, "") == 0)
    throw DataError(fmt::format("{}: no <speaker>/<chapter>/ with clips in it; expected {}", source.string(), kLayout));
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("text", o.text, "the text with numbers and abbreviations written out, or as printed in the book")
      .choices({"normalized", "original"});
  f.add("parts", o.parts, "only these parts, for example train-clean-100,dev-clean").metavar("A,B,…");
  return f;
}

}  // namespace

LibriSpeaker parse_libritts_speaker(std::string_view line) {
  line = trim(line);
  if (line.empty() || line.front() == ';') return {};
  bool bars = line.find('|') != std::string_view::npos;
  std::vector<std::string> cells = split(line, bars ? '|' : '\t');
  if (cells.size() < 3) return {};
  for (std::string& cell : cells) cell = std::string(trim(cell));
  const bool heading = !parse_int(cells[0]) && (!bars || ascii_lower(cells[0]) == "id");
  if (cells[0].empty() || heading) return {};
  return {cells[0], cells[1], cells.size() > 3 ? cells.back() : ""};
}

LibriText parse_libritts_text(std::string_view line) {
  std::vector<std::string> cells = split(line, '\t');
  if (cells.size() < 2 || trim(cells[0]).empty()) return {};
  return {std::string(trim(cells[0])), as_one_line(cells[1]), cells.size() > 2 ? as_one_line(cells[2]) : ""};
}

std::string split_of_libritts_part(std::string_view part) {
  for (const auto& [head, split] : {std::pair("train-", "train"), {"dev-", "valid"}, {"test-", "test"}})
    for (const char* kind : {"clean", "other"})
      if (part.starts_with(std::string(head) + kind)) return split;
  return {};
}

void register_importer_libritts(Importers& importers) {
  importers.add("libritts", [] {
    return make_importer<Options>(
        {.name = "libritts",
         .summary = "LibriTTS, LibriTTS-R and trees made like them",
         .layout = kLayout,
         .fields = {},
         .read = {},
         .keeps = "speaker; the part as split (train, dev → valid, test); raw_text, part, chapter, snr_db, gender and "
                  "speaker_name in extra",
         .examples =
             {"timbre import libritts LibriTTS --out corpora/libritts --libritts.parts train-clean-100,dev-clean",
              "timbre import libritts LibriTTS/dev-clean --out corpora/dev"},
         .looks = [](const fs::path& source) -> Likeness {
           if (!fs::is_directory(source)) return {};
           auto text = [](const fs::path& p) { return p.string().ends_with(".normalized.txt"); };
           if (!peek(source, text).empty()) return {3, "<id>.normalized.txt files"};
           if (is_part(source) || !descend(source, has_parts).empty()) return {2, "folders named like train-clean-100"};
           return {};
         }},
        fields, read);
  });
}

}  // namespace timbre::exchange
