#pragma once
#include <nlohmann/json.hpp>

#include "corpus/corpus.h"

/// What voice.json says about the recordings a network learned from.
namespace timbre::train {

/// `about` with the corpus's licence and attribution.
nlohmann::json with_licence(nlohmann::json about, const corpus::Corpus& corpus);

/// `about` with "provenance": what the loop says of the run, the corpus and the clips that were kept for tests.
nlohmann::json with_provenance(nlohmann::json about, const nlohmann::json& run, const corpus::Corpus& corpus,
                               const std::vector<std::string>& test_ids);

}  // namespace timbre::train
