#pragma once
#include <string>
#include <string_view>
#include <vector>

/// The espeak front end of lifeiteng/vall-e: phonemizer 3.2.1 with preserved punctuation, without stress, words joined
/// by `_` and phones by `|`; then the pieces that its TextTokenizer takes for tokens.
namespace timbre::text {

/// phonemizer's default punctuation; such a mark is kept where it stands.
inline constexpr std::u32string_view kPhonemizerMarks = U";:,.!?¡¿—…\"«»“”";
/// Between the words of a phonemized text; a token of its own.
inline constexpr std::string_view kWordBorder = "_";

/// A stretch of a text: words that espeak-ng read in one call, or marks with the white space around them.
struct PhonemizerPiece {
  std::string text;        ///< as it stands in the text
  std::string phonemized;  ///< what it adds to the phonemized text
  bool marks = false;
};

/// The stretches of a text in order; none of a text of nothing but white space. `espeak_identifier` as in EspeakVoice
/// ("gmw/en-US").
std::vector<PhonemizerPiece> phonemizer_pieces(const std::string& espeak_identifier, std::string_view text);
/// "ð|ə_t|uː_p|ɑːɹ|ɾ|i|z,_…": the stretches as one.
std::string phonemizer_text(const std::string& espeak_identifier, std::string_view text);

/// The tokens of a phonemized text: cut at `_`, within words every run of word characters and every other character
/// by itself, `|` left out, `_` between words. White space is no token: the reference stops on it
/// (has_stray_space()).
std::vector<std::string> phonemized_tokens(std::string_view phonemized);
/// White space in a phonemized text, for which the reference's TextTokenizer has no token and raises.
bool has_stray_space(std::string_view phonemized);

}  // namespace timbre::text
