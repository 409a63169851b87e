#pragma once
#include <string>

#include "text/phonemes.h"
#include "text/pinyin.h"

namespace timbre::text {

/// "pinyin:zh": normalised Mandarin cut into clauses, each character an initial and a final with its tone ("zh ong1"),
/// polyphones by pypinyin's phrases; `sil` at both ends, `sp` between clauses. Initials and finals as in ming024's
/// pinyin lexicon and lifeiteng's VALL-E recipe (y and w are initials); "pinyin:zh-strict" by the scheme of 1958.
/// Phones by hand are syllables: [行](/hang2/).
class PinyinFrontEnd : public FrontEnd {
 public:
  PinyinFrontEnd(bool strict, FrontEndOptions options);
  std::string name() const override { return style_.strict ? "pinyin:zh-strict" : "pinyin:zh"; }
  std::string language() const override { return "zh"; }
  std::string rules() const override;
  using FrontEnd::phonemize;
  Phonemized phonemize(std::string_view text, std::span<const Spoken> spoken) override;
  /// A final in the neutral tone for one in another: "ang2" → "ang5".
  std::string plainer(std::string_view phone) const override;

 private:
  std::vector<std::string> by_hand(std::string_view syllables) const;

  PinyinStyle style_;
  std::string normalize_;
};

}  // namespace timbre::text
