#include "exchange/importers/vctk.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "exchange/clip_tree.h"
#include "exchange/encoding.h"
#include "exchange/importer.h"

/// VCTK 0.92 (wav48_silence_trimmed/<speaker>/<id>_mic1.flac) and 0.80 (wav48/<speaker>/<id>.wav), texts in txt/.
namespace timbre::exchange {

namespace {

struct Options {
  std::string mic = "mic1";
};

constexpr const char* kLayout =
    "a folder with txt/<speaker>/<id>.txt and wav48_silence_trimmed/<speaker>/<id>_mic1.flac (0.92) or "
    "wav48/<speaker>/<id>.wav (0.80)";

fs::path audio_folder(const fs::path& root) {
  for (const char* name : {"wav48_silence_trimmed", "wav48", "wav22", "wav16"})
    if (fs::is_directory(root / name)) return root / name;
  return {};
}

bool is_vctk(const fs::path& root) { return fs::is_directory(root / "txt") && !audio_folder(root).empty(); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class VctkReader {
 public:
  VctkReader(fs::path root, const Options& options, const ImportOptions& common, EntrySink& sink)
      : root_(std::move(root)), mic_(options.mic), common_(common), sink_(sink) {}

  void read() {
    read_speakers();
    fs::path audio = audio_folder(root_);
    bool trimmed = audio.filename() == "wav48_silence_trimmed";
    sink_.about("name", "VCTK");
    sink_.about("licence", trimmed ? "CC-BY-4.0" : "ODC-By-1.0");
    sink_.about("attribution", "CSTR VCTK Corpus, The Centre for Speech Technology Research, University of Edinburgh");
    std::set<std::string> speakers;
    for (const fs::path& folder : folders_in(audio)) speakers.insert(folder.filename().string());
    for (const fs::path& folder : folders_in(root_ / "txt")) speakers.insert(folder.filename().string());
    for (const std::string& speaker : speakers) read_speaker(speaker, audio / speaker, root_ / "txt" / speaker);
  }

 private:
  void read_speakers() {
    fs::path table = root_ / "speaker-info.txt";
    if (!fs::is_regular_file(table)) return sink_.note("no speaker-info.txt: age, gender and accent are not known");
    std::string text = read_list(table, common_.encoding);
    each_line(text, [&](const Line& line) {
      VctkSpeaker speaker = parse_vctk_speaker(line.text);
      if (!speaker.id.empty()) speakers_[speaker.id] = speaker;
    });
  }

  void read_speaker(const std::string& speaker, const fs::path& clips, const fs::path& texts) {
    std::map<std::string, std::map<std::string, fs::path>> found;  ///< id → microphone → clip
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(clips, missing)) {
      std::string stem = entry.path().stem().string(), ending = ascii_lower(entry.path().extension().string());
      if (ending != ".flac" && ending != ".wav") continue;
      bool has_mic = stem.ends_with("_mic1") || stem.ends_with("_mic2");
      found[has_mic ? stem.substr(0, stem.size() - 5) : stem][has_mic ? stem.substr(stem.size() - 4) : "mic1"] =
          entry.path();
    }
    for (const auto& entry : fs::directory_iterator(texts, missing))
      if (entry.path().extension() == ".txt") found.try_emplace(entry.path().stem().string());
    for (const auto& [id, mics] : found) take(speaker, id, mics, texts / (id + ".txt"));
  }

  void take(const std::string& speaker, const std::string& id, const std::map<std::string, fs::path>& mics,
            const fs::path& text) {
    std::error_code missing;
    bool has_text = fs::is_regular_file(text, missing);
    if (!has_text)  // all of p315 in both versions
      return sink_.reject({mics.begin()->second.string(), 0, "no text", "no " + text.string(), {}});
    std::vector<std::string> wanted = {mic_};
    if (mic_ == "both") wanted = {"mic1", "mic2"};
    for (const std::string& mic : wanted) {
      auto clip = mics.find(mic);
      if (clip == mics.end()) {  // mic2 of p280
        sink_.reject({text.string(), 0, "no audio file", fmt::format("{} of {}", mic, id), {}});
        continue;
      }
      Entry entry;
      entry.id = mic_ == "both" ? id + "_" + mic : id;
      entry.audio = clip->second;
      entry.text = as_one_line(read_list(text, common_.encoding, 1 << 20));
      entry.speaker = speaker;
      entry.usual_language = "en";
      entry.file = text.string();
      if (auto known = speakers_.find(speaker); known != speakers_.end()) {
        const VctkSpeaker& s = known->second;
        for (const auto& [key, value] :
             {std::pair("age", s.age), {"gender", s.gender}, {"accent", s.accent}, {"region", s.region}})
          if (!value.empty()) entry.extra[key] = value;
      }
      if (mic_ != "mic1") entry.extra["microphone"] = mic;
      sink_.add(std::move(entry));
    }
  }

  fs::path root_;
  std::string mic_;
  const ImportOptions& common_;
  EntrySink& sink_;
  std::map<std::string, VctkSpeaker> speakers_;
};

void read(const fs::path& source, const Options& options, const ImportOptions& common, EntrySink& sink) {
  fs::path root = fs::is_directory(source) ? descend(source, is_vctk) : fs::path();
  if (root.empty())
    throw DataError(fmt::format("{}: no txt/ beside wav48_silence_trimmed/ or wav48/ in it; expected {}",
                                source.string(), kLayout));
  VctkReader(root, options, common, sink).read();
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("mic", o.mic, "which microphone of version 0.92; both makes two utterances of each sentence")
      .choices({"mic1", "mic2", "both"});
  return f;
}

}  // namespace

VctkSpeaker parse_vctk_speaker(std::string_view line) {
  std::vector<std::string> words = split_whitespace(line.substr(0, line.find('(')));
  if (words.size() < 3 || (words[2] != "F" && words[2] != "M")) return {};
  if (!std::all_of(words[1].begin(), words[1].end(), is_digit)) return {};
  VctkSpeaker speaker;
  speaker.id = std::all_of(words[0].begin(), words[0].end(), is_digit) ? "p" + words[0] : words[0];
  speaker.age = words[1];
  speaker.gender = words[2];
  if (words.size() > 3) speaker.accent = words[3];
  if (words.size() > 4) speaker.region = join({words.begin() + 4, words.end()}, " ");
  return speaker;
}

void register_importer_vctk(Importers& importers) {
  importers.add("vctk", [] {
    return make_importer<Options>(
        {.name = "vctk",
         .summary = "VCTK 0.92 and 0.80: 110 speakers of English",
         .layout = kLayout,
         .fields = {},
         .read = {},
         .keeps = "speaker; age, gender, accent and region of speaker-info.txt in extra; licence",
         .examples = {"timbre import vctk VCTK-Corpus-0.92 --out corpora/vctk"},
         .looks = [](const fs::path& source) -> Likeness {
           if (!fs::is_directory(source) || descend(source, is_vctk).empty()) return {};
           return {3, "txt/ beside wav48…/"};
         }},
        fields, read);
  });
}

}  // namespace timbre::exchange
