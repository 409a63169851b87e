#include "base/error.h"
#include "base/strings.h"
#include "text/arpabet_front_end.h"
#include "text/espeak_front_end.h"
#include "text/ming024_front_end.h"
#include "text/multilingual_front_end.h"
#include "text/phonemes.h"
#include "text/phonemizer_front_end.h"
#include "text/pinyin_front_end.h"
#include "text/vallex_front_end.h"

namespace timbre::text {

std::string FrontEnd::plainer(std::string_view phone) const {
  // ARPAbet: "AA1" → "AA0" → "AA"; pinyin has nothing plainer.
  if (phone.size() < 2 || phone.size() > 3 || phone[0] < 'A' || phone[0] > 'Z') return "";
  std::string base(phone.substr(0, phone.size() - 1));
  if (phone.back() == '1' || phone.back() == '2') return base + "0";
  return phone.back() == '0' ? base : "";
}

std::unique_ptr<FrontEnd> make_front_end(const std::string& name, FrontEndOptions options) {
  if (!options.text.g2p.empty() && name != "arpabet:en")
    throw UsageError(fmt::format("the front end {} takes no g2p voice ('{}'): it reads every word by itself", name,
                                 options.text.g2p),
                     "use the front end arpabet:en, or leave text.g2p out");
  if (name == kAutoFrontEnd)
    throw UsageError("the front end espeak:auto takes its voices from a corpus, and here is none",
                     "name them: espeak:en-us, or espeak:en-us,fr-fr for two languages");
  if (name.starts_with("espeak:") && name.find(',') != name.npos)
    return std::make_unique<MultilingualFrontEnd>(split(name.substr(7), ','), options);
  if (name.starts_with("espeak:")) return std::make_unique<EspeakFrontEnd>(name.substr(7), std::move(options));
  if (name == "ming024:english") return std::make_unique<Ming024English>(std::move(options));
  if (name == "ming024:mandarin") return std::make_unique<Ming024Mandarin>(std::move(options));
  if (name == "pinyin:zh" || name == "pinyin:zh-strict")
    return std::make_unique<PinyinFrontEnd>(name == "pinyin:zh-strict", std::move(options));
  if (name == "arpabet:en") return std::make_unique<ArpabetFrontEnd>(std::move(options));
  if (name.starts_with("phonemizer:")) return std::make_unique<PhonemizerFrontEnd>(name.substr(11), options);
  for (const PinyinTokens how : {PinyinTokens::syllables, PinyinTokens::initials_finals})
    for (const PinyinSource source : {PinyinSource::text, PinyinSource::labelled})
      if (name == pypinyin_name(how, source)) return std::make_unique<PypinyinFrontEnd>(how, source, options);
  for (const char* language : {"en", "zh", "ja", "mix"})
    if (name == std::string("vallex:") + language) return std::make_unique<VallexFrontEnd>(language, options);
  const std::vector<std::string> known = {"espeak:en-us",
                                          "arpabet:en",
                                          "pinyin:zh",
                                          "pinyin:zh-strict",
                                          "ming024:english",
                                          "ming024:mandarin",
                                          "phonemizer:en-us",
                                          "pypinyin:syllables",
                                          "pypinyin:initials_finals",
                                          "pypinyin:labelled_syllables",
                                          "pypinyin:labelled_initials_finals",
                                          "vallex:en",
                                          "vallex:zh",
                                          "vallex:ja",
                                          "vallex:mix"};
  std::string near = did_you_mean(name, known);
  throw UsageError(
      fmt::format("there is no text front end '{}'{}", name, near.empty() ? "" : "; " + near),
      "one of: espeak:VOICE (for example espeak:en-us), espeak:VOICE,VOICE… for several languages, arpabet:en, "
      "pinyin:zh, pinyin:zh-strict, ming024:english, ming024:mandarin; of VALL-E: phonemizer:VOICE, "
      "pypinyin:syllables, "
      "pypinyin:initials_finals, pypinyin:labelled_syllables, pypinyin:labelled_initials_finals, vallex:en, vallex:zh, "
      "vallex:ja, vallex:mix");
}

}  // namespace timbre::text
