#include <algorithm>
#include <cmath>
#include <memory>
#include <unordered_map>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/clip_finder.h"
#include "exchange/clip_tree.h"
#include "exchange/importer.h"
#include "exchange/lhotse_manifest.h"
#include "exchange/lines.h"

/// lhotse: recordings + supervisions, or cuts, as .jsonl or .jsonl.gz. A cut with one supervision is one utterance
/// under the cut's id; otherwise each supervision is one, under its own id.
namespace timbre::exchange {

namespace {

using lhotse::Fault, lhotse::Kind;
using nlohmann::json;

struct Options {
  std::string take = "auto", text = "normalized", audio_dir;
};

constexpr const char* kLayout =
    "lhotse manifests (.jsonl, .jsonl.gz): <name>_recordings_<part> with <name>_supervisions_<part>, or "
    "<name>_cuts_<part>; "
    "a folder of them, or the files themselves";

bool is_manifest(const fs::path& path) {
  const std::string name = ascii_lower(path.filename().string());
  return name.ends_with(".jsonl") || name.ends_with(".jsonl.gz");
}

/// Times in manifests are rounded.
constexpr double kSame_s = 0.0015;

class Reader {
 public:
  Reader(const Options& options, EntrySink& sink) : options_(options), sink_(sink) {
    if (!options.audio_dir.empty()) finder_ = std::make_unique<ClipFinder>(options.audio_dir);
  }

  void read(const std::vector<fs::path>& sources) {
    for (const fs::path& source : sources) gather(source);
    name_it();
    const bool halves = !recordings_files_.empty() || !supervisions_files_.empty();
    if (halves && !cuts_files_.empty() && options_.take == "auto")
      throw UsageError(fmt::format("{}: there are cuts, and recordings with supervisions", sources[0].string()),
                       "say which: --lhotse.take cuts or --lhotse.take recordings");
    if (options_.take == "recordings" || (options_.take == "auto" && halves)) return read_halves(sources[0]);
    if (cuts_files_.empty())
      throw DataError(fmt::format("{}: no lhotse manifest; expected {}", sources[0].string(), kLayout));
    for (const fs::path& file : cuts_files_) read_cuts(file);
    tell();
  }

 private:
  void gather(const fs::path& source) {
    if (!fs::is_directory(source)) return sort_in(source);
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(source))
      if (entry.is_regular_file() && is_manifest(entry.path())) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) sort_in(file);
  }

  void sort_in(const fs::path& file) {
    switch (lhotse::kind_of_file(file)) {
      case Kind::recordings:
        return recordings_files_.push_back(file);
      case Kind::supervisions:
        return supervisions_files_.push_back(file);
      case Kind::cuts:
        return cuts_files_.push_back(file);
      case Kind::other:
        sink_.note(fmt::format("{}: no recordings, supervisions or cuts; left out", file.string()));
    }
  }

  /// By what stands before the kind in the manifests' names: baker_zh_recordings_all.jsonl.gz.
  void name_it() {
    for (const auto& [files, kind] : {std::pair(&recordings_files_, "_recordings"), {&cuts_files_, "_cuts"}})
      for (const fs::path& file : *files) {
        const std::string name = file.filename().string();
        const std::size_t end = name.rfind(kind);
        if (end != std::string::npos && end > 0) return sink_.about("name", name.substr(0, end));
      }
  }

  /// Calls `each` with every line that is a JSON object, and tells of the others.
  template <class Each>
  void each_line(const fs::path& file, const Each& each) {
    LineReader lines(file);
    for (std::string text; lines.next(text);) {
      if (trim(text).empty()) continue;
      json line = json::parse(text, nullptr, false);
      if (line.is_object())
        each(line, lines.number());
      else
        sink_.reject({file.string(), lines.number(), "broken line", "not a JSON object", shortened(text)});
    }
  }

  static std::string shortened(const std::string& text) {
    return text.size() <= 200 ? text : to_utf8(to_code_points(text).substr(0, 200)) + "…";
  }

  /// Recordings are held, supervisions stream: they are what utterances are made of, in their order.
  struct Known {
    lhotse::Recording recording;
    std::int64_t line = 0;
    bool used = false;
  };

  void read_halves(const fs::path& source) {
    if (recordings_files_.empty() || supervisions_files_.empty())
      throw DataError(fmt::format("{}: {} without {}; expected {}", source.string(),
                                  recordings_files_.empty() ? "supervisions" : "recordings",
                                  recordings_files_.empty() ? "recordings" : "supervisions", kLayout),
                      "give both files: timbre import lhotse RECORDINGS SUPERVISIONS --out CORPUS");
    // Parts of one data set are read one after the other, each with its own recordings; what is named otherwise, as
    // one.
    if (recordings_files_.size() == 1 || supervisions_files_.size() == 1) {
      read_part(recordings_files_, supervisions_files_);
      return tell();
    }
    std::vector<fs::path> recordings, supervisions = supervisions_files_;
    for (const fs::path& file : recordings_files_) {
      auto partner =
          std::find(supervisions.begin(), supervisions.end(), lhotse::sibling(file, "recordings", "supervisions"));
      if (partner == supervisions.end()) {
        recordings.push_back(file);
        continue;
      }
      read_part({file}, {*partner});
      supervisions.erase(partner);
    }
    if (!recordings.empty() || !supervisions.empty()) read_part(recordings, supervisions);
    tell();
  }

