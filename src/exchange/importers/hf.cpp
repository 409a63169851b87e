#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "exchange/archive.h"
#include "exchange/clip_finder.h"
#include "exchange/clip_tree.h"
#include "exchange/importer.h"
#include "exchange/parquet.h"

/// Hugging Face data sets: Parquet with an audio column (struct of bytes and path), a text column and others; one file,
/// or a folder of data/train-00000-of-00004.parquet … Clips are taken out of the table a few at a time.
namespace timbre::exchange {

namespace {

using nlohmann::json;

struct Options {
  std::string config, audio, text, speaker, id, language;
};

constexpr const char* kLayout =
    "a Parquet file with an audio and a text column, or a folder of them as the datasets library lays it out "
    "(data/train-00000-of-00002.parquet …)";

const std::vector<std::string> kTexts = {"text_normalized", "normalized_text", "text",
                                         "transcription",   "transcript",      "sentence",
                                         "raw_text",        "text_original",   "caption"};
const std::vector<std::string> kRawTexts = {"raw_text",      "text_original", "text",
                                            "transcription", "transcript",    "sentence"};
const std::vector<std::string> kSpeakers = {"speaker", "speaker_id", "speaker_name", "client_id",
                                            "voice",   "spk",        "spk_id"};
const std::vector<std::string> kIds = {"id", "utt_id", "utterance_id", "segment_id", "audio_id", "file_id", "uid"};
const std::vector<std::string> kLanguages = {"language", "lang", "locale"};
const std::vector<std::string> kSplits = {"split"};

/// A file of the data set, with what its place says.
struct Shard {
  fs::path file;
  std::string config, split;
};

/// "train-00000-of-00004", "train.clean.100-…", "train", "0000" (then the folder's name is the split's).
Shard shard_of(const fs::path& root, const fs::path& file) {
  std::vector<std::string> folders;
  for (const fs::path& part : file.lexically_relative(root).parent_path())
    if (part != "." && part != "data") folders.push_back(part.string());
  std::string name = file.stem().string();
  if (std::size_t numbered = name.find("-0"); numbered != std::string::npos && name.find("-of-") != std::string::npos)
    name.resize(numbered);
  if (parse_int(name) && !folders.empty()) {
    name = folders.back();
    folders.pop_back();
    if (name.starts_with("partial-")) name.erase(0, 8);
  }
  return {file, join(folders, "/"), name};
}

/// The side a split's name stands for; "" for others.
std::string side_of(const std::string& split) {
  const std::string name = ascii_lower(split);
  for (const auto& [word, side] : {std::pair("train", "train"),
                                   {"validation", "valid"},
                                   {"valid", "valid"},
                                   {"val", "valid"},
                                   {"dev", "valid"},
                                   {"test", "test"},
                                   {"eval", "test"}}) {
    const std::string_view begin = word;
    if (name == begin || (name.starts_with(begin) && !std::isalnum(static_cast<unsigned char>(name[begin.size()]))))
      return side;
  }
  return "";
}

std::vector<Shard> shards_of(const std::vector<fs::path>& sources) {
  std::vector<Shard> shards;
  for (const fs::path& source : sources) {
    if (!fs::is_directory(source)) {
      shards.push_back(shard_of(source.parent_path(), source));
      continue;
    }
    std::vector<fs::path> files;
    for (auto it = fs::recursive_directory_iterator(source); it != fs::recursive_directory_iterator(); ++it) {
      if (it->path().filename().string().starts_with(".")) {
        if (it->is_directory()) it.disable_recursion_pending();
      } else if (it->is_regular_file() && ascii_lower(it->path().extension().string()) == ".parquet") {
        files.push_back(it->path());
      }
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) shards.push_back(shard_of(source, file));
  }
  if (shards.empty())
    throw DataError(fmt::format("{}: no .parquet file in it; expected {}", sources[0].string(), kLayout));
  return shards;
}

/// Several configurations are several data sets, often with the same rows.
void keep_config(const Options& options, std::vector<Shard>& shards, const fs::path& source) {
  std::set<std::string> configs;
  for (const Shard& shard : shards) configs.insert(shard.config);
  if (!options.config.empty()) {
    if (!configs.contains(options.config))
      throw UsageError(fmt::format("{}: no configuration '{}'; there are: {}", source.string(), options.config,
                                   join({configs.begin(), configs.end()}, ", ")));
    std::erase_if(shards, [&](const Shard& shard) { return shard.config != options.config; });
  } else if (configs.size() > 1) {
    throw UsageError(
        fmt::format("{}: several configurations: {}", source.string(), join({configs.begin(), configs.end()}, ", ")),
        fmt::format("--hf.config {}", *configs.rbegin()));
  }
}

/// An ending by what the bytes are, else by the name.
std::string ending_of(std::string_view bytes, std::string_view path) {
  for (const auto& [magic, ending] : {std::pair("RIFF", ".wav"), {"fLaC", ".flac"}, {"OggS", ".ogg"}, {"ID3", ".mp3"}})
    if (bytes.starts_with(magic)) return ending;
  const std::string ending = ascii_lower(fs::path(path).extension().string());
  return ending.empty() || ending.size() > 6 ? ".mp3" : ending;
}

/// The columns of one file and what they are for; -1 = none.
struct Roles {
  std::vector<std::string> names;  ///< to read, in the order of the cells
  int audio = -1, text = -1, raw = -1, speaker = -1, id = -1, language = -1, split = -1;
  std::map<int, std::vector<std::string>> labels;  ///< names of a ClassLabel
  std::string text_name, raw_name;
};

class RoleFinder {
 public:
  RoleFinder(const parquet::Schema& schema, const Options& options, const fs::path& file)
      : schema_(schema), options_(options), file_(file) {}

