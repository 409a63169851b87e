#pragma once
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace timbre::voice {

struct CardFacts {
  std::int64_t parameters = 0;
  std::uint64_t bytes = 0;  ///< of the whole folder without the card
  std::string dtype;        ///< "f16"
  std::string folder;       ///< where a reader will have it: "voices/small_vocoder"
};

/// The page about a trained folder, in Markdown: what it is, how it is used, how good it is, what it was made from and
/// whom to name. `about` is its voice.json.
std::string card(const nlohmann::json& about, const CardFacts& facts);

}  // namespace timbre::voice