  void read_part(const std::vector<fs::path>& recordings_files, const std::vector<fs::path>& supervisions_files) {
    std::unordered_map<std::string, Known> known;
    for (const fs::path& file : recordings_files)
      each_line(file, [&](const json& line, std::int64_t number) {
        Known k{.line = number};
        k.recording.fault = lhotse::parse(line, k.recording);
        if (k.recording.id.empty())
          return sink_.reject({file.string(), number, k.recording.fault.reason, k.recording.fault.detail, {}});
        k.recording.source = find_audio(file, k.recording.source);
        std::string id = k.recording.id;
        if (!known.emplace(id, std::move(k)).second)
          sink_.reject({file.string(), number, "recording id came before", id, {}});
      });
    for (const fs::path& file : supervisions_files) {
      const std::string split = lhotse::split_of(file);
      each_line(file, [&](const json& line, std::int64_t number) {
        lhotse::Supervision s;
        if (Fault fault = lhotse::parse(line, s)) return refuse(file, number, fault, s.text);
        auto it = known.find(s.recording_id);
        if (it == known.end())
          return refuse(file, number,
                        {"unknown recording", fmt::format("'{}' of supervision '{}'", s.recording_id, s.id)}, s.text);
        it->second.used = true;
        shift(s.alignment, -s.start_s);
        take(Place{file, number, split}, it->second.recording, s, s.id, s.start_s, s.end_s(), json());
      });
    }
    for (const fs::path& file : recordings_files) tell_unused(file, known);
  }

  /// In the order of the file, as everything else.
  void tell_unused(const fs::path& file, const std::unordered_map<std::string, Known>& known) {
    each_line_quietly(file, [&](const json& line, std::int64_t number) {
      lhotse::Recording r;
      lhotse::parse(line, r);
      auto it = known.find(r.id);
      if (it != known.end() && !it->second.used && it->second.line == number)
        refuse(file, number, {"no supervision", fmt::format("recording '{}'", it->first)}, {});
    });
  }

  template <class Each>
  static void each_line_quietly(const fs::path& file, const Each& each) {
    LineReader lines(file);
    for (std::string text; lines.next(text);)
      if (json line = json::parse(text, nullptr, false); line.is_object()) each(line, lines.number());
  }

  void read_cuts(const fs::path& file) {
    const std::string split = lhotse::split_of(file);
    each_line(file, [&](const json& line, std::int64_t number) {
      lhotse::Cut cut;
      if (Fault fault = lhotse::parse(line, cut))
        return refuse(file, number, fault, cut.supervisions.empty() ? "" : cut.supervisions[0].text);
      if (cut.supervisions.empty())
        return refuse(file, number, {"no supervision", fmt::format("cut '{}'", cut.id)}, {});
      cut.recording->source = find_audio(file, cut.recording->source);
      const Place place{file, number, split};
      const lhotse::Supervision& only = cut.supervisions[0];
      const bool whole = only.start_s > -kSame_s && only.end_s() < cut.duration_s + kSame_s;
      if (cut.supervisions.size() == 1 && whole)
        return take(place, *cut.recording, only, cut.id, cut.start_s, cut.end_s(), cut.custom);
      // What is said in a supervision is said from its start to its end, wherever the cut was made.
      for (lhotse::Supervision& s : cut.supervisions) {
        shift(s.alignment, -s.start_s);
        take(place, *cut.recording, s, s.id, cut.start_s + s.start_s, cut.start_s + s.end_s(), json());
      }
    });
  }

  /// Alignments count from where their supervision's start counts from; ours from the start of the clip.
  static void shift(json& alignment, double by_s) {
    if (!alignment.is_object()) return;
    for (json& items : alignment)
      if (items.is_array())
        for (json& item : items)
          if (item.is_array() && item.size() > 1 && item[1].is_number())
            item[1] = std::round((item[1].get<double>() + by_s) * 1e8) / 1e8;
  }

  struct Place {
    const fs::path& file;
    std::int64_t line;
    const std::string& split;
  };

  void refuse(const fs::path& file, std::int64_t line, const Fault& fault, const std::string& text) {
    sink_.reject({file.string(), line, fault.reason, fault.detail, text});
  }

