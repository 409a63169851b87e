#include "train/checkpoint.h"

#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/strings.h"
#include "weights/safetensors.h"

namespace timbre::train {
namespace {

constexpr int kVersion = 1;
constexpr const char* kLeftover = ".unfinished-";

std::string folder_name(std::int64_t step) { return fmt::format("step_{:09}", step); }

std::optional<std::int64_t> step_of(const std::string& name) {
  if (!name.starts_with("step_")) return std::nullopt;
  return parse_int(std::string_view(name).substr(5));
}

/// What to type when `path` is broken: the newest older one whose hashes hold.
std::string other_checkpoint(const fs::path& path) {
  const auto list = list_checkpoints(path.parent_path());
  for (auto it = list.rbegin(); it != list.rend(); ++it) {
    if (it->second.filename() == path.filename() || it->first >= step_of(path.filename().string()).value_or(0))
      continue;
    return fmt::format("go on from the one before: timbre train --continue {} --from {}",
                       path.parent_path().parent_path().string(), it->second.filename().string());
  }
  return "start a new run, or copy the checkpoint again from where it came";
}

}  // namespace

fs::path save_checkpoint(const fs::path& folder, const Checkpoint& checkpoint) {
  const fs::path to = folder / folder_name(checkpoint.step);
  if (is_checkpoint(to)) {
    try {
      load_checkpoint(to);
      return to;
    } catch (const DataError&) {  // a damaged one of a step that is done again: cleared away with the leftovers
      fs::rename(to, folder / fmt::format("{}{}-{}-damaged", kLeftover, checkpoint.step, ::getpid()));
    }
  }
  const fs::path unfinished = folder / fmt::format("{}{}-{}", kLeftover, checkpoint.step, ::getpid());
  make_folders(folder);
  try {
    fs::create_directory(unfinished);
    nlohmann::json files = nlohmann::json::object();
    const auto put = [&](const char* name, const weights::TensorMap& tensors) {
      weights::write_safetensors(unfinished / name, tensors);
      files[name] = hash_file(unfinished / name);
    };
    put("model.safetensors", checkpoint.model);
    put("optimizer.safetensors", checkpoint.optimizer);
    if (!checkpoint.average.empty()) put("average.safetensors", checkpoint.average);
    nlohmann::json state = checkpoint.state;
    state["version"] = kVersion;
    state["step"] = checkpoint.step;
    state["files"] = files;
    const std::string body = state.dump(1);
    write_file_atomic(unfinished / "state.json",
                      nlohmann::json{{"hash", hash_hex(body)}, {"state", state}}.dump(1) + "\n");
    publish_folder(unfinished, to);
  } catch (const fs::filesystem_error& e) {
    std::error_code ignored;
    fs::remove_all(unfinished, ignored);
    throw SystemError(fmt::format("cannot write the checkpoint {}: {}", to.string(), e.code().message()),
                      "free disk space or make the folder writable; earlier checkpoints are untouched");
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(unfinished, ignored);
    throw;
  }
  return to;
}

Checkpoint load_checkpoint(const fs::path& path) {
  const fs::path state_file = path / "state.json";
  const auto broken = [&](const fs::path& file, const std::string& what) {
    throw DataError(fmt::format("{}: {}", file.string(), what), other_checkpoint(path));
  };
  if (!fs::exists(state_file))
    throw DataError(fmt::format("{} is not a checkpoint: it has no state.json", path.string()),
                    "give a folder checkpoints/step_… of a run");
  Checkpoint checkpoint;
  nlohmann::json document = nlohmann::json::parse(read_file(state_file), nullptr, false);
  if (document.is_discarded() || !document.contains("state") || !document.contains("hash"))
    broken(state_file, "is not a whole JSON document");
  checkpoint.state = document["state"];
  if (hash_hex(checkpoint.state.dump(1)) != document["hash"].get<std::string>())
    broken(state_file, "its contents do not match their hash");
  if (checkpoint.state.value("version", 0) != kVersion)
    throw DataError(
        fmt::format("{}: written by another version ({})", state_file.string(), checkpoint.state.value("version", 0)),
        "use the timbre that made this run");
  checkpoint.step = checkpoint.state.at("step").get<std::int64_t>();
  for (const auto& [name, hash] : checkpoint.state.at("files").items()) {
    const fs::path file = path / name;
    if (!is_safe_relative(name) || !fs::exists(file)) broken(file, "is missing");
    if (hash_file(file) != hash.get<std::string>())
      broken(file, "its contents do not match the hash in state.json (truncated or changed)");
    weights::TensorMap tensors = weights::read_safetensors(file);
    if (name == "model.safetensors") checkpoint.model = std::move(tensors);
    if (name == "optimizer.safetensors") checkpoint.optimizer = std::move(tensors);
    if (name == "average.safetensors") checkpoint.average = std::move(tensors);
  }
  return checkpoint;
}

std::vector<std::pair<std::int64_t, fs::path>> list_checkpoints(const fs::path& folder) {
  std::vector<std::pair<std::int64_t, fs::path>> list;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    const auto step = step_of(entry.path().filename().string());
    if (step && is_checkpoint(entry.path())) list.emplace_back(*step, entry.path());
  }
  std::sort(list.begin(), list.end());
  return list;
}

void remove_leftovers(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder, code))
    if (entry.path().filename().string().starts_with(kLeftover)) found.push_back(entry.path());
  for (const fs::path& path : found) fs::remove_all(path, code);
}

void rotate_checkpoints(const fs::path& folder, std::int64_t keep, const std::vector<std::string>& protect) {
  const auto list = list_checkpoints(folder);
  const std::size_t old =
      list.size() > static_cast<std::size_t>(keep) ? list.size() - static_cast<std::size_t>(keep) : 0;
  for (std::size_t i = 0; i < old; ++i) {
    const std::string name = list[i].second.filename().string();
    if (std::find(protect.begin(), protect.end(), name) != protect.end()) continue;
    // Renamed first: a kill while files are being removed must not leave half a checkpoint under a good name.
    std::error_code code;
    const fs::path doomed = folder / (kLeftover + name);
    fs::rename(list[i].second, doomed, code);
    if (!code) fs::remove_all(doomed, code);
  }
}

void point_at(const fs::path& folder, const std::string& name, const fs::path& checkpoint) {
  std::error_code code;
  const fs::path temporary = folder / fmt::format("{}{}-{}", kLeftover, name, ::getpid());
  fs::remove(temporary, code);
  fs::create_symlink(checkpoint.filename(), temporary, code);
  if (!code) fs::rename(temporary, folder / name, code);
}

bool is_checkpoint(const fs::path& path) {
  return fs::exists(path / "state.json") && fs::exists(path / "model.safetensors");
}

}  // namespace timbre::train
