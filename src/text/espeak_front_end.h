#pragma once
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "text/clauses.h"
#include "text/espeak.h"
#include "text/phonemes.h"
#include "text/ready_text.h"
#include "text/scripts.h"

namespace timbre::text {

/// "espeak:VOICE": text cleaned and normalised, cut into clauses, each read by espeak-ng, phones split by the rule of
/// ipa.h. `sil` at both ends, `sp` between clauses. For voices of English a few allophones that a small corpus cannot
/// teach apart are merged: ɐ → ə, ᵻ → ɪ, oː and ɔ → ɔː, ʔ → t, stressed i → iː.
class EspeakFrontEnd : public FrontEnd {
 public:
  EspeakFrontEnd(std::string_view voice, FrontEndOptions options);
  std::string name() const override { return "espeak:" + voice_.code; }
  std::string language() const override { return language_; }
  std::string rules() const override;
  std::string sources() const override;
  using FrontEnd::phonemize;
  Phonemized phonemize(std::string_view text, std::span<const Spoken> spoken) override;
  std::string plainer(std::string_view phone) const override;

 private:
  using Phones = std::vector<std::string>;
  void check_script(const ReadyText& ready) const;
  void read_clause(const ReadyText& ready, const Clause& clause, const Given*& last_given, Phonemized& out);
  /// One phone list for each espeak word.
  std::vector<Phones> groups(std::string_view clause) const;
  /// The phones of each of `words`, from the phones of the whole clause.
  std::vector<Phones> by_word(const std::vector<Phones>& groups, const std::vector<std::string>& words);
  Phones given(std::string_view phones) const;
  void merge_allophones(Phones& phones) const;

  EspeakVoice voice_;
  std::string language_, normalize_;
  std::set<Script> scripts_;
  UserLexicon user_;
  std::unordered_map<std::string, Phones> alone_;  // words read one by one, to find word borders
};

/// The short code of a voice's language: "en" for en-us, "zh" for cmn.
std::string_view language_of_voice(std::string_view code);

/// For each phone of `spoken`, the index of the item of `parts` that it most likely comes from: a monotonic alignment
/// by edit distance of the concatenated parts. Used to find words where espeak joined or split them.
std::vector<std::size_t> align_to_parts(const std::vector<std::string>& spoken,
                                        const std::vector<std::vector<std::string>>& parts);

}  // namespace timbre::text
