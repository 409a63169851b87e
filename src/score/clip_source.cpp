#include "score/clip_source.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "corpus/corpus.h"

namespace timbre::score {

void PromptTexts::add(const std::string& id, std::string text) {
  if (text_of.emplace(id, std::move(text)).second) ids.push_back(id);
}

PromptTexts read_prompts(const fs::path& file) {
  PromptTexts prompts;
  std::int64_t number = 0;
  const std::vector<std::string> lines = split(read_file(file), '\n');
  for (const std::string& line : lines) {
    ++number;
    if (trim(line).empty()) continue;
    const auto bar = line.find('|');
    const std::string id =
        bar == std::string::npos ? fmt::format("{:04}", number) : std::string(trim(line.substr(0, bar)));
    const std::string text(trim(bar == std::string::npos ? line : line.substr(bar + 1)));
    if (text.empty()) throw DataError(fmt::format("{}, line {}: no text after '{}|'", file.string(), number, id));
    if (prompts.text_of.contains(id))
      throw DataError(fmt::format("{}, line {}: the id '{}' came before", file.string(), number, id));
    prompts.add(id, text);
  }
  if (prompts.ids.empty()) throw DataError(fmt::format("{}: no prompts", file.string()), "write lines 'id|text'");
  return prompts;
}

namespace {

constexpr const char* kSounds[] = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aiff"};

bool is_sound(const fs::path& file) {
  const std::string ending = ascii_lower(file.extension().string());
  return std::any_of(std::begin(kSounds), std::end(kSounds), [&](const char* s) { return ending == s; });
}

class FolderSource : public ClipSource {
 public:
  explicit FolderSource(const fs::path& folder)
      : ClipSource(fs::absolute(folder / "").lexically_normal().parent_path().filename().string()) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (!entry.is_regular_file() || !is_sound(entry.path())) continue;
      const auto [other, is_new] = files_.emplace(entry.path().stem().string(), entry.path());
      if (!is_new)
        throw DataError(fmt::format("{} and {} have the same name", other->second.string(), entry.path().string()),
                        "keep one of them");
    }
  }
  std::optional<std::vector<std::string>> ids() const override {
    std::vector<std::string> all;
    for (const auto& [id, file] : files_) all.push_back(id);
    return all;
  }
  std::string text(const std::string& id) const override {
    const auto found = files_.find(id);
    if (found == files_.end()) return "";
    fs::path beside = found->second;
    for (const char* ending : {".txt", ".lab"})
      if (fs::exists(beside.replace_extension(ending))) return std::string(trim(read_file(beside)));
    if (!fs::exists(beside.replace_extension(".json"))) return "";
    const nlohmann::json about = read_json(beside);
    return about.is_object() && about.contains("text") && about["text"].is_string() ? about["text"] : "";
  }
  audio::Clip clip(const std::string& id, const std::string&) override { return audio::decode_audio(files_.at(id)); }

 private:
  std::map<std::string, fs::path> files_;
};

class CorpusSource : public ClipSource {
 public:
  explicit CorpusSource(corpus::Corpus corpus)
      : ClipSource("recordings of " + corpus.name()), corpus_(std::move(corpus)) {}
  std::optional<std::vector<std::string>> ids() const override {
    std::vector<std::string> all;
    for (const auto& u : corpus_.utterances()) all.push_back(u.id);
    return all;
  }
  std::string text(const std::string& id) const override {
    const auto at = corpus_.find(id);
    return at < 0 ? "" : corpus_.utterances()[static_cast<std::size_t>(at)].text;
  }
  audio::Clip clip(const std::string& id, const std::string&) override {
    return audio::decode_audio(corpus_.audio_path(corpus_.utterances().at(static_cast<std::size_t>(corpus_.find(id)))));
  }

 private:
  corpus::Corpus corpus_;
};

class VoiceSource : public ClipSource {
 public:
  VoiceSource(const voice::Voice& voice, const roles::Registry& registry, const voice::SayOptions& say)
      : ClipSource(voice.name()),
        say_(say),
        speaker_(voice, registry, say.accept_text_changes),
        heldout_(
            voice.about().value("provenance", nlohmann::json::object()).value("test_ids", std::vector<std::string>())) {
  }
  std::optional<std::vector<std::string>> ids() const override { return std::nullopt; }
  std::string text(const std::string&) const override { return ""; }
  std::vector<std::string> heldout() const override { return heldout_; }
  audio::Clip clip(const std::string& id, const std::string& text) override {
    if (text.empty())
      throw DataError(fmt::format("prompt '{}': no text for the voice '{}' to speak", id, name()),
                      "give the texts: --text FILE with lines 'id|text', or --corpus CORPUS");
    std::vector<voice::SpokenPiece> pieces;
    speaker_.say(text, say_, [&](voice::SpokenPiece&& piece) { pieces.push_back(std::move(piece)); });
    audio::Clip clip;
    clip.rate_hz = speaker_.rate_hz();
    clip.samples_N = voice::join_pieces(std::move(pieces)).wave_N;
    return clip;
  }

 private:
  voice::SayOptions say_;
  voice::Speaker speaker_;
  std::vector<std::string> heldout_;
};

}  // namespace

SourceKind source_kind(const fs::path& path) {
  if (fs::exists(path / "manifest.jsonl")) return SourceKind::corpus;
  if (path.filename() == "voice.json" || fs::exists(path / "voice.json") || fs::exists(path / "voice" / "voice.json"))
    return SourceKind::voice;
  if (fs::is_directory(path))
    for (const auto& entry : fs::directory_iterator(path))
      if (is_sound(entry.path())) return SourceKind::folder;
  throw UsageError(fmt::format("{}: neither a voice, a run, a corpus nor a folder of sound files", path.string()),
                   fs::exists(path) ? "" : "check the path for a typo");
}

std::unique_ptr<ClipSource> folder_source(const fs::path& folder) { return std::make_unique<FolderSource>(folder); }

std::unique_ptr<ClipSource> corpus_source(const fs::path& folder) {
  return std::make_unique<CorpusSource>(corpus::Corpus::open(folder));
}

std::unique_ptr<ClipSource> voice_source(const fs::path& folder, const roles::Registry& registry,
                                         const voice::SayOptions& say) {
  return std::make_unique<VoiceSource>(voice::Voice::open(folder), registry, say);
}

}  // namespace timbre::score
