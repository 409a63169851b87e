#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "text/phonemes.h"

/// The text side of VALL-E X: every character of the cleaned text is a token, with the language of its span.
namespace timbre::text {

/// A cleaned text, as `cje_cleaners` makes it.
struct VallexText {
  std::string phonemes;                ///< IPA with blanks between words
  std::vector<std::string> languages;  ///< of every character of `phonemes`: "en", "zh", "ja"
  std::vector<std::string> warnings;   ///< what was dropped or stays in its spelling
};

/// Spans [EN]…[EN], [ZH]…[ZH] and [JA]…[JA] of one line each, cleaned and joined without a blank, each closed by a full
/// stop unless it ends in one of . , ! ? - … ~. What stands outside of spans is dropped, with a warning. Throws
/// UsageError for Japanese script: vallex_japanese_ipa() needs romaji with accents, which nothing here makes.
VallexText vallex_clean(std::string_view tagged);

/// A stretch of a text in the tags of one language, bytes [begin, end) with them.
struct VallexSpan {
  std::size_t begin, end;
  std::string_view mark, language;  ///< "[EN]", "en"
};
/// Those of a text in order; one may lie in another.
std::vector<VallexSpan> vallex_spans(std::string_view tagged);
/// Whether a text says its languages itself.
bool has_vallex_tags(std::string_view text);

/// `text` as VALL-E X prepares it before that: line ends deleted, blanks at both ends taken away, in the tags of
/// "en", "zh" or "ja"; as it is for "mix".
std::string vallex_tagged(std::string_view text, std::string_view language);

/// "vallex:en", "vallex:zh", "vallex:ja" (a text of one language) and "vallex:mix" (a text with tags). Tokens are
/// characters, `_` for a blank. Japanese is given by hand, in romaji with accents: [こんにちは](/ko↑Nniʧiwa/);
/// phones by hand are IPA in the other languages.
class VallexFrontEnd : public FrontEnd {
 public:
  VallexFrontEnd(std::string language, const FrontEndOptions& options);
  std::string name() const override { return "vallex:" + tag_; }
  std::string language() const override { return tag_ == "mix" ? "en" : tag_; }
  TokenPolicy policy() const override { return bpe_policy(); }
  using FrontEnd::phonemize;
  Phonemized phonemize(std::string_view text, std::span<const Spoken> spoken) override;
  std::string plainer(std::string_view) const override { return ""; }

 private:
  std::string tag_;
};

}  // namespace timbre::text