  void take(const Place& place, const lhotse::Recording& r, const lhotse::Supervision& s, const std::string& id,
            double from_s, double to_s, const json& cut_custom) {
    if (r.fault) return refuse(place.file, place.line, r.fault, s.text);
    if (Fault fault = channel_fault(r, s)) return refuse(place.file, place.line, fault, s.text);
    if (from_s < -kSame_s || to_s > r.duration_s + kSame_s)
      return refuse(place.file, place.line,
                    {"beyond its recording",
                     fmt::format("{:.3f} to {:.3f} s; '{}' has {:.3f} s", from_s, to_s, r.id, r.duration_s)},
                    s.text);
    Entry entry;
    entry.id = id;
    entry.audio = r.source;
    entry.speaker = s.speaker;
    entry.language = lhotse::language_code(s.language);
    entry.split = place.split;
    entry.file = place.file.string();
    entry.line = place.line;
    if (from_s > kSame_s || to_s < r.duration_s - kSame_s) entry.start_s = std::max(0.0, from_s), entry.end_s = to_s;
    entry.text = s.text;
    entry.extra = json::object();
    if (s.custom.is_object()) {
      for (const auto& [key, value] : s.custom.items()) entry.extra[key] = value;
      auto normalized = s.custom.find("normalized_text");
      if (normalized != s.custom.end() && normalized->is_string() && options_.text == "normalized" &&
          !trim(normalized->get<std::string>()).empty()) {
        entry.text = normalized->get<std::string>();
        entry.extra.erase("normalized_text");
        if (entry.text != s.text) entry.extra["raw_text"] = s.text;
      }
    }
    keep(entry.extra, s, cut_custom);
    if (entry.language.empty() && !s.language.empty()) entry.extra["language_name"] = s.language;
    resampled_ += r.resampled;
    sink_.add(std::move(entry));
  }

  static void keep(json& extra, const lhotse::Supervision& s, const json& cut_custom) {
    if (!s.gender.empty()) extra["gender"] = s.gender;
    if (s.alignment.is_object()) extra["alignment"] = s.alignment;
    if (cut_custom.is_object())
      for (const auto& [key, value] : cut_custom.items())
        if (key != "dataloading_info" && !extra.contains(key)) extra[key] = value;
    if (extra.empty()) extra = json();
  }

  /// All channels of a file are mixed to one on import; one of several cannot be picked here.
  static Fault channel_fault(const lhotse::Recording& r, const lhotse::Supervision& s) {
    if (r.channels.size() <= 1 || s.channels.empty()) return {};
    for (std::int64_t c : r.channels)
      if (std::find(s.channels.begin(), s.channels.end(), c) == s.channels.end())
        return {"one channel of several",
                fmt::format("'{}' has {} channels and the supervision {}: write them apart with "
                            "CutSet.save_audios() first",
                            r.id, r.channels.size(), s.channels.size())};
    return {};
  }

  /// Paths in manifests are relative to where lhotse ran: most often some folders above the manifest.
  std::string find_audio(const fs::path& manifest, const std::string& written) {
    if (written.empty()) return written;
    std::error_code missing;
    if (finder_)
      if (auto found = finder_->find(written)) return found->string();
    if (fs::is_regular_file(written, missing) || fs::path(written).is_absolute()) return written;
    fs::path folder = fs::absolute(manifest).parent_path();
    for (int up = 0; up < 4; ++up, folder = folder.parent_path())
      if (fs::is_regular_file(folder / written, missing)) return (folder / written).string();
    return written;
  }

  void tell() {
    if (resampled_ > 0)
      sink_.note(fmt::format(
          "{} clips are resampled by lhotse when it reads them; here they keep the rate of their files", resampled_));
  }

  const Options& options_;
  EntrySink& sink_;
  std::unique_ptr<ClipFinder> finder_;
  std::vector<fs::path> recordings_files_, supervisions_files_, cuts_files_;
  std::int64_t resampled_ = 0;
};

Likeness looks(const fs::path& source) {
  auto is_manifest = [](const fs::path& p) {
    std::string name = p.filename().string();
    bool packed = name.ends_with(".jsonl") || name.ends_with(".jsonl.gz");
    bool named = name.find("recordings") != std::string::npos || name.find("cuts") != std::string::npos;
    return packed && named;
  };
  bool found = fs::is_directory(source) ? !peek(source, is_manifest).empty() : is_manifest(source);
  return found ? Likeness{3, "…_recordings or …_cuts manifests"} : Likeness{};
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("take", o.take, "where there are both: the cuts, or the recordings with their supervisions")
      .choices({"auto", "cuts", "recordings"});
  f.add("text", o.text, "custom.normalized_text where a supervision has it; or always its text")
      .choices({"normalized", "raw"});
  f.add("audio_dir", o.audio_dir, "folder of the clips, where they are not at the paths in the manifests")
      .metavar("DIR");
  return f;
}

}  // namespace

void register_importer_lhotse(Importers& importers) {
  importers.add("lhotse", [] {
    auto options = std::make_shared<Options>();
    return Importer{.name = "lhotse",
                    .summary = "lhotse manifests: recordings and supervisions, or cuts",
                    .layout = kLayout,
                    .fields = fields(*options),
                    .read = [options](const std::vector<fs::path>& sources, const ImportOptions&,
                                      EntrySink& sink) { Reader(*options, sink).read(sources); },
                    .keeps = "speaker, language, pieces, and what a supervision has under custom",
                    .examples = {"timbre import lhotse data/manifests --out corpora/mine"},
                    .looks = looks};
  });
}

}  // namespace timbre::exchange
