#pragma once
#include <memory>

#include "models/valle/model.h"
#include "roles/golden.h"

/// What the parts of golden/valle_x share.
namespace timbre::valle {

inline constexpr const char* kVallexTensors = "cases.safetensors";
inline constexpr const char* kVallexInference = "inference.json";

/// The set's checkpoint, in evaluation mode.
std::unique_ptr<Valle> open_vallex(const roles::ParityRun& run);

/// Rows of the language tables, [1, tokens]: the prompt's language for the first `enrolled` tokens, then one language
/// (text) or one for each token (list). Throws DataError for a language that the voice lacks.
Tensor language_rows(const Config& config, std::int64_t tokens, std::int64_t enrolled,
                     const nlohmann::json& prompt_language, const nlohmann::json& text_language);

/// generate_audio and generate_audio_from_long_text: texts to codes, by the engine.
void run_vallex_speaking(roles::ParityRun& run);

}  // namespace timbre::valle
