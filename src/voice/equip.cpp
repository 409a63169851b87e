#include "voice/equip.h"

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"

namespace timbre::voice {
namespace {

constexpr const char* kInside = "vocoder";

void write_about(const Voice& voice, nlohmann::json vocoder) {
  nlohmann::json about = voice.about();
  about["vocoder"] = std::move(vocoder);
  write_file_atomic(voice.dir() / "voice.json", about.dump(1) + "\n");
}

}  // namespace

void equip(const Voice& voice, const fs::path& vocoder) {
  const roles::VoiceFiles files = roles::vocoder_files({.dir = {}, .about = {}, .vocoder = vocoder});
  const std::string weights = files.about["model"].value("weights", "");
  if (!is_safe_relative(weights))
    throw DataError(fmt::format("{}: model.weights '{}' must be a file inside the folder",
                                (files.dir / "voice.json").string(), weights));
  const fs::path place = voice.dir() / kInside, fresh = voice.dir() / ".vocoder-new";
  if (fs::exists(place) && fs::equivalent(place, files.dir))
    throw UsageError(fmt::format("{} is the voice's own vocoder already", place.string()));
  std::error_code ignored;
  fs::remove_all(fresh, ignored);
  make_folders((fresh / weights).parent_path());
  write_file_atomic(fresh / weights, read_file(files.dir / weights));
  write_file_atomic(fresh / "voice.json", read_file(files.dir / "voice.json"));
  // While the folder changes hands the voice has no vocoder; a crash in between leaves a voice that says so.
  fs::remove_all(place, ignored);
  fs::rename(fresh, place);
  write_about(voice, {{"folder", kInside}});
}

void unequip(const Voice& voice) {
  write_about(voice, {{"kind", "griffin-lim"}});
  std::error_code ignored;
  fs::remove_all(voice.dir() / kInside, ignored);
}

}  // namespace timbre::voice
