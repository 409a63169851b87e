#include "text/abbreviations.h"

#include <algorithm>
#include <span>

#include "text/letters.h"

namespace timbre::text {
namespace {

using Words = std::span<const std::string_view>;

constexpr std::string_view kTitlesEn[] = {"capt", "col", "dr",     "drs", "fr",  "gen", "gov", "hon",
                                          "lt",   "maj", "messrs", "mr",  "mrs", "ms",  "mt",  "pres",
                                          "prof", "rep", "rev",    "sen", "sgt", "st",  "supt"};
constexpr std::string_view kEn[] = {"approx", "apr", "aug",  "ave", "blvd", "bros", "cf",  "co",  "corp", "dec",
                                    "dept",   "e.g", "ed",   "eds", "esq",  "est",  "etc", "ex",  "ext",  "feb",
                                    "fig",    "ft",  "hwy",  "i.e", "inc",  "jan",  "jr",  "ltd", "min",  "no",
                                    "nos",    "nov", "oct",  "p",   "pp",   "rd",   "sec", "sep", "sept", "sr",
                                    "u.k",    "u.s", "univ", "v",   "viz",  "vol",  "vs"};
constexpr std::string_view kTitlesEs[] = {"d",   "dn",   "dr",   "dra", "excmo", "lic", "prof", "sr",
                                          "sra", "srta", "sres", "sta", "sto",   "ud",  "uds",  "vd"};
constexpr std::string_view kEs[] = {"art", "av", "avda", "cap", "cía",  "ej",  "etc",
                                    "núm", "p",  "p.ej", "pág", "págs", "tel", "vol"};
constexpr std::string_view kTitlesFr[] = {"dr", "m",   "me",   "mgr", "mlle", "mlles",
                                          "mm", "mme", "mmes", "pr",  "st",   "ste"};
constexpr std::string_view kFr[] = {"art", "av",  "bd", "cf",   "chap", "env", "etc",
                                    "ex",  "fig", "p",  "p.ex", "tél",  "vol"};
constexpr std::string_view kTitlesIt[] = {"avv", "dott", "dr", "ing", "on", "prof", "sig", "sigg", "spett"};
constexpr std::string_view kIt[] = {"art", "cap", "cfr", "ecc", "es", "fig", "p", "pag", "tel", "vol"};
constexpr std::string_view kTitlesDe[] = {"dr", "fr", "hr", "prof", "st"};
constexpr std::string_view kDe[] = {"abb", "abs", "art",  "bd",  "bzw", "ca",  "d.h", "etc", "evtl",
                                    "geb", "ggf", "inkl", "jh",  "kap", "mio", "mrd", "nr",  "s",
                                    "s.o", "sog", "str",  "tel", "u.a", "usw", "vgl", "z.b", "zzgl"};
constexpr std::string_view kTitlesRu[] = {"г", "гр", "д-р", "им", "о", "проф", "св", "тов", "ул"};
constexpr std::string_view kRu[] = {"акад", "в",   "гг",  "др",  "руб", "коп", "млн", "млрд", "напр",
                                    "обл",  "п",   "пр",  "рис", "с",   "см",  "стр", "т",    "т.д",
                                    "т.е",  "т.к", "т.н", "т.п", "тыс", "тел", "ч"};

struct Language {
  std::string_view code;
  Words titles, others;
};
const Language kLanguages[] = {{"en", kTitlesEn, kEn}, {"es", kTitlesEs, kEs}, {"fr", kTitlesFr, kFr},
                               {"it", kTitlesIt, kIt}, {"de", kTitlesDe, kDe}, {"ru", kTitlesRu, kRu}};

const Language* find(std::string_view language) {
  auto it =
      std::find_if(std::begin(kLanguages), std::end(kLanguages), [&](auto& l) { return language.starts_with(l.code); });
  return it == std::end(kLanguages) ? nullptr : it;
}

bool has(Words words, std::string_view word) { return std::find(words.begin(), words.end(), word) != words.end(); }

}  // namespace

bool is_title(std::string_view word, std::string_view language) {
  const Language* l = find(language);
  return l && has(l->titles, word);
}

bool is_abbreviation(std::string_view word, std::string_view language) {
  if (word.empty()) return false;
  std::size_t at = 0;
  if (char32_t c = next_code_point(word, at); at == word.size() && is_letter(c) && script_of(c) < Script::armenian)
    return true;
  // "U.S.A": single letters with stops between.
  bool letters = word.size() >= 3;
  for (std::size_t i = 0; i < word.size() && letters; ++i)
    letters = (i % 2 == 1) == (word[i] == '.') && static_cast<unsigned char>(word[i]) < 0x80;
  if (letters) return true;
  const Language* l = find(language);
  return l && (has(l->titles, word) || has(l->others, word));
}

}  // namespace timbre::text
