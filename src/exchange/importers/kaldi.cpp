#include "exchange/importers/kaldi.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/clip_finder.h"
#include "exchange/clip_tree.h"
#include "exchange/encoding.h"
#include "exchange/importer.h"
#include "exchange/rows.h"

/// Kaldi data folders (also ESPnet's and CosyVoice's): wav.scp, text, utt2spk, and where they are segments, utt2lang,
/// spk2gender, reco2file_and_channel. Commands in wav.scp are never run.
namespace timbre::exchange {

namespace {

struct Options {
  std::string audio_dir;
};

constexpr const char* kLayout =
    "a data folder with wav.scp and text, and utt2spk and segments where they are; or a folder of such folders (train, "
    "dev, test)";

bool is_data(const fs::path& folder) { return fs::is_regular_file(folder / "wav.scp"); }

struct Listed {
  std::string value;
  std::int64_t line = 0;
};
using Table = std::map<std::string, Listed>;

class KaldiReader {
 public:
  KaldiReader(fs::path folder, std::string split, const Options& options, const ImportOptions& common, EntrySink& sink)
      : folder_(std::move(folder)),
        common_(common),
        sink_(sink),
        split_(std::move(split)),
        clips_(folder_ / "wav.scp", {.audio_dir = options.audio_dir, .speaker = "", .language = "", .split = ""}) {}

  void read() {
    recordings_ = table("wav.scp", true);
    texts_ = table("text", true);
    speakers_ = table("utt2spk", false);
    languages_ = table("utt2lang", false);
    genders_ = table("spk2gender", false);
    channels_ = table("reco2file_and_channel", false);
    if (fs::is_regular_file(folder_ / "segments"))
      read_segments();
    else
      for (const auto& [id, recording] : recordings_)
        take(id, id, std::nullopt, std::nullopt, "wav.scp", recording.line);
    for (const auto& [id, text] : texts_)
      if (!used_.contains(id))
        sink_.reject({path("text"), text.line, "no recording",
                      fmt::format("{} is in neither {}", id, has_segments_ ? "segments" : "segments nor wav.scp"),
                      text.value});
  }

 private:
  std::string path(const char* name) const { return (folder_ / name).string(); }

  Table table(const char* name, bool required) {
    Table rows;
    fs::path file = folder_ / name;
    if (!fs::is_regular_file(file)) {
      if (required) throw DataError(fmt::format("{}: no {} in it; expected {}", folder_.string(), name, kLayout));
      return rows;
    }
    std::string bytes = read_list(file, common_.encoding);
    each_line(bytes, [&](const Line& line) {
      KaldiPair pair = parse_kaldi_pair(line.text);
      if (pair.key.empty()) return;
      auto [it, is_new] = rows.try_emplace(pair.key, Listed{pair.value, line.number});
      if (!is_new)
        sink_.reject({file.string(), line.number, "id came before",
                      fmt::format("{} in line {}", pair.key, it->second.line), pair.value});
    });
    return rows;
  }

  void read_segments() {
    has_segments_ = true;
    std::string bytes = read_list(folder_ / "segments", common_.encoding);
    each_line(bytes, [&](const Line& line) {
      KaldiSegment segment = parse_kaldi_segment(line.text);
      if (!segment.fault.empty()) {
        used_.insert(segment.id);
        return sink_.reject({path("segments"), line.number, segment.fault,
                             "expected utterance, recording, start and end in seconds", std::string(trim(line.text))});
      }
      std::optional<double> end_s;
      if (segment.end_s >= 0) end_s = segment.end_s;
      take(segment.id, segment.recording, segment.start_s, end_s, "segments", line.number);
    });
  }

  /// `list` and `line` say where the utterance was named.
  void take(const std::string& id, const std::string& recording, std::optional<double> start_s,
            std::optional<double> end_s, const char* list, std::int64_t line) {
    used_.insert(id);
    Reject reject{path(list), line, {}, {}, {}};
    auto text = texts_.find(id);
    if (text != texts_.end()) reject.text = text->second.value;
    auto found = recordings_.find(recording);
    KaldiRecording source;
    std::optional<fs::path> clip;
    if (found != recordings_.end()) {
      source = parse_kaldi_recording(found->second.value);
      if (!source.path.empty()) clip = clips_.find(source.path);
    }
    auto channel = channels_.find(recording);
    if (text == texts_.end()) {
      reject.reason = "no text", reject.detail = id + " is not in text";
    } else if (found == recordings_.end()) {
      reject.reason = "no recording", reject.detail = recording + " is not in wav.scp";
    } else if (source.kind == KaldiRecording::Kind::archive) {
      reject.reason = "audio in a Kaldi archive", reject.detail = source.written + "; write the clips out as files";
    } else if (source.path.empty()) {
      reject.reason = "a command instead of a file";
      reject.detail = source.written + "; commands are not run: write its output to a file and name that in wav.scp";
    } else if (!clip) {
      reject.reason = "no audio file", reject.detail = source.path;
    } else if (channel != channels_.end() && !is_first_channel(channel->second.value)) {
      reject.reason = "one channel of several is meant";
      reject.detail = fmt::format("reco2file_and_channel: {} {}", recording, channel->second.value);
    }
    if (!reject.reason.empty()) return sink_.reject(std::move(reject));
    Entry entry;
    entry.id = id;
    entry.audio = *clip;
    entry.text = text->second.value;
    entry.speaker = value_of(speakers_, id);
    entry.language = value_of(languages_, id);
    entry.split = split_;
    entry.start_s = start_s, entry.end_s = end_s;
    if (std::string gender = value_of(genders_, entry.speaker); !gender.empty()) entry.extra["gender"] = gender;
    if (start_s) entry.extra["recording"] = recording, entry.extra["start_s"] = *start_s;
    entry.file = reject.file;
    entry.line = line;
    sink_.add(std::move(entry));
  }

