#pragma once
#include <string>

#include "text/espeak.h"
#include "text/phonemes.h"
#include "text/pypinyin.h"

/// The front ends of lifeiteng/vall-e: texts as its TextTokenizer cuts them into tokens, figures and all else as the
/// tools behind it read them (text.normalize changes nothing).
namespace timbre::text {

/// "phonemizer:VOICE": espeak-ng as phonemizer 3.2.1 calls it (text/phonemizer.h). Marks are tokens, `_` stands between
/// words, no silences. Phones by hand are tokens with blanks between: [read](/ɹ ɛ d/).
class PhonemizerFrontEnd : public FrontEnd {
 public:
  PhonemizerFrontEnd(std::string_view voice, const FrontEndOptions& options);
  std::string name() const override { return "phonemizer:" + voice_.code; }
  std::string language() const override { return language_; }
  std::string sources() const override { return espeak_sources(); }
  TokenPolicy policy() const override { return collater_policy(); }
  using FrontEnd::phonemize;
  Phonemized phonemize(std::string_view text, std::span<const Spoken> spoken) override;
  std::string plainer(std::string_view) const override { return ""; }

 private:
  EspeakVoice voice_;
  std::string language_;
};

/// What a pypinyin front end reads.
enum class PinyinSource {
  text,     ///< Chinese
  labelled  ///< pinyin with tone numbers, as in the labels of the Baker corpus
};

/// "pypinyin:initials_finals".
std::string pypinyin_name(PinyinTokens how, PinyinSource source);

/// "pypinyin:syllables", "pypinyin:initials_finals" (the reference's back ends `pypinyin` and
/// `pypinyin_initials_finals`) and, of a line of labelled pinyin, "pypinyin:labelled_syllables" and
/// "pypinyin:labelled_initials_finals". Phones by hand are syllables: [行](/hang2/).
class PypinyinFrontEnd : public FrontEnd {
 public:
  PypinyinFrontEnd(PinyinTokens how, PinyinSource source, const FrontEndOptions& options);
  std::string name() const override { return pypinyin_name(how_, source_); }
  std::string language() const override { return "zh"; }
  TokenPolicy policy() const override { return collater_policy(); }
  using FrontEnd::phonemize;
  Phonemized phonemize(std::string_view text, std::span<const Spoken> spoken) override;
  std::string plainer(std::string_view) const override { return ""; }

 private:
  PinyinTokens how_;
  PinyinSource source_;
};

}  // namespace timbre::text