  Roles find() {
    roles_.audio = find_audio();
    roles_.text = find_one(options_.text, "text", kTexts);
    if (roles_.text < 0)
      throw DataError(fmt::format("{}: no text column; there are: {}", file_.string(), all_names()),
                      "--hf.text COLUMN says which");
    roles_.speaker = find_one(options_.speaker, "speaker", kSpeakers);
    roles_.id = find_one(options_.id, "id", kIds);
    roles_.language = find_one(options_.language, "language", kLanguages);
    roles_.split = find_one("", "split", kSplits);
    roles_.text_name = roles_.names[static_cast<std::size_t>(roles_.text)];
    if (options_.text.empty()) find_raw();
    for (const parquet::Column& column : schema_.columns)
      if (column.type == "text" || column.type == "integer" || column.type == "real" || column.type == "bool")
        place(column.name);
    return std::move(roles_);
  }

 private:
  const parquet::Column* column(const std::string& name) const {
    for (const parquet::Column& c : schema_.columns)
      if (c.name == name) return &c;
    return nullptr;
  }

  std::string all_names() const {
    std::vector<std::string> names;
    for (const parquet::Column& c : schema_.columns) names.push_back(fmt::format("{} ({})", c.name, c.type));
    return join(names, ", ");
  }

  /// The cell of a column; a column is read once.
  int place(const std::string& name) {
    auto it = std::find(roles_.names.begin(), roles_.names.end(), name);
    if (it != roles_.names.end()) return static_cast<int>(it - roles_.names.begin());
    roles_.names.push_back(name);
    const int at = static_cast<int>(roles_.names.size()) - 1;
    const json::json_pointer pointer = json::json_pointer("/info/features") / name / "names";
    if (schema_.huggingface.is_object() && schema_.huggingface.contains(pointer))
      for (const json& label : schema_.huggingface[pointer])
        roles_.labels[at].push_back(label.is_string() ? label.get<std::string>() : label.dump());
    return at;
  }

  int find_audio() {
    if (!options_.audio.empty()) return find_one(options_.audio, "audio", {});
    std::vector<std::string> found;
    for (const parquet::Column& c : schema_.columns)
      if (c.type == "audio") found.push_back(c.name);
    for (const char* plain : {"audio", "file", "path"})
      if (found.empty() && column(plain)) found.push_back(plain);
    if (found.size() != 1)
      throw DataError(fmt::format("{}: {} audio columns; there are: {}", file_.string(),
                                  found.empty() ? "no" : "several", all_names()),
                      "--hf.audio COLUMN says which");
    const parquet::Column& c = *column(found[0]);
    if (c.type != "audio" && c.type != "binary" && c.type != "text")
      throw DataError(
          fmt::format("{}: column '{}' is {}; expected the bytes or the path of clips", file_.string(), c.name, c.type),
          "write it with the audio embedded: Dataset.cast_column('audio', Audio(decode=False))");
    return place(c.name);
  }

  int find_one(const std::string& asked, const char* what, const std::vector<std::string>& usual) {
    if (!asked.empty()) {
      if (!column(asked))
        throw UsageError(
            fmt::format("{}: no column '{}' for --hf.{}; there are: {}", file_.string(), asked, what, all_names()));
      return place(asked);
    }
    for (const std::string& name : usual)
      if (const parquet::Column* c = column(name); c && (c->type == "text" || c->type == "integer")) return place(name);
    return -1;
  }

  void find_raw() {
    for (const std::string& name : kRawTexts)
      if (const parquet::Column* c = column(name); c && c->type == "text" && name != roles_.text_name) {
        roles_.raw = place(name);
        roles_.raw_name = name;
        return;
      }
  }

