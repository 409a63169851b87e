#include "voice/voice.h"

#include "base/error.h"
#include "base/files.h"
#include "text/probe.h"
#include "text/user_lexicon.h"

namespace timbre::voice {
namespace {

constexpr const char* kFormat = "timbre voice 1";

/// voice.json's fields without which nothing can be said.
constexpr const char* kRequired[] = {"model", "front_end", "language", "symbols", "mel", "vocoder"};

void check_about(const nlohmann::json& about, const std::string& where) {
  if (!about.is_object()) throw DataError(fmt::format("{}: expected a JSON object", where));
  for (const char* key : kRequired) {
    if (!about.contains(key)) throw DataError(fmt::format("{}: the field '{}' is missing", where, key));
  }
  for (const char* key : {"kind", "config", "weights"}) {
    if (!about["model"].is_object() || !about["model"].contains(key)) {
      throw DataError(fmt::format("{}: the field 'model.{}' is missing", where, key));
    }
  }
  if (!about["symbols"].is_array() || about["symbols"].empty()) {
    throw DataError(fmt::format("{}: 'symbols' must be a list of at least one phone", where));
  }
  const auto weights = about["model"]["weights"].get<std::string>();
  if (!is_safe_relative(weights)) {
    throw DataError(fmt::format("{}: model.weights '{}' must be a file inside the voice's folder", where, weights));
  }
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
  try {
    voice.files_.about = nlohmann::json::parse(read_file(file));
  } catch (const nlohmann::json::parse_error& error) {
    throw DataError(fmt::format("{}: not valid JSON at byte {}", file.string(), error.byte));
  }
  const auto& about = voice.files_.about;
  if (!about.is_object() || about.value("format", "") != kFormat) {
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
  audio::MelOptions options;
  auto list = audio::fields(options);
  config::from_json(list, about()["mel"], (dir() / "voice.json").string() + ": mel");
  return options;
}

std::unique_ptr<text::FrontEnd> Voice::make_front_end() const {
  text::FrontEndOptions options;
  if (about().contains("lexicon")) {
    const auto file = about()["lexicon"].get<std::string>();
    if (!is_safe_relative(file))
      throw DataError(fmt::format("{}: lexicon '{}' must be inside the voice's folder", dir().string(), file));
    options.user = text::UserLexicon::read(dir() / file);
  }
  if (about().contains("word_lexicon")) options.lexicon = dir() / about()["word_lexicon"].get<std::string>();
  return text::make_front_end(front_end_name(), std::move(options));
}

std::vector<std::string> Voice::changed_sentences(text::FrontEnd& front_end) const {
  if (!about().contains("fingerprint")) return {};
  const text::Fingerprint stored{front_end_name(),
                                 about()["fingerprint"].at("sentences").get<std::vector<std::string>>()};
  return text::differing_sentences(stored, text::fingerprint(front_end), language());
}

void write_voice(const fs::path& dir, nlohmann::json about, text::FrontEnd* front_end) {
  about["format"] = kFormat;
  check_about(about, (dir / "voice.json").string());
  const fs::path weights = dir / about["model"]["weights"].get<std::string>();
  if (!fs::is_regular_file(weights))
    throw DataError(fmt::format("the voice's weights {} are not there", weights.string()));
  if (front_end) about["fingerprint"] = {{"sentences", text::fingerprint(*front_end).sentences}};
  write_file_atomic(dir / "voice.json", about.dump(1) + "\n");
}

}  // namespace timbre::voice
