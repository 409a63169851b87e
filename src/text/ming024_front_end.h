#pragma once
#include <string>
#include <vector>

#include "text/lexicon.h"
#include "text/phonemes.h"

/// The text front ends of ming024/FastSpeech2's synthesize.py.
namespace timbre::text {

/// "ming024:english": closing punctuation off, pieces between , ; . - ? ! + and white space looked up in the lexicon
/// (lower case, first entry), else read by g2p_en (english_g2p.h); a phone that is one mark becomes `sp`. No silence at
/// the ends.
class Ming024English : public FrontEnd {
 public:
  explicit Ming024English(FrontEndOptions options);
  std::string name() const override { return "ming024:english"; }
  std::string language() const override { return "en"; }
  std::string guesser() const override { return "g2p_en's network"; }
  using FrontEnd::phonemize;
  Phonemized phonemize(std::string_view text, std::span<const Spoken> spoken) override;

 private:
  Lexicon lexicon_;
  UserLexicon user_;
};

/// "ming024:mandarin": pypinyin's TONE3 syllables looked up in the pinyin lexicon ("ni3 n i3"); what is not in it is
/// one `sp`.
class Ming024Mandarin : public FrontEnd {
 public:
  /// Throws UsageError without a lexicon: initials and finals come from it.
  explicit Ming024Mandarin(FrontEndOptions options);
  std::string name() const override { return "ming024:mandarin"; }
  std::string language() const override { return "zh"; }
  using FrontEnd::phonemize;
  Phonemized phonemize(std::string_view text, std::span<const Spoken> spoken) override;

 private:
  Lexicon lexicon_;
};

/// The phones as ming024 writes them into train.txt and into the embedding look-up: "{HH AH0 sp …}".
std::string braced(const std::vector<std::string>& phones);

}  // namespace timbre::text
