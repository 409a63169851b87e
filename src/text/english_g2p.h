#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace timbre::text {

struct EnglishPhones {
  std::vector<std::string> phones;   ///< ARPAbet with stress, and marks as they are
  std::vector<std::string> guessed;  ///< words in no dictionary, read by the network
};

/// Phones of a word of lower-case letters, apostrophes and dashes.
using Pronounce = std::function<std::vector<std::string>(std::string_view word)>;

/// The network alone: at most 20 phones for a word of letters.
std::vector<std::string> predict_phones(std::string_view word);

/// What g2p_en 2.1.0 makes of a piece of text without full stops (ming024 cuts at them before): numbers in words,
/// accents off, tokens, then for each the homograph list, CMUdict's first entry, or g2p_en's own small network (a GRU
/// encoder and decoder over letters). No part-of-speech tagger: a homograph takes its second reading, as for an unknown
/// tag. `unknown` may stand in for the network.
EnglishPhones g2p_en(std::string_view text, const Pronounce& unknown = predict_phones);

}  // namespace timbre::text
