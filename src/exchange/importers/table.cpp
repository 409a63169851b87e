#include <algorithm>
#include <array>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/clip_finder.h"
#include "exchange/encoding.h"
#include "exchange/importer.h"
#include "exchange/rows.h"
#include "exchange/table_text.h"

/// Tables: `file|text`, `id|speaker|text`, CSV or TSV with a header. Delimiter and header are found out; what is not
/// sure is asked for (--table.columns), never guessed.
namespace timbre::exchange {

namespace {

struct Options {
  std::string delimiter = "auto", header = "auto", audio_dir, text = "normalized";
  std::vector<std::string> columns;
};

constexpr const char* kLayout =
    "a text file of file|text or id|speaker|text lines, or CSV/TSV with a header line that names its columns";

enum class Role { file, text, normalized, speaker, language, id, split, start, end, ignored };

/// Names of columns in use.
const std::vector<std::pair<Role, std::vector<std::string>>> kNames = {
    {Role::file,
     {"file", "audio_file", "audio", "filename", "file_name", "path", "wav", "audio_path", "audio_filepath",
      "wav_filename", "clip", "wav_path", "filepath", "file_path"}},
    {Role::text, {"text", "transcript", "transcription", "sentence", "caption", "raw_text", "utterance"}},
    {Role::normalized, {"normalized", "normalized_text", "normalised_text", "norm_text", "text_normalized"}},
    {Role::speaker, {"speaker", "speaker_id", "spk", "spk_id", "client_id", "speaker_name", "voice"}},
    {Role::language, {"language", "lang", "locale"}},
    {Role::id, {"id", "utt", "utt_id", "utterance_id", "name", "uid"}},
    {Role::split, {"split", "subset", "set"}},
    {Role::start, {"start", "start_s", "start_time", "offset"}},
    {Role::end, {"end", "end_s", "end_time"}},
    {Role::ignored,
     {"-", "ignored", "duration", "duration_s", "gender", "age", "accent", "accents", "up_votes", "down_votes",
      "segment", "variant"}},
};

std::optional<Role> role_of(std::string_view name) {
  std::string key = ascii_lower(trim(name));
  std::replace(key.begin(), key.end(), ' ', '_');
  for (const auto& [role, names] : kNames)
    if (std::find(names.begin(), names.end(), key) != names.end()) return role;
  return std::nullopt;
}

bool has(const std::vector<Role>& roles, Role role) {
  return std::find(roles.begin(), roles.end(), role) != roles.end();
}

/// A header names a text column and at least one that finds the clip.
bool is_header(const Record& record) {
  std::vector<Role> roles;
  for (const std::string& cell : record.cells)
    if (auto role = role_of(cell)) roles.push_back(*role);
  return (has(roles, Role::text) || has(roles, Role::normalized)) && (has(roles, Role::file) || has(roles, Role::id));
}

std::vector<Role> roles_of(const std::vector<std::string>& names, const std::string& where, bool strict) {
  std::vector<Role> roles;
  for (const std::string& name : names) {
    auto role = role_of(name);
    if (!role && strict)
      throw UsageError(fmt::format(
          "{}: '{}' is no column; there are file, id, text, normalized, speaker, language, split, start, end and -",
          where, name));
    roles.push_back(role.value_or(Role::ignored));
  }
  for (Role role : {Role::file, Role::text, Role::id, Role::speaker})
    if (std::count(roles.begin(), roles.end(), role) > 1)
      throw UsageError(fmt::format("{}: a column is named twice", where), "--table.columns file,speaker,text");
  if (!(has(roles, Role::text) || has(roles, Role::normalized)) || !(has(roles, Role::file) || has(roles, Role::id)))
    throw UsageError(fmt::format("{}: no column for the {}", where,
                                 has(roles, Role::file) || has(roles, Role::id) ? "text" : "clip's file"),
                     "--table.columns file,speaker,text");
  return roles;
}

/// Without a header: two columns are file|text, three id|speaker|text, where the second column can be speakers.
std::vector<Role> guess_roles(const std::vector<Record>& records, const std::string& table) {
  std::size_t columns = records.front().cells.size();
  if (columns == 2) return {Role::file, Role::text};
  if (columns == 3) {
    std::set<std::string> second;
    std::size_t spaced = 0;
    for (const Record& record : records) {
      if (record.cells.size() != 3) continue;
      second.insert(record.cells[1]);
      spaced += trim(record.cells[1]).find(' ') != std::string_view::npos;
    }
    if (records.size() < 4 || second.size() * 2 <= records.size() || spaced * 2 <= records.size())
      return {Role::file, Role::speaker, Role::text};
    throw DataError(fmt::format("{}: the second of three columns looks like text, not like speakers", table),
                    "for id|text|normalised text: timbre import ljspeech, or --table.columns file,text,normalized");
  }
  throw DataError(fmt::format("{}: {} columns and no header line; expected {}", table, columns, kLayout),
                  "say what they are, for example --table.columns file,speaker,language,text");
}

char delimiter_of(const Options& options, const std::string& text, const std::string& table) {
  static const std::vector<std::pair<std::string, char>> kWords = {
      {"bar", '|'}, {"tab", '\t'}, {"comma", ','}, {"semicolon", ';'}};
  for (const auto& [word, c] : kWords)
    if (options.delimiter == word) return c;
  char found = detect_delimiter(text);
  if (!found)
    throw DataError(fmt::format("{}: no delimiter cuts its lines into columns; expected {}", table, kLayout),
                    "--table.delimiter bar|tab|comma|semicolon");
  return found;
}

/// Rows → entries.
class TableReader {
 public:
  TableReader(const fs::path& table, const Options& options, const ImportOptions& common, EntrySink& sink)
      : table_(table),
        options_(options),
        common_(common),
        sink_(sink),
        finder_(options.audio_dir.empty() ? table.parent_path() : fs::path(options.audio_dir)) {}

