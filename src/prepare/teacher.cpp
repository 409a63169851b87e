#include "prepare/teacher.h"

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "roles/network_folder.h"

namespace timbre::prepare {
namespace {

/// The options its model was trained with; a g2p network that is no longer where it was is taken from the voice.
std::unique_ptr<roles::ModelConfig> config_of(const TeacherFolder& voice, const roles::ModelSpec& spec) {
  auto config = spec.make_config();
  config::Fields fields = config->fields();
  const std::string where = (voice.dir / "voice.json").string();
  if (!voice.about["model"].contains("config")) throw DataError(where + ": \"model.config\" is missing");
  nlohmann::json options = voice.about["model"]["config"];
  const nlohmann::json::json_pointer g2p("/text/g2p");
  const std::string own = voice.about.value(g2p, std::string());
  if (!own.empty() && options.contains(g2p) && !fs::exists(options[g2p].get<std::string>()))
    options[g2p] = (voice.dir / own).string();
  config::from_json(fields, options, where + ": model.config");
  return config;
}

}  // namespace

OpenTeacher& teacher_opener() {
  static OpenTeacher opener;
  return opener;
}

TeacherFolder find_teacher_folder(const std::filesystem::path& given) {
  TeacherFolder found{.dir = roles::folder_of_network(given), .about = nullptr, .kind = "", .mel = {}};
  const fs::path file = found.dir / "voice.json";
  const std::string next = "--mels-of takes a voice folder or a run, as timbre train or convert made it";
  if (!fs::exists(file))
    throw UsageError(fmt::format("{} is no voice: {}", given.string(),
                                 fs::exists(given) ? "it has no voice.json" : "there is no such folder"),
                     next);
  found.about = parse_json(read_file(file), file.string());
  if (!found.about.is_object() || !found.about.contains("model") || !found.about["model"].is_object())
    throw DataError(fmt::format("{}: no model; expected the voice.json of a voice", file.string()), next);
  const auto kind = found.about["model"].find("kind");
  if (kind == found.about["model"].end() || !kind->is_string())
    throw DataError(fmt::format("{}: no model.kind; expected the voice.json of a voice", file.string()), next);
  found.kind = *kind;
  if (!found.about.contains("symbols") || !found.about.contains("mel"))
    throw UsageError(fmt::format("{} ({}) makes no mels of texts", given.string(), found.kind), next);
  config::Fields fields = audio::fields(found.mel);
  config::from_json(fields, found.about["mel"], file.string() + ": mel");
  return found;
}

const std::vector<std::string>& followed_columns() {
  static const std::vector<std::string> columns = {"aligned_phonemes", "durations", "mel", "pitch", "energy"};
  return columns;
}

std::vector<ColumnRequest> requests_of_teacher(const std::filesystem::path& given, const roles::Registry& registry) {
  const TeacherFolder voice = find_teacher_folder(given);
  const roles::ModelSpec& spec = registry.model(voice.kind);
  const auto config = config_of(voice, spec);
  const auto needs = spec.columns(*config);
  std::vector<ColumnRequest> requests;
  for (const std::string& column : followed_columns()) {
    const auto need = std::find_if(needs.begin(), needs.end(), [&](const auto& n) { return n.column == column; });
    if (need == needs.end())
      throw UsageError(fmt::format("{} ({}) was not trained on the column {}: it cannot follow recordings",
                                   given.string(), voice.kind, column),
                       "voices that can: fastspeech2");
    requests.push_back({column, need->settings});
  }
  requests.push_back({"mel_of." + voice.kind, {{"voice", voice.dir.string()}}});
  return requests;
}

}  // namespace timbre::prepare
