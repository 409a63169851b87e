#pragma once
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/g2p_voice.h"
#include "text/lexicon.h"
#include "text/phonemes.h"

namespace timbre::text {

/// "arpabet:en": cleaned and normalised English, cut into clauses; each word from the user lexicon, the lexicon file,
/// CMUdict (first entry), or g2p_en's network or the g2p voice of the options, with a warning for the last. `sil` at
/// both ends, `sp` between clauses. What the aligner uses for ming024 voices, whose phones are the same.
class ArpabetFrontEnd : public FrontEnd {
 public:
  explicit ArpabetFrontEnd(FrontEndOptions options);
  std::string name() const override { return "arpabet:en"; }
  std::string language() const override { return "en"; }
  std::string rules() const override;
  std::string guesser() const override;
  using FrontEnd::phonemize;
  Phonemized phonemize(std::string_view text, std::span<const Spoken> spoken) override;

 private:
  std::vector<std::string> look_up(std::string_view word, Phonemized& out);

  std::string normalize_;
  Lexicon lexicon_;
  UserLexicon user_;
  std::shared_ptr<const G2pVoice> g2p_;
  std::map<std::string, std::vector<std::string>, std::less<>> guesses_;  // a network's answers
};

/// ARPAbet phones written by hand, separated by blanks. Throws UsageError naming one that is none.
std::vector<std::string> arpabet_by_hand(std::string_view phones);

}  // namespace timbre::text
