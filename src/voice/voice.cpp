#include "voice/voice.h"

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "text/g2p_voice.h"
#include "text/normalize.h"
#include "text/probe.h"
#include "text/remembered_reading.h"
#include "text/text_options.h"
#include "text/token_policy_json.h"
#include "text/user_lexicon.h"
#include "voice/token_voice.h"

namespace timbre::voice {
namespace {

constexpr const char* kFormat = "timbre voice 1";

/// voice.json's fields without which nothing can be said.
constexpr const char* kRequired[] = {"model", "front_end", "language"};
constexpr const char* kOfMels[] = {"mel", "vocoder"};  // what speaks in codes has a codec instead

bool is_of_tokens(const nlohmann::json& about) { return about["front_end"] == kTokenizerFrontEnd; }

/// The rows of texts: phones, or a tokenizer's tokens.
void check_rows(const nlohmann::json& about, const std::string& where) {
  if (!is_of_tokens(about)) {
    if (!about.contains("symbols")) throw DataError(fmt::format("{}: the field 'symbols' is missing", where));
    if (!about["symbols"].is_array() || about["symbols"].empty())
      throw DataError(fmt::format("{}: 'symbols' must be a list of at least one phone", where));
    return;
  }
  const auto found = about.find("tokenizer");
  if (found == about.end() || !found->is_object() || !found->contains("folder") || !(*found)["folder"].is_string() ||
      !is_safe_relative((*found)["folder"].get<std::string>()))
    throw DataError(fmt::format("{}: the field 'tokenizer.folder' must name a folder inside the voice's folder", where),
                    "timbre convert makes the voice anew from the network's own folder");
  token_speaking(about, where);
}

void check_about(const nlohmann::json& about, const std::string& where) {
  if (!about.is_object()) throw DataError(fmt::format("{}: expected a JSON object", where));
  for (const char* key : kRequired) {
    if (!about.contains(key)) throw DataError(fmt::format("{}: the field '{}' is missing", where, key));
  }
  if (about.contains("codec") || is_of_tokens(about)) {
    if (!about.contains("codec"))
      throw DataError(fmt::format("{}: the field 'codec' is missing: what has a tokenizer speaks in codes", where));
    if (!about["codec"].is_object()) throw DataError(fmt::format("{}: the field 'codec' must be an object", where));
  } else {
    for (const char* key : kOfMels)
      if (!about.contains(key)) throw DataError(fmt::format("{}: the field '{}' is missing", where, key));
  }
  for (const char* key : {"kind", "config", "weights"}) {
    if (!about["model"].is_object() || !about["model"].contains(key)) {
      throw DataError(fmt::format("{}: the field 'model.{}' is missing", where, key));
    }
  }
  check_rows(about, where);
  const auto want_text = [&](const nlohmann::json& group, const char* key) {
    if (group.contains(key) && !group[key].is_string())
      throw DataError(fmt::format("{}: the field '{}' is {}; expected a string", where, key, group[key].dump()));
  };
  for (const char* key : {"name", "front_end", "language", "lexicon", "word_lexicon"}) want_text(about, key);
  for (const char* key : {"kind", "weights"}) want_text(about["model"], key);
  const auto weights = about["model"]["weights"].get<std::string>();
  if (!is_safe_relative(weights)) {
    throw DataError(fmt::format("{}: model.weights '{}' must be a file inside the voice's folder", where, weights));
  }
}

/// What was trained may be something else than a voice: it says its purpose, or at least has no sound.
void refuse_mute(const nlohmann::json& about, const fs::path& file) {
  if (!about.is_object() || about.contains("format") || about.contains("mel") || !about.contains("model") ||
      !about["model"].is_object())
    return;
  const auto kind = about["model"].find("kind"), purpose = about.find("purpose");
  if (kind == about["model"].end() || !kind->is_string()) return;
  const bool says = purpose != about.end() && purpose->is_string();
  throw UsageError(
      fmt::format("{} holds a {} model, which {} and makes no sound", file.parent_path().string(),
                  kind->get<std::string>(), says ? purpose->get<std::string>() : "has no mel spectrogram"),
      "speak with the voice of a run of another model (timbre train --help); what this one does with words "
      "it never saw is in its run's samples/ folder");
}

/// Copies the g2p voice into the folder, and lets voice.json name the copy.
void take_g2p(const fs::path& dir, nlohmann::json& about) {
  constexpr const char* kInside = "g2p";
  if (!about.contains("text") || about["text"].value("g2p", "").empty()) return;
  const auto source = text::G2pVoice::open(about["text"]["g2p"].get<std::string>());
  make_folders(dir / kInside);
  for (const std::string& file : source->files())
    write_file_atomic(dir / kInside / file, read_file(source->dir() / file));
  about["text"]["g2p"] = kInside;
}

fs::path find_voice_json(const fs::path& path) {
  for (const fs::path& candidate : {path / "voice.json", path / "voice" / "voice.json"}) {
    if (fs::is_regular_file(candidate)) return candidate;
  }
  if (path.filename() == "voice.json" && fs::is_regular_file(path)) return path;
  if (!fs::exists(path))
    throw UsageError(fmt::format("no voice at {}: there is no such file or folder", path.string()));
  if (fs::is_regular_file(path / "run.yaml")) {
    throw UsageError(fmt::format("the run {} has no voice yet: none of its checkpoints is complete", path.string()),
                     fmt::format("timbre train --continue {}", path.string()));
  }
  throw UsageError(fmt::format("{} is no voice: it has no voice.json", path.string()), "timbre info " + path.string());
}

}  // namespace

Voice Voice::open(const fs::path& path) {
  const fs::path file = find_voice_json(path);
  Voice voice;
  voice.files_.dir = file.has_parent_path() ? file.parent_path() : fs::path(".");
  voice.files_.about = parse_json(read_file(file), file.string());
  const auto& about = voice.files_.about;
  refuse_mute(about, file);
  if (!about.is_object() || !about.contains("format") || about["format"] != kFormat) {
    throw DataError(fmt::format("{}: 'format' is not \"{}\"", file.string(), kFormat),
                    "a voice of a newer timbre needs that timbre; a foreign checkpoint needs `timbre convert`");
  }
  check_about(about, file.string());
  return voice;
}

std::string Voice::name() const { return about().value("name", dir().filename().string()); }
std::string Voice::front_end_name() const { return about()["front_end"].get<std::string>(); }
std::string Voice::language() const { return about()["language"].get<std::string>(); }

audio::MelOptions Voice::mel() const {
  if (!about().contains("mel"))
    throw UsageError(fmt::format("'{}' speaks in codes and has no mel spectrogram", name()));
  audio::MelOptions options;
  auto list = audio::fields(options);
  config::from_json(list, about()["mel"], (dir() / "voice.json").string() + ": mel");
  return options;
}

bool Voice::has_tokenizer() const { return is_of_tokens(about()); }

fs::path Voice::tokenizer_folder() const {
  const fs::path folder = dir() / about()["tokenizer"]["folder"].get<std::string>();
  if (!fs::is_regular_file(folder / "tokenizer.json"))
    throw DataError(
        fmt::format("{}: there is no tokenizer.json, and without it nobody knows the voice's tokens", folder.string()),
        "copy the tokenizer's files of its training, or of its Hugging Face folder, there");
  return folder;
}

std::unique_ptr<text::FrontEnd> Voice::make_front_end() const {
  if (has_tokenizer())
    throw UsageError(fmt::format("'{}' reads texts with a tokenizer and has no phones", name()),
                     fmt::format("timbre tokens TEXT --tokenizer {}",
                                 (dir() / about()["tokenizer"]["folder"].get<std::string>()).string()));
  text::FrontEndOptions options;
  const auto inside = [&](const char* key) {
    const auto file = about()[key].get<std::string>();
    if (!is_safe_relative(file))
      throw DataError(fmt::format("{}: {} '{}' must be inside the voice's folder", dir().string(), key, file));
    return dir() / file;
  };
  // A voice without the field is older than the rules: it left figures to its front end, but for English.
  if (!about().contains("text")) {
    if (!language().starts_with("en")) options.text.normalize = text::kNoNormalization;
  } else {
    auto fields = text::fields(options.text);
    config::from_json(fields, about()["text"], (dir() / "voice.json").string() + ": text");
    if (!options.text.g2p.empty()) {
      if (!is_safe_relative(options.text.g2p))
        throw DataError(
            fmt::format("{}: text.g2p '{}' must be inside the voice's folder", dir().string(), options.text.g2p));
      options.text.g2p = (dir() / options.text.g2p).string();
    }
  }
  if (about().contains("lexicon")) options.user = text::UserLexicon::read(inside("lexicon"));
  if (about().contains("word_lexicon")) options.lexicon = inside("word_lexicon");
  return text::make_front_end(front_end_name(), std::move(options));
}

std::string Voice::language_of_speaker(const std::string& speaker) const {
  const auto languages = about().find("speaker_languages");
  if (languages == about().end() || !languages->is_object() || !languages->contains(speaker)) return "";
  const auto& language = (*languages)[speaker];
  return language.is_string() ? language.get<std::string>() : "";
}

nlohmann::json Voice::fingerprint_of(const text::FrontEnd& reader) const {
  const auto stored = about().find("fingerprint");
  if (stored == about().end() || !stored->is_object()) return nullptr;
  if (!stored->contains("readers")) return *stored;
  const auto& readers = (*stored)["readers"];
  return readers.is_object() && readers.contains(reader.name()) ? readers[reader.name()] : nlohmann::json();
}

std::vector<std::string> Voice::changed_sentences(text::FrontEnd& front_end) const {
  std::vector<std::string> changed;
  for (text::FrontEnd* reader : front_end.readers()) {
    const nlohmann::json about_reader = fingerprint_of(*reader);
    if (about_reader.is_null() ||
        (about_reader.is_object() && !about_reader.contains("sentences") && about_reader.contains("tokens")))
      continue;  // a converted voice: nobody knows what its front end made of the probe sentences
    text::Fingerprint stored{reader->name(), {}, "", ""};
    try {
      stored.sentences = about_reader.at("sentences").get<std::vector<std::string>>();
    } catch (const nlohmann::json::exception&) {
      throw DataError(
          fmt::format("{}: 'fingerprint.sentences' must be a list of texts", (dir() / "voice.json").string()));
    }
    if (text::recall_reading(*reader) == text::reading_hash(stored.sentences)) continue;
    const text::Fingerprint now = text::fingerprint(*reader);
    text::remember_reading(*reader, text::reading_hash(now.sentences));
    for (std::string& sentence : text::differing_sentences(stored, now, reader->language()))
      changed.push_back(std::move(sentence));
  }
  return changed;
}

bool Voice::same_guesser(text::FrontEnd& front_end) const {
  for (const text::FrontEnd* reader : front_end.readers()) {
    const nlohmann::json stored = fingerprint_of(*reader);
    if (stored.is_object() && stored.contains("guesser") && stored["guesser"] != reader->guesser()) return false;
  }
  return true;
}

std::string Voice::changed_versions(text::FrontEnd& front_end) const {
  std::string out;
  for (const text::FrontEnd* reader : front_end.readers()) {
    const nlohmann::json stored = fingerprint_of(*reader);
    const auto compare = [&](const char* key, const char* what, const std::string& now) {
      if (!stored.is_object() || !stored.contains(key) || !stored[key].is_string() || stored[key] == now) return;
      out += fmt::format("{}{} {} in training, {} here", out.empty() ? " (" : "; ", what,
                         stored[key].get<std::string>().empty() ? "none" : stored[key].get<std::string>(),
                         now.empty() ? "none" : now);
    };
    compare("rules", "rules for figures", reader->rules());
    compare("guesser", "words in no lexicon by", reader->guesser());
  }
  return out.empty() ? out : out + ")";
}

text::TokenPolicy Voice::token_policy() const {
  const auto stored = about().find("fingerprint");
  if (stored != about().end() && stored->is_object() && stored->contains("tokens"))
    return text::policy_of_json((*stored)["tokens"]);
  const auto said = about().find("token_policy");
  return said == about().end() ? text::TokenPolicy() : text::policy_of_json(*said);
}

void write_voice(const fs::path& dir, nlohmann::json about, text::FrontEnd* front_end) {
  about["format"] = kFormat;
  check_about(about, (dir / "voice.json").string());
  const fs::path weights = dir / about["model"]["weights"].get<std::string>();
  if (!fs::is_regular_file(weights))
    throw DataError(fmt::format("the voice's weights {} are not there", weights.string()));
  if (front_end) {
    const auto readers = front_end->readers();
    about["fingerprint"] = nlohmann::json::object();
    for (text::FrontEnd* reader : readers) {
      const text::Fingerprint made = text::fingerprint(*reader);
      auto& place = readers.size() == 1 ? about["fingerprint"] : about["fingerprint"]["readers"][reader->name()];
      place = {{"sentences", made.sentences}, {"rules", made.rules}, {"guesser", made.guesser}};
    }
  }
  if (about.contains("token_policy")) about["fingerprint"]["tokens"] = about["token_policy"];
  take_g2p(dir, about);
  write_file_atomic(dir / "voice.json", about.dump(1) + "\n");
}

}  // namespace timbre::voice
