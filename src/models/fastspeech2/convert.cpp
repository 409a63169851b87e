#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/strings.h"
#include "models/fastspeech2/names.h"
#include "roles/network_folder.h"
#include "voice/voice.h"
#include "weights/safetensors.h"

/// ming024's checkpoint folder ↔ a voice. What is looked for beside <step>.pth.tar: stats.json, speakers.json,
/// model.yaml, preprocess.yaml, train.yaml (also in a config/ folder beside or one level up).
namespace timbre::fastspeech2 {
namespace {

using nlohmann::json;

/// The number a checkpoint's name starts with, or -1.
std::int64_t step_of(const fs::path& file) {
  const std::string name = file.filename().string();
  if (!name.ends_with(".pth.tar")) return -1;
  return parse_int(name.substr(0, name.size() - 8)).value_or(-1);
}

/// The file itself, or the checkpoint of most steps in a folder; empty when there is none.
fs::path checkpoint_in(const fs::path& source) {
  if (fs::is_regular_file(source)) return source;
  fs::path best;
  if (!fs::is_directory(source)) return best;
  for (const auto& item : fs::directory_iterator(source)) {
    if (step_of(item.path()) >= 0 && (best.empty() || step_of(item.path()) > step_of(best))) best = item.path();
  }
  return best;
}

/// A file named `name` near the checkpoint, or the one the user gave as an option; empty when absent.
fs::path companion(const roles::ConvertRequest& request, const fs::path& checkpoint, const std::string& name) {
  const std::string option = name.substr(0, name.find('.'));
  if (request.options.contains(option)) return request.options[option].get<std::string>();
  const fs::path folder = checkpoint.parent_path();
  for (const fs::path& candidate : {folder / name, folder / "config" / name, folder / ".." / "config" / name}) {
    if (fs::exists(candidate)) return candidate;
  }
  // config/<dataset>/, as ming024's own tree has it and as we write it: when there is only one.
  std::vector<fs::path> found;
  std::error_code missing;
  for (const auto& dataset : fs::directory_iterator(folder / "config", missing))
    if (fs::exists(dataset.path() / name)) found.push_back(dataset.path() / name);
  return found.size() == 1 ? found[0] : fs::path();
}

/// Names by row from {"name": row}.
std::vector<std::string> speakers_of(const json& table, const fs::path& path, std::int64_t rows) {
  std::vector<std::string> names(static_cast<std::size_t>(std::max<std::int64_t>(rows, 1)));
  for (const auto& [name, row] : table.items()) {
    if (!row.is_number_integer() || row < 0 || row >= static_cast<std::int64_t>(names.size())) {
      throw DataError(fmt::format("{}: speaker '{}' has row {}, the table has {} rows", path.string(), name, row.dump(),
                                  names.size()));
    }
    names[row.get<std::size_t>()] = name;
  }
  return names;
}

/// Ranges from the stored boundaries, for a checkpoint without stats.json.
VarianceStatistics statistics_of_bins(const weights::TensorMap& model) {
  const auto one = [&](const char* name) {
    const auto bins = model.at(name).to_f64();
    return Statistics{bins.front(), bins.back(), 0, 1};
  };
  return {one("variance_adaptor.pitch_bins"), one("variance_adaptor.energy_bins")};
}

void note(const roles::ConvertRequest& request, const std::string& text) { request.events({"note", {{"text", text}}}); }

}  // namespace

void save_adam(const fs::path& path, const AdamState& adam, const json& more) {
  weights::TensorMap map;
  for (const auto& [name, tensor] : adam.exp_avg) map.insert("exp_avg." + name, tensor);
  for (const auto& [name, tensor] : adam.exp_avg_sq) map.insert("exp_avg_sq." + name, tensor);
  weights::write_safetensors(path, map,
                             {{"adam", json{{"lr", adam.lr},
                                            {"beta1", adam.beta1},
                                            {"beta2", adam.beta2},
                                            {"eps", adam.eps},
                                            {"weight_decay", adam.weight_decay},
                                            {"initial_lr", adam.initial_lr},
                                            {"step", adam.step},
                                            {"more", more}}
                                           .dump()}});
}

AdamState load_adam(const fs::path& path, json* more) {
  weights::Metadata metadata;
  AdamState adam;
  for (const auto& [name, tensor] : weights::read_safetensors(path, &metadata)) {
    if (name.starts_with("exp_avg_sq.")) {
      adam.exp_avg_sq.insert(name.substr(11), tensor);
    } else {
      adam.exp_avg.insert(name.substr(8), tensor);
    }
  }
  const json head = json::parse(metadata.at("adam"));
  adam.lr = head.at("lr");
  adam.beta1 = head.at("beta1");
  adam.beta2 = head.at("beta2");
  adam.eps = head.at("eps");
  adam.weight_decay = head.at("weight_decay");
  adam.initial_lr = head.value("initial_lr", 0.0);
  adam.step = head.at("step");
  if (more) *more = head.value("more", json());
  return adam;
}

bool looks_like_ming024(const fs::path& source) {
  std::error_code ignored;
  const fs::path checkpoint = checkpoint_in(source);
  return !checkpoint.empty() && step_of(checkpoint) >= 0 && fs::is_regular_file(checkpoint, ignored);
}

void ming024_to_voice(const roles::ConvertRequest& request) {
  const fs::path file = checkpoint_in(request.source);
  if (file.empty()) {
    throw UsageError(fmt::format("{}: no <step>.pth.tar in it", request.source.string()),
                     "give the checkpoint file or its folder");
  }
  const Ming024Checkpoint checkpoint = read_ming024_checkpoint(file);
  Ming024Settings settings{companion(request, file, "model.yaml"), companion(request, file, "preprocess.yaml"),
                           companion(request, file, "train.yaml")};
  Config config = ming024_config(checkpoint.model, settings);
  if (settings.model.empty())
    note(request, "no model.yaml beside the checkpoint: 2 heads and ming024's dropouts are assumed");
  if (settings.preprocess.empty())
    note(request, "no preprocess.yaml beside the checkpoint: LJSpeech's audio settings are assumed");

  VarianceStatistics statistics = statistics_of_bins(checkpoint.model);
  if (const fs::path stats = companion(request, file, "stats.json"); !stats.empty()) {
    statistics = read_statistics(read_json(stats), stats.string());
  } else {
    note(request, "no stats.json beside the checkpoint: ranges are read from the bins, mean and deviation are unknown");
  }
  const std::int64_t rows = config.speaker_table ? checkpoint.model.at("speaker_emb.weight").shape.at(0) : 1;
  std::vector<std::string> speakers = {"speaker"};
  if (const fs::path table = companion(request, file, "speakers.json"); !table.empty()) {
    speakers = speakers_of(read_json(table), table, rows);
  } else {
    for (std::int64_t i = 1; i < rows; ++i) speakers.push_back("speaker" + std::to_string(i));
  }

  roles::refuse_existing(request.out);
  make_folders(request.out);
  weights::write_safetensors(request.out / "model.safetensors", checkpoint.model, {{"format", "pt"}});
  if (checkpoint.optimizer && !checkpoint.optimizer->exp_avg.empty())
    save_adam(request.out / "optimizer.safetensors", *checkpoint.optimizer);
  voice::write_voice(
      request.out,
      {{"name", request.out.filename().string()},
       {"model", roles::about_model("fastspeech2", config)},
       {"front_end", config.front_end},
       {"language", config.front_end == "ming024:mandarin" ? "zh" : "en"},
       {"symbols", ming024_phones(checkpoint.model.at("encoder.src_word_emb.weight").shape.at(0))},
       {"speakers", speakers},
       {"mel", config::to_json(audio::fields(config.mel))},
       {"stats", statistics_json(statistics)},
       {"vocoder", {{"kind", "griffin-lim"}}},
       {"provenance", {{"imported_from", "ming024"}, {"file", file.filename().string()}, {"steps", step_of(file)}}}});
}

void voice_to_ming024(const roles::ConvertRequest& request) {
  const voice::Voice voice = voice::Voice::open(request.source);
  const json& about = voice.about();
  Config config;
  config::Fields fields = config.fields();
  config::from_json(fields, about.at("model").at("config"), (voice.dir() / "voice.json").string());
  if (const std::string obstacle = ming024_obstacle(config); !obstacle.empty())
    throw UsageError(fmt::format("{}: {}", voice.dir().string(), obstacle),
                     "only voices trained with --preset ming024 or imported from ming024 go back");
  for (const std::string& change : ming024_changes(config)) note(request, change);
  Ming024Checkpoint checkpoint;
  checkpoint.model = weights::read_safetensors(roles::weights_file(voice.dir(), about));
  if (fs::exists(voice.dir() / "optimizer.safetensors"))
    checkpoint.optimizer = load_adam(voice.dir() / "optimizer.safetensors");
  const auto wanted = static_cast<std::size_t>(checkpoint.model.at("encoder.src_word_emb.weight").shape.at(0));
  if (about.at("symbols") != json(ming024_phones(static_cast<std::int64_t>(wanted)))) {
    note(request,
         "this voice has symbols of its own: symbols.json tells the rows; ming024's text/symbols.py must be changed to "
         "them");
  }
  roles::refuse_existing(request.out);
  make_folders(request.out);
  const json provenance = about.value("provenance", json::object());
  // Of a voice that was imported, else of one that was trained here.
  const std::int64_t steps = provenance.value("steps", provenance.value("step", std::int64_t{0}));
  write_ming024_checkpoint(request.out / fmt::format("{}.pth.tar", steps), checkpoint);
  json speakers = json::object();
  for (std::size_t i = 0; i < about.at("speakers").size(); ++i) speakers[about["speakers"][i].get<std::string>()] = i;
  write_file_atomic(request.out / "speakers.json", speakers.dump());
  write_file_atomic(request.out / "stats.json", about.at("stats").dump());
  write_file_atomic(request.out / "symbols.json", about.at("symbols").dump());
  const std::string name = voice.name();
  write_ming024_yaml(request.out, is_safe_relative(name) && name.find('/') == name.npos ? name : "voice", config,
                     checkpoint.optimizer);
}

}  // namespace timbre::fastspeech2
