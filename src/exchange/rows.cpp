#include "exchange/rows.h"

#include <algorithm>
#include <fstream>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/encoding.h"

namespace timbre::exchange {

namespace {

constexpr std::size_t kHeadBytes = 1 << 16;
constexpr int kFoldersAbove = 3;

/// A path as people write it, with '/' and without quotes and drive.
std::string slashed(std::string_view written) {
  written = trim(written);
  if (written.size() >= 2 && written.front() == written.back() && (written.front() == '"' || written.front() == '\''))
    written = trim(written.substr(1, written.size() - 2));
  std::string path(written);
  std::replace(path.begin(), path.end(), '\\', '/');
  return path;
}

std::string short_line(std::string_view line) {
  return line.size() > 400 ? std::string(line.substr(0, 400)) + "…" : std::string(line);
}

}  // namespace

RowClips::RowClips(const fs::path& list, const RowDefaults& defaults)
    : folder_(defaults.audio_dir.empty() ? fs::absolute(list).lexically_normal().parent_path() : defaults.audio_dir),
      only_there_(!defaults.audio_dir.empty()),
      finder_(folder_) {}

std::optional<fs::path> RowClips::find(std::string_view written) {
  std::string path = slashed(written);
  if (path.empty() || path.find('\0') != std::string::npos) return std::nullopt;
  std::error_code missing;
  if (!only_there_ && path.front() != '/' && path.find('/') != std::string::npos) {
    // Lists are written with the folder above them, or the working folder, in mind: "Data/wavs/a.wav" in Data/list.txt.
    fs::path above = folder_;
    for (int i = 0; i <= kFoldersAbove && !above.empty(); ++i, above = above.parent_path())
      if (fs::path clip = above / path; fs::is_regular_file(clip, missing)) return clip.lexically_normal();
    if (fs::path clip = fs::absolute(path); fs::is_regular_file(clip, missing)) return clip.lexically_normal();
  }
  return finder_.find(written);
}

std::string RowClips::id_of(const fs::path& clip) const {
  fs::path relative = clip.lexically_normal().lexically_relative(folder_.lexically_normal());
  if (!relative.empty() && relative.begin()->string() != "..") return finder_.id_of(clip);
  fs::path folder = clip.lexically_normal().parent_path().filename();
  return (folder / clip.stem()).generic_string();
}

std::int64_t read_rows(const fs::path& list, const ParseRow& parse, const RowDefaults& defaults,
                       const ImportOptions& options, EntrySink& sink,
                       const std::function<void(Entry&, RowClips&)>& dress) {
  std::string text = read_list(list, options.encoding), file = list.string();
  RowClips clips(list, defaults);
  std::int64_t read = 0;
  each_line(text, [&](const Line& line) {
    if (!is_valid_utf8(line.text))
      return sink.reject({file, line.number, "text is not UTF-8", "if it is GBK: --encoding gbk", {}});
    Row row = parse(line.text);
    if (!row.fault.empty()) return sink.reject({file, line.number, row.fault, row.detail, short_line(trim(line.text))});
    ++read;
    auto clip = clips.find(row.audio);
    if (!clip) return sink.reject({file, line.number, "no audio file", row.audio, row.text});
    Entry entry;
    entry.audio = *clip;
    entry.id = row.id.empty() ? clips.id_of(*clip) : row.id;
    if (row.id.empty() && (row.start_s || row.end_s)) entry.id += fmt::format("_{}", line.number);
    entry.text = std::move(row.text);
    entry.speaker = row.speaker.empty() ? defaults.speaker : row.speaker;
    entry.language = row.language;
    entry.usual_language = defaults.language;
    entry.split = row.split.empty() ? defaults.split : row.split;
    entry.start_s = row.start_s, entry.end_s = row.end_s;
    entry.extra = std::move(row.extra);
    entry.file = file;
    entry.line = line.number;
    if (dress) dress(entry, clips);
    sink.add(std::move(entry));
  });
  return read;
}

std::string split_of_word(std::string_view word) {
  static const std::vector<std::pair<std::string, std::string>> kWords = {
      {"train", "train"}, {"training", "train"}, {"valid", "valid"}, {"validation", "valid"}, {"val", "valid"},
      {"dev", "valid"},   {"test", "test"},      {"eval", "test"},   {"testing", "test"}};
  for (const auto& [from, to] : kWords)
    if (ascii_lower(word) == from) return to;
  return {};
}

std::string split_of_name(const fs::path& list) {
  std::string name = list.filename().string();
  name.resize(std::min(name.size(), name.find('.')));
  std::vector<std::string> words(1);
  for (char c : name)
    if (c == '_' || c == '-' || c == ' ')
      words.emplace_back();
    else
      words.back() += c;
  for (const std::string& word : {words.front(), words.back()})
    if (std::string split = split_of_word(word); !split.empty()) return split;
  return {};
}

bool is_split(const std::vector<std::string>& splits, EntrySink& sink) {
  std::set<std::string> sides(splits.begin(), splits.end());
  if (sides.size() == 1 && !sides.begin()->empty())
    sink.note(fmt::format("its only split is '{}': training draws its own", *sides.begin()));
  return sides.size() > 1;
}

std::vector<std::string> splits_of(const std::vector<fs::path>& lists, EntrySink& sink) {
  std::vector<std::string> splits;
  splits.reserve(lists.size());
  for (const fs::path& list : lists) splits.push_back(split_of_name(list));
  if (!is_split(splits, sink)) splits.assign(lists.size(), "");
  return splits;
}

std::vector<fs::path> lists_in(const fs::path& source, const std::vector<std::string>& endings,
                               const std::string& layout) {
  if (fs::is_regular_file(source)) return {source};
  std::vector<fs::path> lists;
  for (const auto& entry : fs::directory_iterator(source)) {
    std::string name = ascii_lower(entry.path().filename().string());
    if (name.starts_with('.') || !entry.is_regular_file()) continue;
    for (const std::string& ending : endings)
      if (name.ends_with(ending)) {
        lists.push_back(entry.path());
        break;
      }
  }
  std::sort(lists.begin(), lists.end());
  if (lists.empty())
    throw DataError(fmt::format("{}: no {} file in it; expected {}", source.string(), join(endings, " or "), layout),
                    "give the list itself as the source");
  return lists;
}

std::vector<std::string> first_lines(const fs::path& list, std::size_t count) {
  std::string head(kHeadBytes, '\0');
  std::ifstream in(list, std::ios::binary);
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  bool whole = in.eof();
  head.resize(static_cast<std::size_t>(in.gcount()));
  if (head.starts_with("\x1f\x8b")) return {};
  if (!whole && head.size() % 2) head.pop_back();
  head = to_utf8_text(std::move(head), "auto");
  if (!whole) head.resize(head.find_last_of('\n') == std::string::npos ? 0 : head.find_last_of('\n'));
  std::vector<std::string> lines;
  each_line(head, [&](const Line& line) {
    if (lines.size() < count) lines.emplace_back(trim(line.text));
  });
  return lines;
}

}  // namespace timbre::exchange
