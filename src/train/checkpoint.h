#pragma once
#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "weights/tensor.h"

/// A checkpoint is a folder: model.safetensors, optimizer.safetensors, average.safetensors (with EMA), state.json with
/// the hash of each. It is written beside, flushed, and made real by one rename, so a checkpoint that has its name is
/// whole.
namespace timbre::train {

struct Checkpoint {
  std::int64_t step = 0;
  weights::TensorMap model, optimizer, average;  ///< average is empty without EMA
  nlohmann::json state;                          ///< everything else, as the loop wants it
};

/// <folder>/step_000000123. Returns its path; a checkpoint of that step that is there already is left as it is.
/// Throws SystemError (full disk …) after removing what it had written.
std::filesystem::path save_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint);

/// Checks every hash. Throws DataError naming the file; `next` names the newest older checkpoint that is whole.
Checkpoint load_checkpoint(const std::filesystem::path& path);

/// The checkpoints of a folder by step.
std::vector<std::pair<std::int64_t, std::filesystem::path>> list_checkpoints(const std::filesystem::path& folder);

/// Removes half-written leftovers of a killed process.
void remove_leftovers(const std::filesystem::path& folder);

/// Removes all but the newest `keep` and those named in `protect`. Failing to remove is not an error.
void rotate_checkpoints(const std::filesystem::path& folder, std::int64_t keep,
                        const std::vector<std::string>& protect);

/// Points <folder>/<name> (a relative symbolic link) at a checkpoint, in one step.
void point_at(const std::filesystem::path& folder, const std::string& name, const std::filesystem::path& checkpoint);

/// True for a folder with state.json and model.safetensors.
bool is_checkpoint(const std::filesystem::path& path);

}  // namespace timbre::train
