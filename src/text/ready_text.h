#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/phonemes.h"

namespace timbre::text {

/// A normalised text ready to be cut into clauses; words given by hand stand in it as they were written.
struct ReadyText {
  std::string text;
  std::vector<Spoken> spoken;  ///< bytes of text
  /// The word given by hand that overlaps bytes [begin, end), or null.
  const Spoken* by_hand(std::size_t begin, std::size_t end) const;
};

/// Normalises what lies between the given words (normalize_for_speech).
ReadyText make_ready(std::string_view text, std::span<const Spoken> spoken, std::string_view language, std::vector<std::string>& warnings);

}  // namespace timbre::text
