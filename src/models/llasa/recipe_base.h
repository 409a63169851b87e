#pragma once
#include "models/llasa/model.h"
#include "tokenizer/tokenizer.h"
#include "train/recipe.h"

/// Where a new run's weights come from.
namespace timbre::llasa {

/// Fills the network from a voice, a run's checkpoint, a Hugging Face folder or a bare file of Hugging Face's names.
/// Tables grow for tokens that the base has not (Config::new_rows); adapters of the base are taken over where the
/// network has the same ones and are merged where it has none. `language` becomes the base's where it names one. Throws
/// DataError where the base's tokenizer is not the beginning of `tokenizer`, and where a shape does not fit.
train::StartReport start_network(Model& model, const Config& config, const tokenizer::Tokenizer& tokenizer,
                                 const train::Base& base, std::string& language);

/// What a Hugging Face folder says of its network's sizes; null where it is none.
nlohmann::json about_hf_base(const std::filesystem::path& base);

}  // namespace timbre::llasa