  static bool is_first_channel(std::string_view value) {
    std::vector<std::string> words = split_whitespace(value);
    return words.size() < 2 || words[1] == "A" || words[1] == "1";
  }

  static std::string value_of(const Table& table, const std::string& key) {
    auto it = table.find(key);
    return it == table.end() ? std::string() : it->second.value;
  }

  fs::path folder_;
  const ImportOptions& common_;
  EntrySink& sink_;
  std::string split_;
  RowClips clips_;
  Table recordings_, texts_, speakers_, languages_, genders_, channels_;
  std::set<std::string> used_;
  bool has_segments_ = false;
};

void read(const fs::path& source, const Options& options, const ImportOptions& common, EntrySink& sink) {
  std::vector<fs::path> folders;
  if (fs::is_regular_file(source)) folders = {fs::absolute(source).parent_path()};
  if (is_data(source)) folders = {fs::absolute(source).lexically_normal()};
  if (folders.empty())
    for (const fs::path& below : folders_in(source))
      if (is_data(below)) folders.push_back(fs::absolute(below).lexically_normal());
  if (folders.empty()) throw DataError(fmt::format("{}: no wav.scp in it; expected {}", source.string(), kLayout));
  for (fs::path& folder : folders)
    if (!folder.has_filename()) folder = folder.parent_path();
  std::vector<std::string> splits = splits_of(folders, sink);
  for (std::size_t i = 0; i < folders.size(); ++i) KaldiReader(folders[i], splits[i], options, common, sink).read();
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("audio_dir", o.audio_dir, "folder that relative paths of wav.scp begin at; default: found out").metavar("DIR");
  return f;
}

}  // namespace

KaldiPair parse_kaldi_pair(std::string_view line) {
  line = trim(line);
  std::size_t end = std::min(line.find_first_of(" \t"), line.size());
  return {std::string(line.substr(0, end)), std::string(trim(line.substr(end)))};
}

KaldiRecording parse_kaldi_recording(std::string_view value) {
  value = trim(value);
  KaldiRecording out;
  out.written = std::string(value);
  if (!value.ends_with('|')) {
    // "foo.ark:1234" is an offset into an archive.
    std::size_t colon = value.rfind(':');
    if (colon != std::string_view::npos && colon > 4 && value.substr(0, colon).ends_with(".ark") &&
        parse_int(value.substr(colon + 1)))
      out.kind = KaldiRecording::Kind::archive;
    else
      out.path = std::string(value);
    return out;
  }
  out.kind = KaldiRecording::Kind::command;
  std::vector<std::string> words = split_whitespace(value.substr(0, value.size() - 1));
  if (words.empty()) return out;
  std::string program = fs::path(words[0]).filename().string();
  // Programs and options that only decode; anything else may change the sound (sox, a channel of sph2pipe).
  static const std::map<std::string, std::set<std::string>> kDecoders = {
      {"flac", {"-c", "-d", "-s", "-dc", "-cd", "-cds", "-dcs", "-sdc", "--decode", "--stdout", "--silent"}},
      {"sph2pipe", {"-f", "wav", "-p"}},
      {"cat", {}}};
  auto decoder = kDecoders.find(program);
  if (decoder == kDecoders.end()) return out;
  std::string file;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (decoder->second.contains(words[i])) continue;
    if (words[i].starts_with('-') || words[i].find('|') != std::string::npos || !file.empty()) return out;
    file = words[i];
  }
  out.path = file;
  return out;
}

KaldiSegment parse_kaldi_segment(std::string_view line) {
  std::vector<std::string> words = split_whitespace(line);
  KaldiSegment out;
  if (!words.empty()) out.id = words[0];
  if (words.size() < 4 || words.size() > 5) {  // a fifth column is a channel, which Kaldi itself ignores
    out.fault = "not 4 columns";
    return out;
  }
  out.recording = words[1];
  auto start = parse_double(words[2]), end = parse_double(words[3]);
  if (!start || !end || !std::isfinite(*start) || !std::isfinite(*end) || *start < 0)
    out.fault = "unusable time";
  else if (*end >= 0 && *end <= *start)
    out.fault = "piece ends before it starts";
  else
    out.start_s = *start, out.end_s = *end;
  return out;
}

void register_importer_kaldi(Importers& importers) {
  importers.add("kaldi", [] {
    return make_importer<Options>(
        {.name = "kaldi",
         .summary = "Kaldi, ESPnet and CosyVoice data folders: wav.scp, text, utt2spk, segments",
         .layout = kLayout,
         .fields = {},
         .read = {},
         .keeps = "speaker, language (utt2lang), pieces (segments); the folder's name as split where it begins or ends "
                  "with train, dev, valid or test; gender (spk2gender), recording and start_s in extra. Commands in "
                  "wav.scp are never run: of those that only decode one file (flac -dc, sph2pipe, cat) the file is "
                  "taken, others are rejected",
         .examples = {"timbre import kaldi data/train --out corpora/train",
                      "timbre import kaldi data --out corpora/all"},
         .looks = [](const fs::path& source) -> Likeness {
           if (is_data(source)) return {3, "wav.scp"};
           std::vector<fs::path> folders = folders_in(source);
           if (std::any_of(folders.begin(), folders.end(), is_data)) return {3, "folders with wav.scp"};
           return {};
         }},
        fields, read);
  });
}

}  // namespace timbre::exchange
