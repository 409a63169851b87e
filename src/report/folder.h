#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

/// What a folder of ours is, from the file that names it: corpus.json, run.yaml, voice.json, config.json, or a memmap
/// of training rows.
namespace timbre::report {

/// {"path", "kind": "corpus" | "run" | "voice" | "model" | "rows", "facts": {…}, "about": the whole JSON or YAML,
/// "weights": as weights::describe() gives it}. Nothing when `path` is no such folder. Throws DataError naming the
/// broken file.
std::optional<nlohmann::ordered_json> describe_folder(const std::filesystem::path& path);

/// The same for people.
std::string folder_text(const nlohmann::ordered_json& description);

}  // namespace timbre::report
