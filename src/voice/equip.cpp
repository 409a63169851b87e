#include "voice/equip.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"

namespace timbre::voice {
namespace {

constexpr const char* kInside = "vocoder";

void write_about(const Voice& voice, const char* part, nlohmann::json value) {
  nlohmann::json about = voice.about();
  about[part] = std::move(value);
  write_file_atomic(voice.dir() / "voice.json", about.dump(1) + "\n");
}

/// Copies a network's voice.json and weights to `inside`, a folder of the voice.
void copy_network(const Voice& voice, const roles::VoiceFiles& files, const std::string& inside) {
  const std::string weights = files.about["model"].value("weights", "");
  if (!is_safe_relative(weights))
    throw DataError(fmt::format("{}: model.weights '{}' must be a file inside the folder",
                                (files.dir / "voice.json").string(), weights));
  const fs::path place = voice.dir() / inside, fresh = voice.dir() / ("." + inside + "-new");
  if (fs::exists(place) && fs::equivalent(place, files.dir))
    throw UsageError(fmt::format("{} is the voice's own {} already", place.string(), inside));
  std::error_code ignored;
  fs::remove_all(fresh, ignored);
  make_folders((fresh / weights).parent_path());
  write_file_atomic(fresh / weights, read_file(files.dir / weights));
  write_file_atomic(fresh / "voice.json", read_file(files.dir / "voice.json"));
  // While the folder changes hands the voice has none; a crash in between leaves a voice that says so.
  fs::remove_all(place, ignored);
  fs::rename(fresh, place);
}

}  // namespace

void equip(const Voice& voice, const fs::path& vocoder) {
  copy_network(voice, roles::vocoder_files({.dir = {}, .about = {}, .vocoder = vocoder}), kInside);
  write_about(voice, "vocoder", {{"folder", kInside}});
}

void equip_codec(const Voice& voice, const fs::path& codec) {
  const fs::path file = codec / "voice.json";
  copy_network(voice, {.dir = codec, .about = read_json(file), .vocoder = {}}, "codec");
  nlohmann::json about = voice.about().at("codec");
  about["folder"] = "codec";
  write_about(voice, "codec", std::move(about));
}

void equip_code_vocoder(const Voice& voice, const fs::path& vocoder) {
  copy_network(voice, roles::vocoder_files({.dir = {}, .about = {}, .vocoder = vocoder}), "code_vocoder");
  write_about(voice, "code_vocoder", {{"folder", "code_vocoder"}});
}

void unequip(const Voice& voice) {
  write_about(voice, "vocoder", {{"kind", "griffin-lim"}});
  std::error_code ignored;
  fs::remove_all(voice.dir() / kInside, ignored);
}

}  // namespace timbre::voice
