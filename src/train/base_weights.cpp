#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "train/checkpoint.h"
#include "train/job.h"
#include "weights/load.h"
#include "weights/safetensors.h"

namespace timbre::train {
namespace {

Base from_checkpoint(const fs::path& path) {
  Checkpoint checkpoint = load_checkpoint(path);
  Base base;
  base.source = path;
  base.tensors = checkpoint.average.empty() ? std::move(checkpoint.model) : std::move(checkpoint.average);
  base.about = checkpoint.state.value("about", nlohmann::json());
  return base;
}

Base from_voice(const fs::path& path) {
  Base base;
  base.source = path;
  base.about = read_json(path / "voice.json", "copy the folder again, or choose another base");
  std::string file = "model.safetensors";
  if (base.about.contains("model") && base.about["model"].is_object())
    file = base.about["model"].value("weights", file);
  if (!is_safe_relative(file))
    throw DataError(fmt::format("{}: model.weights is '{}', expected a file inside the folder",
                                (path / "voice.json").string(), file));
  base.tensors = weights::read_safetensors(path / file);
  return base;
}

}  // namespace

Base open_base(const fs::path& path) {
  if (!fs::exists(path))
    throw DataError(fmt::format("--base: {} does not exist", path.string()),
                    "give a voice folder, a run folder, a checkpoint or a weights file");
  if (fs::is_directory(path)) {
    if (is_checkpoint(path)) return from_checkpoint(path);
    if (fs::exists(path / "voice.json")) return from_voice(path);
    const fs::path checkpoints = path / "checkpoints";
    const auto list = list_checkpoints(checkpoints);
    const bool last = !list.empty() && read_json(list.back().second / "state.json")
                                           .value("state", nlohmann::json::object())
                                           .value("last_is_best", false);
    if (!last && is_checkpoint(checkpoints / "best")) return from_checkpoint(fs::canonical(checkpoints / "best"));
    if (!list.empty()) return from_checkpoint(list.back().second);
  }
  Base base;
  base.source = path;
  base.tensors = weights::load_tensors(path);
  return base;
}

}  // namespace timbre::train
