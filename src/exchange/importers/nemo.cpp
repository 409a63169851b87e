#include "exchange/importers/nemo.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/json_rows.h"

/// NeMo manifests: JSON lines of audio_filepath, duration, text, with an offset where a line is a piece of a recording.
namespace timbre::exchange {

namespace {

struct Options {
  std::string text = "text", audio_dir;
};

constexpr const char* kLayout =
    "a JSON-lines manifest (or a folder of .json/.jsonl ones) of {\"audio_filepath\", \"duration\", \"text\"} with "
    "optional \"speaker\", \"lang\" and \"offset\"";

void read(const fs::path& source, const Options& options, const ImportOptions& common, EntrySink& sink) {
  bool normalized = options.text == "normalized";
  std::vector<fs::path> lists = lists_in(source, {".json", ".jsonl", ".json.gz", ".jsonl.gz"}, kLayout);
  std::vector<std::string> splits = splits_of(lists, sink);
  for (std::size_t i = 0; i < lists.size(); ++i)
    read_rows(
        lists[i], [normalized](std::string_view line) { return parse_nemo_line(line, normalized); },
        {.audio_dir = options.audio_dir, .speaker = "", .language = "", .split = splits[i]}, common, sink);
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("text", o.text, "the key to speak; normalized takes normalized_text, and text where that is missing")
      .choices({"text", "normalized"});
  f.add("audio_dir", o.audio_dir, "folder that relative paths begin at; default: the manifest's own").metavar("DIR");
  return f;
}

Likeness looks(const fs::path& source) {
  for (const fs::path& list : lists_in(source, {".json", ".jsonl"}, kLayout)) {
    std::vector<std::string> lines = first_lines(list, 5);
    bool fits = !lines.empty() && std::all_of(lines.begin(), lines.end(), [](const std::string& line) {
      return parse_nemo_line(line, false).fault.empty();
    });
    if (fits) return {3, "JSON lines with \"audio_filepath\""};
  }
  return {};
}

}  // namespace

Row parse_nemo_line(std::string_view line, bool normalized) {
  JsonLine json(line);
  json.row.audio = json.text({"audio_filepath", "audio_file"}, true);
  std::string spoken = json.text({"normalized_text", "text_normalized"});
  std::string text = json.text({"text"}, spoken.empty());
  std::optional<double> offset_s = json.seconds("offset"), duration_s = json.seconds("duration");
  Row& row = json.row;
  row.text = normalized && !spoken.empty() ? spoken : text.empty() ? spoken : text;
  const std::string& other = row.text == spoken ? text : spoken;
  row.speaker = json.text({"speaker", "speaker_id"});
  row.language = json.text({"lang", "language", "source_lang"});
  json.keep_rest();
  if (!other.empty() && other != row.text) row.extra[row.text == spoken ? "raw_text" : "normalized_text"] = other;
  if (offset_s) {  // without an offset the line is the whole file, and duration only describes it
    row.start_s = offset_s;
    if (duration_s) row.end_s = *offset_s + *duration_s;
  }
  return std::move(row);
}

void register_importer_nemo(Importers& importers) {
  importers.add("nemo", [] {
    return make_importer<Options>(
        {.name = "nemo",
         .summary = "NeMo manifests: JSON lines of audio_filepath, duration, text",
         .layout = kLayout,
         .fields = {},
         .read = {},
         .keeps = "speaker, language, pieces (offset, duration); train, dev, val or test in the manifest's name as "
                  "split; other short keys in extra",
         .examples = {"timbre import nemo train_manifest.json --out corpora/train",
                      "timbre import nemo manifests/ --out corpora/all --nemo.audio-dir /data/wavs"},
         .looks = looks},
        fields, read);
  });
}

}  // namespace timbre::exchange