  void read() {
    std::string text = read_list(table_, common_.encoding);
    if (trim(text).empty()) throw DataError(fmt::format("{}: empty; expected {}", table_.string(), kLayout));
    delimiter_ = delimiter_of(options_, text, table_.string());
    std::vector<Record> records = parse_table(text, delimiter_, delimiter_ == '|' ? Quotes::none : Quotes::doubled);
    if (records.empty()) throw DataError(fmt::format("{}: no row in it; expected {}", table_.string(), kLayout));
    bool header = options_.header == "yes" || (options_.header == "auto" && is_header(records.front()));
    if (!options_.columns.empty())
      roles_ = roles_of(options_.columns, "--table.columns", true);
    else if (header)
      roles_ =
          roles_of(records.front().cells, fmt::format("{}, line {}", table_.string(), records.front().line), false);
    else
      roles_ = guess_roles(records, table_.string());
    for (std::size_t i = header ? 1 : 0; i < records.size(); ++i) take(std::move(records[i]));
  }

 private:
  void take(Record record) {
    std::vector<std::string>& cells = record.cells;
    std::string line = format_record(cells, delimiter_, Quotes::none);
    bool text_last = roles_.back() == Role::text || roles_.back() == Role::normalized;
    // Commas of an unquoted text, where the text is the last column.
    if (delimiter_ == ',' && text_last)
      for (; cells.size() > roles_.size(); cells.pop_back()) cells[cells.size() - 2] += "," + cells.back();
    if (cells.size() != roles_.size())
      return sink_.reject({table_.string(), record.line, "another number of columns",
                           fmt::format("{}; expected {}", cells.size(), roles_.size()), line});
    Entry entry;
    entry.file = table_.string();
    entry.line = record.line;
    auto cell = [&](Role role) {
      auto it = std::find(roles_.begin(), roles_.end(), role);
      return it == roles_.end() ? std::string()
                                : std::string(trim(cells[static_cast<std::size_t>(it - roles_.begin())]));
    };
    std::string written = cell(Role::file), id = cell(Role::id), raw = cell(Role::text),
                normalized = cell(Role::normalized);
    auto clip = finder_.find(written.empty() ? id : written);
    if (!clip)
      return sink_.reject({table_.string(), record.line, "no audio file", written.empty() ? id : written, line});
    entry.audio = *clip;
    entry.id = id.empty() ? finder_.id_of(*clip) : id;
    entry.text = options_.text == "normalized" && !normalized.empty() ? normalized : raw.empty() ? normalized : raw;
    if (!raw.empty() && raw != entry.text) entry.extra = {{"raw_text", raw}};
    entry.speaker = cell(Role::speaker);
    entry.language = cell(Role::language);
    if (!take_split(cell(Role::split), entry) || !take_time(cell(Role::start), entry.start_s) ||
        !take_time(cell(Role::end), entry.end_s))
      return sink_.reject({table_.string(), record.line, "unusable split or time", {}, line});
    if (entry.start_s || entry.end_s) entry.id += id.empty() ? fmt::format("_{}", record.line) : "";
    sink_.add(std::move(entry));
  }

