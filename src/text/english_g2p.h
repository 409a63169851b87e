#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace timbre::text {

/// What g2p_en 2.1.0 makes of a piece of text whose words CMUdict knows: number expansion, accents off, tokens, CMUdict's
/// first entry, homographs by its default, punctuation kept as single characters. Words it does not know are returned in
/// `unknown` and go to `spell_unknown` if given (g2p_en has a neural network there, which is not part of this program).
struct EnglishPhones {
  std::vector<std::string> phones;
  std::vector<std::string> unknown;
};
EnglishPhones g2p_en(std::string_view text);

}  // namespace timbre::text
