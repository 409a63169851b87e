#pragma once
#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>
#include <string_view>

#include "models/speaker_encoder/config.h"
#include "weights/tensor.h"

/// The files of HamedHemati/SpeakerEncoder (Mozilla TTS, newer Coqui) and of Resemblyzer. No LibTorch.
namespace timbre::speaker_encoder {

namespace fs = std::filesystem;

/// Mozilla's config.json: JSON in which a backslash at a line's end joins the next line and // begins a comment (also
/// within a string: that is how its reader has it). Throws DataError naming the file and the place.
nlohmann::json read_mozilla_config(const fs::path& path);
nlohmann::json parse_mozilla_config(std::string_view text, const std::string& where);

/// A checkpoint of another program.
struct Checkpoint {
  weights::TensorMap model;
  std::int64_t step = 0;
};

/// {"model": …}, or a bare state dict. Throws DataError.
Checkpoint read_mozilla_checkpoint(const fs::path& path);
/// {"model_state": …}; what belongs to its loss (similarity_*) is left out. Throws DataError.
Checkpoint read_resemblyzer_checkpoint(const fs::path& path);
void write_mozilla_checkpoint(const fs::path& path, const Checkpoint& checkpoint);
void write_resemblyzer_checkpoint(const fs::path& path, const Checkpoint& checkpoint);

/// Options from the tensors' names and shapes, and from config.json where one is given. Throws DataError for what
/// does not fit together and for settings we do not have, naming the key.
Config mozilla_config(const weights::TensorMap& model, const nlohmann::json& settings, const std::string& where);
Config resemblyzer_config(const weights::TensorMap& model, const std::string& where);
/// The way back: config.json of HamedHemati's program.
nlohmann::json mozilla_settings(const Config& config);

/// Voice.json of a speaker encoder.
nlohmann::json about_encoder(const Config& config);
/// Options out of voice.json. Throws DataError when it is no speaker encoder.
Config config_of_voice(const nlohmann::json& about, const std::string& where);

}  // namespace timbre::speaker_encoder
