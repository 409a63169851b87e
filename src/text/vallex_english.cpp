#include <algorithm>

#include "base/strings.h"
#include "text/cleaners.h"
#include "text/eng_to_ipa.h"
#include "text/replace.h"
#include "text/vallex_cleaners.h"

namespace timbre::text {
namespace {

/// An l that no vowel follows within its word is dark; one that another l stands behind stays as it is.
std::u32string mark_dark_l(std::u32string_view ipa) {
  constexpr std::u32string_view kEnds = U"aeiouæɑɔəɛɪʊ ";
  std::u32string out;
  for (std::size_t at = 0; at < ipa.size();) {
    if (ipa[at] != U'l') {
      out += ipa[at++];
      continue;
    }
    std::size_t end = at + 1;
    while (end < ipa.size() && kEnds.find(ipa[end]) == kEnds.npos) ++end;
    if (end < ipa.size() && ipa[end] != U' ') {
      out += ipa[at++];
      continue;
    }
    end = std::min(end + 1, ipa.size());
    out += U'ɫ';
    out += ipa.substr(at + 1, end - at - 1);
    at = end;
  }
  return out;
}

}  // namespace

std::string vallex_english_words(std::string_view text) {
  return normalize_numbers(expand_abbreviations(ascii_lower(unidecode(text))));
}

std::string vallex_english(std::string_view text, std::vector<std::string>& unknown) {
  const std::string said = collapse_whitespace(eng_to_ipa(vallex_english_words(text), unknown));
  const std::string dark = to_utf8(mark_dark_l(to_code_points(said)));
  return replaced(dark, {{"r", "ɹ"}, {"ʤ", "dʒ"}, {"ʧ", "tʃ"}, {"...", "…"}});
}

}  // namespace timbre::text