  const parquet::Schema& schema_;
  const Options& options_;
  fs::path file_;
  Roles roles_;
};

class Reader {
 public:
  Reader(const Options& options, EntrySink& sink) : options_(options), sink_(sink) {}

  void read(const std::vector<fs::path>& sources) {
    std::vector<Shard> shards = shards_of(sources);
    keep_config(options_, shards, sources[0]);
    std::set<std::string> splits;
    for (const Shard& shard : shards) splits.insert(shard.split);
    // A data set with one split has not been split.
    only_split_ = splits.size() == 1 ? *splits.begin() : "";
    root_ = fs::is_directory(sources[0]) ? sources[0] : fs::absolute(sources[0]).parent_path();
    if (fs::is_directory(sources[0])) read_card(sources[0] / "README.md");
    for (number_ = 0; number_ < shards.size(); ++number_) read_shard(shards[number_]);
    if (!only_split_.empty() && !side_of(only_split_).empty())
      sink_.note(fmt::format("its only split is '{}': training draws its own", only_split_));
    if (unread_) sink_.note(fmt::format("columns that are neither text nor numbers are left out: {}", unread_names_));
  }

 private:
  /// The licence from the card's YAML head.
  void read_card(const fs::path& card) {
    std::error_code missing;
    if (!fs::is_regular_file(card, missing)) return;
    bool head = false;
    for (const std::string& line : split(read_text(card, 16 << 20), '\n')) {
      if (trim(line) == "---") {
        if (head) return;
        head = true;
      } else if (head && (line.starts_with("license: ") || line.starts_with("pretty_name: "))) {
        std::string value(trim(std::string_view(line).substr(line.find(':') + 1)));
        if (value.size() > 1 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
        if (value != "unknown") sink_.about(line.starts_with("license") ? "licence" : "name", value);
      }
    }
  }

  void read_shard(const Shard& shard) {
    const parquet::Schema schema = parquet::read_schema(shard.file);
    roles_ = RoleFinder(schema, options_, shard.file).find();
    for (const parquet::Column& c : schema.columns)
      if (std::find(roles_.names.begin(), roles_.names.end(), c.name) == roles_.names.end() && ++unread_ <= 5)
        unread_names_ += (unread_names_.empty() ? "" : ", ") + c.name;
    parquet::read_rows(shard.file, roles_.names,
                       [&](std::int64_t row, std::span<const parquet::Cell> cells) { take(shard, row, cells); });
  }

  std::string text_at(int place, std::span<const parquet::Cell> cells) const {
    if (place < 0) return "";
    const parquet::Cell& cell = cells[static_cast<std::size_t>(place)];
    if (cell.kind == kTimbreCellText) return std::string(parquet::bytes_of(cell));
    if (cell.kind != kTimbreCellInteger) return "";
    auto labels = roles_.labels.find(place);
    if (labels != roles_.labels.end() && cell.integer >= 0 &&
        cell.integer < static_cast<std::int64_t>(labels->second.size()))
      return labels->second[static_cast<std::size_t>(cell.integer)];
    return std::to_string(cell.integer);
  }

  /// What the other columns say.
  json extra_of(std::span<const parquet::Cell> cells) const {
    json extra = json::object();
    for (int i = 0; i < static_cast<int>(cells.size()); ++i) {
      const auto at = static_cast<std::size_t>(i);
      const bool used = i == roles_.audio || i == roles_.text || i == roles_.raw || i == roles_.speaker ||
                        i == roles_.id || i == roles_.language || i == roles_.split;
      const bool told_by_clip = roles_.names[at] == "duration" || roles_.names[at] == "duration_s";
      if (used || told_by_clip || cells[at].kind == kTimbreCellNull || cells[at].kind == kTimbreCellOther) continue;
      const std::string& name = roles_.names[at];
      if (cells[at].kind == kTimbreCellReal)
        extra[name] = cells[at].real;
      else if (cells[at].kind == kTimbreCellInteger && !roles_.labels.contains(i))
        extra[name] = cells[at].integer;
      else if (std::string text = text_at(i, cells); is_valid_utf8(text))
        extra[name] = text;
    }
    return extra;
  }

  void take(const Shard& shard, std::int64_t row, std::span<const parquet::Cell> cells) {
    Entry entry;
    entry.file = shard.file.string();
    entry.line = row + 1;
    entry.text = text_at(roles_.text, cells);
    entry.speaker = text_at(roles_.speaker, cells);
    entry.language = text_at(roles_.language, cells);
    entry.extra = extra_of(cells);
    const std::string raw = text_at(roles_.raw, cells);
    if (!raw.empty() && raw != entry.text) entry.extra["raw_text"] = raw;
    const std::string split = roles_.split >= 0 ? text_at(roles_.split, cells) : shard.split;
    entry.split = roles_.split < 0 && split == only_split_ ? "" : side_of(split);
    if (side_of(split).empty() && !split.empty() && only_split_.empty()) entry.extra["source_split"] = split;
    const parquet::Cell& audio = cells[static_cast<std::size_t>(roles_.audio)];
    const std::string_view bytes = audio.kind == kTimbreCellAudio || is_binary(audio) ? parquet::bytes_of(audio) : "";
    const std::string path(audio.kind == kTimbreCellAudio ? parquet::path_of(audio)
                           : is_binary(audio)             ? std::string_view()
                                                          : parquet::bytes_of(audio));
    entry.id = id_of(shard.split, cells, path);
    if (bytes.empty() && path.empty())
      return sink_.reject(
          {entry.file, entry.line, "no audio", fmt::format("row {} has neither bytes nor path", row + 1), entry.text});
    if (bytes.empty()) {
      entry.audio = find_file(path);
    } else {
      entry.audio = sink_.scratch() / fmt::format("{}-{}{}", number_, row, ending_of(bytes, path));
      entry.temporary = true;
      std::ofstream file(entry.audio, std::ios::binary);
      file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      file.close();
      if (!file)
        throw SystemError(fmt::format("{}: writing failed", entry.audio.string()), "free some space, or set TMPDIR");
    }
    if (entry.extra.empty()) entry.extra = json();
    sink_.add(std::move(entry));
  }

  /// A column of bytes gives text cells as well.
  bool is_binary(const parquet::Cell& audio) const {
    return audio.kind == kTimbreCellText && (audio.byte_count > 4096 || !is_valid_utf8(parquet::bytes_of(audio)));
  }

  /// The id column, else the clip's name where it is the first of its kind, else the place.
  std::string id_of(const std::string& split, std::span<const parquet::Cell> cells, const std::string& path) {
    const std::int64_t place = rows_[split]++;
    if (std::string id = text_at(roles_.id, cells); !trim(id).empty()) return id;
    std::string name = fs::path(path).stem().string();
    if (!name.empty() && names_.insert(name).second) return name;
    return fmt::format("{}{}-{:06}", name.empty() ? "" : name + "-", split, place);
  }

  fs::path find_file(const std::string& path) {
    std::error_code missing;
    if (fs::is_regular_file(path, missing)) return path;
    if (!finder_) finder_ = std::make_unique<ClipFinder>(root_);
    if (auto found = finder_->find(path)) return *found;
    return path;
  }

  const Options& options_;
  EntrySink& sink_;
  Roles roles_;
  fs::path root_;
  std::string only_split_, unread_names_;
  std::int64_t unread_ = 0;
  std::size_t number_ = 0;
  std::set<std::string> names_;
  std::map<std::string, std::int64_t> rows_;
  std::unique_ptr<ClipFinder> finder_;
};

Likeness looks(const fs::path& source) {
  auto is_parquet = [](const fs::path& p) { return p.extension() == ".parquet"; };
  bool found = fs::is_directory(source) ? !peek(source, is_parquet).empty() : is_parquet(source);
  return found ? Likeness{3, ".parquet"} : Likeness{};
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("config", o.config, "which configuration, where a folder holds several").metavar("NAME");
  f.add("audio", o.audio, "column of the clips; default: the one whose type says so").metavar("COLUMN");
  f.add("text", o.text, "column of what is said; default: text_normalized, text, transcription, sentence …")
      .metavar("COLUMN");
  f.add("speaker", o.speaker, "column of the speaker; default: speaker, speaker_id …").metavar("COLUMN");
  f.add("id", o.id, "column of the ids; default: id …, else the clip's name").metavar("COLUMN");
  f.add("language", o.language, "column of the language; default: language, locale …").metavar("COLUMN");
  return f;
}

}  // namespace

void register_importer_hf(Importers& importers) {
  importers.add("hf", [] {
    auto options = std::make_shared<Options>();
    return Importer{.name = "hf",
                    .summary = "Hugging Face data sets: Parquet with the audio in it",
                    .layout = kLayout,
                    .fields = fields(*options),
                    .read = [options](const std::vector<fs::path>& sources, const ImportOptions&,
                                      EntrySink& sink) { Reader(*options, sink).read(sources); },
                    .keeps = "speaker, language and split; other columns in extra",
                    .examples = {"timbre import hf data/ --out corpora/mine"},
                    .looks = looks};
  });
}

}  // namespace timbre::exchange
