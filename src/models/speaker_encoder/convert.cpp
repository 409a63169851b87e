#include "models/speaker_encoder/convert.h"

#include <span>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "models/speaker_encoder/files.h"
#include "roles/network_folder.h"
#include "weights/safetensors.h"
#include "weights/torch_file.h"

namespace timbre::speaker_encoder {
namespace {

using nlohmann::json;

/// The file itself, or the one of these names in the folder; empty when there is none.
fs::path find_file(const fs::path& source, std::span<const char* const> names) {
  std::error_code ignored;
  if (fs::is_regular_file(source, ignored)) return source;
  for (const char* name : names)
    if (fs::is_regular_file(source / name, ignored)) return source / name;
  return {};
}

constexpr const char* kMozillaNames[] = {"best_model.pth.tar", "best_model.pth", "model_se.pth", "model_se.pth.tar",
                                         "model.pth"};
constexpr const char* kConfigNames[] = {"config.json", "config_se.json"};
constexpr const char* kResemblyzerNames[] = {"pretrained.pt"};
constexpr const char* kResemblyzerHead[] = {"lstm.weight_ih_l0"};

/// config.json beside the checkpoint, or the one named by --option config=FILE; empty when there is none.
fs::path config_beside(const fs::path& checkpoint, const json& options) {
  if (options.contains("config")) return options["config"].get<std::string>();
  return find_file(checkpoint.has_parent_path() ? checkpoint.parent_path() : fs::path("."), kConfigNames);
}

/// True when a checkpoint under `key` ("" = itself) has a tensor of one of these names.
bool holds(const fs::path& file, const char* key, std::span<const char* const> names) {
  try {
    const weights::Value root = weights::read_torch(file, {.verify_crc = false});
    const weights::Value* state = *key ? root.find(key) : &root;
    for (const char* name : names)
      if (state && state->is_dict() && state->find(name) != nullptr) return true;
  } catch (const Error&) {
    return false;  // no checkpoint at all: somebody else's format
  }
  return false;
}

void write_encoder(const roles::ConvertRequest& request, const Config& config, const Checkpoint& checkpoint,
                   const char* format, const fs::path& file) {
  if (const auto problems = config.problems(); !problems.empty())
    throw DataError(fmt::format("{}: {}", file.string(), problems.front()));
  roles::refuse_existing(request.out);
  json about = about_encoder(config);
  about["provenance"] = {{"imported_from", format}, {"file", file.filename().string()}, {"steps", checkpoint.step}};
  roles::write_network_folder(request.out, about, checkpoint.model);
}

struct Ours {
  Config config;
  Checkpoint checkpoint;
};

/// A folder of ours (or a run's voice/) to be written in another program's format.
Ours read_ours(const roles::ConvertRequest& request) {
  const fs::path folder = roles::folder_of_network(request.source), file = folder / "voice.json";
  const json about = read_json(file);
  Ours ours{config_of_voice(about, file.string()), {}};
  ours.checkpoint.model = weights::read_safetensors(roles::weights_file(folder, about));
  const json provenance = about.value("provenance", json::object());
  ours.checkpoint.step = provenance.value("steps", provenance.value("step", std::int64_t{0}));
  roles::refuse_existing(request.out);
  return ours;
}

}  // namespace

bool looks_like_mozilla(const fs::path& source) {
  const fs::path file = find_file(source, kMozillaNames);
  if (file.empty()) return false;
  static constexpr const char* kHeads[] = {"layers.0.lstm.weight_ih_l0", "layers.lstm.weight_ih_l0"};
  return holds(file, "model", kHeads) || holds(file, "", kHeads);
}

void mozilla_to_voice(const roles::ConvertRequest& request) {
  const fs::path file = find_file(request.source, kMozillaNames);
  if (file.empty())
    throw UsageError(fmt::format("{}: no best_model.pth.tar in it", request.source.string()),
                     "give the checkpoint file or its folder");
  const Checkpoint checkpoint = read_mozilla_checkpoint(file);
  const fs::path settings = config_beside(file, request.options);
  if (settings.empty())
    request.events({"note",
                    {{"text",
                      "no config.json beside the checkpoint: the published encoder's audio settings are "
                      "assumed"}}});
  write_encoder(request,
                mozilla_config(checkpoint.model, settings.empty() ? json() : read_mozilla_config(settings),
                               settings.empty() ? file.string() : settings.string()),
                checkpoint, "hamed", file);
}

void voice_to_mozilla(const roles::ConvertRequest& request) {
  const Ours ours = read_ours(request);
  if (ours.config.kind == "resemblyzer")
    throw UsageError(fmt::format("{} is an encoder of kind resemblyzer", request.source.string()),
                     "--to resemblyzer writes it");
  make_folders(request.out);
  write_mozilla_checkpoint(request.out / "best_model.pth.tar", ours.checkpoint);
  write_file_atomic(request.out / "config.json", mozilla_settings(ours.config).dump(4) + "\n");
}

bool looks_like_resemblyzer(const fs::path& source) {
  const fs::path file = find_file(source, kResemblyzerNames);
  return !file.empty() && holds(file, "model_state", kResemblyzerHead);
}

void resemblyzer_to_voice(const roles::ConvertRequest& request) {
  const fs::path file = find_file(request.source, kResemblyzerNames);
  if (file.empty())
    throw UsageError(fmt::format("{}: no pretrained.pt in it", request.source.string()),
                     "give the checkpoint file or its folder");
  const Checkpoint checkpoint = read_resemblyzer_checkpoint(file);
  write_encoder(request, resemblyzer_config(checkpoint.model, file.string()), checkpoint, "resemblyzer", file);
}

void voice_to_resemblyzer(const roles::ConvertRequest& request) {
  const Ours ours = read_ours(request);
  if (ours.config.kind != "resemblyzer")
    throw UsageError(fmt::format("{} is an encoder of kind {}", request.source.string(), ours.config.kind),
                     "--to hamed writes it");
  make_folders(request.out);
  write_resemblyzer_checkpoint(request.out / "pretrained.pt", ours.checkpoint);
}

}  // namespace timbre::speaker_encoder
