#include "base/strings.h"
#include "text/replace.h"
#include "text/vallex_cleaners.h"

namespace timbre::text {
namespace {

/// What a mora without a vowel sounds like before one of `before`.
struct Assimilation {
  char32_t mora;
  std::u32string_view before, sound;
};

constexpr Assimilation kAssimilations[] = {{U'Q', U"kg", U"k#"}, {U'Q', U"tdjʧ", U"t#"}, {U'Q', U"sʃ", U"s"},
                                           {U'Q', U"pb", U"p#"}, {U'N', U"pbm", U"m"},   {U'N', U"ʧʥj", U"n^"},
                                           {U'N', U"tdn", U"n"}, {U'N', U"kg", U"ŋ"}};

/// Pitch marks may stand between the mora and what follows it.
std::u32string assimilated(std::u32string_view text, const Assimilation& rule) {
  std::u32string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == rule.mora) {
      std::size_t next = at + 1;
      while (next < text.size() && (text[next] == U'↑' || text[next] == U'↓')) ++next;
      if (next < text.size() && rule.before.find(text[next]) != rule.before.npos) {
        out += rule.sound;
        out += text.substr(at + 1, next - at);
        at = next;
        continue;
      }
    }
    out += text[at];
  }
  return out;
}

}  // namespace

std::string vallex_japanese_ipa(std::string_view romaji) {
  std::u32string text = to_code_points(replaced(std::string(romaji), {{"...", "…"}}));
  for (const Assimilation& rule : kAssimilations) text = assimilated(text, rule);
  return replaced(to_utf8(text), {{"u", "ɯ"},
                                  {"ʧ", "tʃ"},
                                  {"j", "dʑ"},
                                  {"y", "j"},
                                  {"ni", "n^i"},
                                  {"nj", "n^"},
                                  {"hi", "çi"},
                                  {"hj", "ç"},
                                  {"f", "ɸ"},
                                  {"I", "i*"},
                                  {"U", "ɯ*"},
                                  {"r", "ɾ"}});
}

}  // namespace timbre::text
