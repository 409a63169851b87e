#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/files.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/strings.h"
#include "corpus/corpus.h"
#include "exchange/lines.h"
#include "prepare/captions.h"
#include "prepare/llasa_recipe.h"

/// What lies in SRC: wav/ and metadata.csv, or a corpus.
namespace timbre::prepare {

namespace {

using nlohmann::json;

/// Recordings by file name, which is the order of the reference's (sorted) listing.
std::map<std::string, fs::path> recordings_of(const fs::path& folder) {
  std::map<std::string, fs::path> found;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(folder, absent))
    if (entry.is_regular_file() && entry.path().extension() == ".wav")
      found[entry.path().filename().string()] = entry.path();
  return found;
}

/// Speakers whose names go on with words in some recordings: what stands behind the first underscore may be a part of
/// the speaker's name, and several people would be taken for one.
std::vector<std::string> merged_speakers(const std::vector<LlasaClip>& clips) {
  std::map<std::string, std::set<std::string>> seconds;
  for (const LlasaClip& clip : clips) {
    const std::vector<std::string> parts = split(clip.name, '_');
    const bool word = parts.size() > 2 && parts[1].find_first_of("0123456789") == std::string::npos;
    seconds[parts[0]].insert(word ? parts[1] : "");
  }
  std::vector<std::string> notes;
  for (const auto& [speaker, words] : seconds) {
    if (words.size() < 2) continue;
    std::vector<std::string> shown;
    for (const std::string& word : words)
      if (!word.empty() && shown.size() < 3) shown.push_back(speaker + "_" + word + "_…");
    notes.push_back(
        fmt::format("{} is taken for one speaker, {} with them; if these are others, give a corpus whose "
                    "manifest names the speakers",
                    speaker, join(shown, ", ")));
  }
  return notes;
}

LlasaSource read_folder(const LlasaJob& job) {
  const fs::path root = job.options.source, csv = root / "metadata.csv";
  const Captions captions = Captions::read(csv.string());
  LlasaSource source;
  source.made_of = {{"metadata.csv", hash_file(csv)}};
  std::set<std::string> doubtful;
  for (Skipped& s : captions.contradictions()) {
    if (job.options.as_reference) break;  // the last caption is the one
    doubtful.insert(s.id);
    source.left_out.push_back(std::move(s));
  }
  const auto recordings = recordings_of(root / "wav");
  const auto add = [&](const std::string& name, const fs::path& audio, const Caption& caption) {
    LlasaClip clip{name, audio, caption.text, "", job.options.language, ""};
    clip.speaker = speaker_in_name(job.options.as_reference ? name + ".wav" : name);
    if (clip.speaker.empty())
      source.left_out.push_back({name, "no speaker stands before the underscore"});
    else
      source.clips.push_back(std::move(clip));
  };
  std::string listing;
  for (const auto& [file, audio] : recordings) {
    const std::string name = audio.stem().string();
    listing += fmt::format("{} {}\n", name, fs::file_size(audio));
    if (doubtful.contains(name)) continue;
    if (const Caption* caption = captions.find(name))
      add(name, audio, *caption);
    else
      source.left_out.push_back({name, "metadata.csv has no caption of it"});
  }
  source.made_of["wav"] = hash_hex(listing);
  std::int64_t without = 0;
  std::set<std::string> seen;
  for (const Caption& caption : captions.all()) {
    if (recordings.contains(caption.name + ".wav") || doubtful.contains(caption.name) ||
        !seen.insert(caption.name).second)
      continue;
    ++without;  // codes may be there all the same
    add(caption.name, {}, *captions.find(caption.name));
  }
  if (without > 0 && !recordings.empty())
    source.notes.push_back(fmt::format("captions without a recording in wav/: {}", without));
  if (captions.without_bar() > 0)
    source.notes.push_back(
        fmt::format("lines of metadata.csv without a bar, which are not read: {}", captions.without_bar()));
  for (std::string& note : merged_speakers(source.clips)) source.notes.push_back(std::move(note));
  return source;
}

LlasaSource read_corpus(const LlasaJob& job) {
  const corpus::Corpus corpus = corpus::Corpus::open(job.options.source);
  LlasaSource source;
  source.made_of = {{"manifest", corpus.hash()}};
  for (const corpus::Utterance& u : corpus.utterances()) {
    const std::string speaker = u.speaker.empty() ? speaker_in_name(u.id) : u.speaker;
    LlasaClip clip{u.id, corpus.audio_path(u), u.text, speaker, u.language, ""};
    std::replace(clip.speaker.begin(), clip.speaker.end(), '/', '_');  // it names a folder
    source.clips.push_back(std::move(clip));
  }
  return source;
}

}  // namespace

LlasaSource read_llasa_source(const LlasaJob& job) {
  const fs::path root = job.options.source;
  std::error_code absent;
  if (!fs::is_directory(root, absent)) throw UsageError(fmt::format("{}: there is no such folder", root.string()));
  LlasaSource source;
  if (fs::is_regular_file(root / "corpus.json", absent) && fs::is_regular_file(root / "manifest.jsonl", absent))
    source = read_corpus(job);
  else if (fs::is_regular_file(root / "metadata.csv", absent))
    source = read_folder(job);
  else
    throw DataError(fmt::format("{}: neither metadata.csv beside wav/ nor a corpus", root.string()),
                    "make a corpus of it: timbre import FORMAT SRC --out CORPUS, then give the corpus");
  source.made_of["source"] = fs::absolute(root).lexically_normal().string();
  source.made_of["as_reference"] = job.options.as_reference;
  return source;
}

std::map<std::string, LlasaClip> LlasaSource::by_name(const LlasaJob& job) const {
  std::map<std::string, LlasaClip> all;
  for (const LlasaClip& clip : clips) all[clip.name] = clip;
  if (std::error_code absent; !job.speed() || !fs::is_regular_file(job.stretched(), absent)) return all;
  exchange::LineReader lines(job.stretched());
  for (std::string line; lines.next(line);) {
    const std::string where = fmt::format("{}, line {}", job.stretched().string(), lines.number());
    const json about = parse_json(line, where);
    const auto whole = [&](const char* key) { return about.contains(key) && about[key].is_string(); };
    if (!about.is_object() || !whole("name") || !whole("of") || !whole("audio") || !about.contains("factor") ||
        !about["factor"].is_number())
      throw DataError(fmt::format("{}: expected name, of, audio and factor of a copy", where),
                      "make it anew: --stage 2");
    const auto of = all.find(about["of"].get<std::string>());
    if (of == all.end()) continue;  // of a source that has changed: no list names it
    LlasaClip copy = of->second;
    copy.name = about["name"];
    copy.audio = about["audio"].get<std::string>();
    copy.copy_of = of->second.name;
    copy.factor = about["factor"];
    all[copy.name] = std::move(copy);
  }
  return all;
}

}  // namespace timbre::prepare
