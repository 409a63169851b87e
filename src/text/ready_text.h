#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/phonemes.h"

namespace timbre::text {

/// A word whose phones are given, at bytes [begin, end) of a ReadyText.
struct Given : Spoken {
  std::string shown;  ///< the word as it was written
};

/// A normalised text ready to be cut into clauses. Where phones were given it holds the word, or "x" for what is no
/// plain word
/// ("U.S. way", "∂"), so that nothing inside it cuts the clause.
struct ReadyText {
  std::string text;
  std::vector<Given> given;  ///< in order
  /// The given word that overlaps bytes [begin, end), or null.
  const Given* by_hand(std::size_t begin, std::size_t end) const;
};

/// Normalises what lies between the given words (normalize_for_speech with `normalization`).
ReadyText make_ready(std::string_view text, std::span<const Spoken> spoken, std::string_view language,
                     std::string_view normalization, std::vector<std::string>& warnings);

}  // namespace timbre::text
