#include "exchange/importers/qwen.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/json_rows.h"

/// Qwen3-TTS training lists: JSON lines of audio, text, ref_audio.
namespace timbre::exchange {

namespace {

struct Options {
  std::string audio_dir;
};

constexpr const char* kLayout =
    "a JSON-lines file (or a folder of them) of {\"audio\", \"text\"} with optional \"ref_audio\", \"speaker\" and "
    "\"language\"";

/// Its finetuning data writes languages out.
std::string language_of(const std::string& word) {
  static const std::vector<std::pair<std::string, std::string>> kLanguages = {
      {"chinese", "zh"}, {"english", "en"},    {"japanese", "ja"}, {"korean", "ko"},
      {"german", "de"},  {"french", "fr"},     {"russian", "ru"},  {"spanish", "es"},
      {"italian", "it"}, {"portuguese", "pt"}, {"auto", ""}};
  for (const auto& [from, to] : kLanguages)
    if (ascii_lower(word) == from) return to;
  return word;
}

void read(const fs::path& source, const Options& options, const ImportOptions& common, EntrySink& sink) {
  std::int64_t lost = 0;
  auto dress = [&](Entry& entry, RowClips& clips) {
    if (!entry.extra.is_object() || !entry.extra.contains("ref_audio")) return;
    std::string written = entry.extra["ref_audio"].get<std::string>();
    if (auto reference = clips.find(written))
      entry.extra["ref_audio"] = fs::absolute(*reference).lexically_normal().string();
    else
      entry.extra.erase("ref_audio"), ++lost;
  };
  std::vector<fs::path> lists = lists_in(source, {".jsonl", ".jsonl.gz"}, kLayout);
  std::vector<std::string> splits = splits_of(lists, sink);
  for (std::size_t i = 0; i < lists.size(); ++i)
    read_rows(lists[i], parse_qwen_line,
              {.audio_dir = options.audio_dir, .speaker = "", .language = "", .split = splits[i]}, common, sink, dress);
  if (lost) sink.note(fmt::format("{} lines name a ref_audio that is not there; they are kept without it", lost));
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("audio_dir", o.audio_dir, "folder that relative paths begin at; default: the list's own").metavar("DIR");
  return f;
}

Likeness looks(const fs::path& source) {
  for (const fs::path& list : lists_in(source, {".jsonl", ".json"}, kLayout)) {
    std::vector<std::string> lines = first_lines(list, 5);
    bool fits = !lines.empty() && std::all_of(lines.begin(), lines.end(), [](const std::string& line) {
      return parse_qwen_line(line).fault.empty();
    });
    if (fits) return {3, "JSON lines with \"audio\" and \"text\""};
  }
  return {};
}

}  // namespace

Row parse_qwen_line(std::string_view line) {
  JsonLine json(line);
  Row& row = json.row;
  row.audio = json.text({"audio"}, true);
  row.text = json.text({"text"}, true);
  std::string reference = json.text({"ref_audio"});
  row.speaker = json.text({"speaker", "speaker_name", "speaker_id"});
  row.language = language_of(json.text({"language", "lang"}));
  json.keep_rest();
  if (!reference.empty()) row.extra["ref_audio"] = reference;
  return std::move(row);
}

void register_importer_qwen(Importers& importers) {
  importers.add("qwen", [] {
    return make_importer<Options>(
        {.name = "qwen",
         .summary = "Qwen3-TTS training lists: JSON lines of audio, text, ref_audio",
         .layout = kLayout,
         .fields = {},
         .read = {},
         .keeps = "speaker and language; ref_audio (found and made absolute), instruct and other short keys in extra",
         .examples = {"timbre import qwen train_raw.jsonl --out corpora/mine --speaker Ada"},
         .looks = looks},
        fields, read);
  });
}

}  // namespace timbre::exchange