  static bool take_split(const std::string& word, Entry& entry) {
    entry.split = split_of_word(word);
    return word.empty() || !entry.split.empty();
  }

  static bool take_time(const std::string& word, std::optional<double>& time) {
    if (word.empty()) return true;
    time = parse_double(word);
    return time && *time >= 0;
  }

  fs::path table_;
  const Options& options_;
  const ImportOptions& common_;
  EntrySink& sink_;
  ClipFinder finder_;
  char delimiter_ = '|';
  std::vector<Role> roles_;
};

void read(const fs::path& source, const Options& options, const ImportOptions& common, EntrySink& sink) {
  fs::path table = source;
  if (fs::is_directory(source)) {
    std::vector<fs::path> tables;
    for (const auto& entry : fs::directory_iterator(source))
      for (const char* ending : {".csv", ".tsv", ".txt", ".list"})
        if (ascii_lower(entry.path().extension().string()) == ending) tables.push_back(entry.path());
    if (tables.size() != 1)
      throw DataError(
          fmt::format("{}: {} tables (.csv .tsv .txt .list) in it; expected one", source.string(), tables.size()),
          "give the table itself as the source");
    table = tables[0];
  }
  TableReader(table, options, common, sink).read();
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("delimiter", o.delimiter, "what stands between columns").choices({"auto", "bar", "tab", "comma", "semicolon"});
  f.add("header", o.header, "whether the first line names the columns").choices({"auto", "yes", "no"});
  f.add("columns", o.columns,
        "what the columns are: file id text normalized speaker language split start end, - for others")
      .metavar("A,B,…");
  f.add("audio_dir", o.audio_dir, "folder of the clips; default: the table's own").metavar("DIR");
  f.add("text", o.text, "which column to speak, where there are both").choices({"normalized", "raw"});
  return f;
}

Likeness looks(const fs::path& source) {
  std::vector<fs::path> lists = lists_in(source, {".csv", ".tsv"}, kLayout);
  if (lists.size() != 1) return {};
  std::string head = join(first_lines(lists[0], 50), "\n");
  char delimiter = detect_delimiter(head);
  return delimiter ? Likeness{1, fmt::format("a table with '{}' between columns", delimiter)} : Likeness{};
}

}  // namespace

void register_importer_table(Importers& importers) {
  importers.add("table", [] {
    return make_importer<Options>(
        {.name = "table",
         .summary = "a table of clips and texts: file|text, id|speaker|text, CSV with header",
         .layout = kLayout,
         .fields = {},
         .read = {},
         .keeps = "speaker, language, split and pieces (start, end), where there are such columns; raw_text in extra",
         .examples = {"timbre import table recordings.csv --out corpora/mine --speaker Ada --language en"},
         .looks = looks},
        fields, read);
  });
}

}  // namespace timbre::exchange
