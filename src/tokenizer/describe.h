#pragma once
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tokenizer/tokenizer.h"

namespace timbre::tokenizer {

/// Whether a path is a tokenizer.json or a folder with one.
bool is_tokenizer(const std::filesystem::path& path);

/// {"path", "kind": "tokenizer", "facts": {"tokens", "vocabulary", "merges", "added", "special", "bos", "eos",
/// "speech", "speeds", "template"}}.
nlohmann::ordered_json describe(const Tokenizer& tokenizer);
/// The same for people.
std::string describe_text(const nlohmann::ordered_json& description);

}  // namespace timbre::tokenizer
