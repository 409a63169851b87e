#include "text/ipa.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "text/letters.h"

namespace timbre::text {
namespace {

constexpr char32_t kPrimary = U'ˈ', kSecondary = U'ˌ', kLong = U'ː', kHalfLong = U'ˑ', kSyllabic = U'\u0329';

constexpr std::u32string_view kVowels = U"iyɨʉɯuɪʏʊeøɘɵɤoəɛœɜɞʌɔæɐaɶɑɒɚɝᵻᵿ";
constexpr std::u32string_view kConsonants =
    U"pbtdʈɖcɟkɡqɢʔmɱnɳɲŋɴʙrʀɾɽⱱɸβfvθðszʃʒʂʐçʝxɣχʁħʕhɦɬɮʋɹɻjɰlɭʎʟwʍɥɕʑɺɧɫɓɗʄɠʛʜʢʡʘǀǃǂǁ";
constexpr std::u32string_view kModifiers = U"ːˑʰʱʲʷˠˤⁿˡ˞ʼ˥˦˧˨˩1234567";

// Two letters that are one phone wherever they meet without a border.
constexpr std::array<std::u32string_view, 17> kAffricates = {U"ts", U"dz", U"tʃ", U"dʒ", U"tɕ", U"dʑ",
                                                             U"tʂ", U"dʐ", U"ʈʂ", U"ɖʐ", U"pf", U"tɬ",
                                                             U"dɮ", U"tθ", U"kx", U"bv", U"cç"};
// Diphthongs whose second letter can only be an off-glide, so that joining never crosses a syllable.
constexpr std::array<std::u32string_view, 14> kDiphthongs = {U"aɪ", U"aʊ", U"eɪ", U"oʊ", U"əʊ", U"ɔɪ", U"ɔʏ",
                                                             U"ɔø", U"œy", U"ɛɪ", U"ʌɪ", U"ɛʊ", U"ɑɪ", U"ɑʊ"};
// Off-glides: inside a border, a vowel pair that ends in one of these is one phone; other pairs are two.
constexpr std::u32string_view kOffGlides = U"ɪʊiuyʏɯøeo";

bool in(std::u32string_view set, char32_t c) { return set.find(c) != std::u32string_view::npos; }

// One letter with what hangs on it.
struct Unit {
  char32_t letter;
  std::u32string marks;
  bool stressed = false;
  bool border = false;  // a border was written after it
  bool syllabic() const { return in(marks, kSyllabic); }
};

// Letters that stand for two, or that have two spellings.
std::u32string canonical_letters(std::string_view ipa) {
  static constexpr std::array<std::pair<char32_t, std::u32string_view>, 32> kSpellings = {{
      {U'g', U"ɡ"},       {U'ʤ', U"dʒ"},      {U'ʧ', U"tʃ"},      {U'ʦ', U"ts"},      {U'ʣ', U"dz"},
      {U'ʨ', U"tɕ"},      {U'ʥ', U"dʑ"},      {U'ã', U"a\u0303"}, {U'ẽ', U"e\u0303"}, {U'ĩ', U"i\u0303"},
      {U'õ', U"o\u0303"}, {U'ũ', U"u\u0303"}, {U'ä', U"a\u0308"}, {U'ë', U"e\u0308"}, {U'ï', U"i\u0308"},
      {U'ö', U"o\u0308"}, {U'ü', U"u\u0308"}, {U'ñ', U"ɲ"},       {U'\'', U"ˈ"},      {U':', U"ː"},
      {U'ɩ', U"ɪ"},       {U'ʇ', U"ǀ"},       {U'∅', U"ø"},       {U'ε', U"ɛ"},       {U'β', U"β"},
      {U'\u0361', U""},   {U'\u035C', U""},   {U'\u200D', U""},   {U'\u032F', U""},   {U'\u2060', U""},
      {U'‿', U""},        {U'ʹ', U"ʲ"},
  }};
  std::u32string out;
  for (char32_t c : to_code_points(ipa)) {
    auto it = std::find_if(kSpellings.begin(), kSpellings.end(), [c](auto& s) { return s.first == c; });
    if (it == kSpellings.end())
      out += c;
    else
      out += it->second;
  }
  return out;
}

bool is_border(char32_t c) { return c == U' ' || c == U'_' || c == U'.' || c == U'|' || c == U'-' || c == U'\t'; }

std::vector<Unit> units_of(std::string_view ipa, bool strict) {
  std::vector<Unit> units;
  bool stress = false;
  for (char32_t c : canonical_letters(ipa)) {
    if (c == kPrimary) {
      stress = true;
      if (!units.empty()) units.back().border = true;
    } else if (c == kSecondary) {
      stress = false;
      if (!units.empty()) units.back().border = true;
    } else if (is_border(c)) {
      if (!units.empty()) units.back().border = true;
    } else if (in(kModifiers, c) || (c >= 0x0300 && c <= 0x036F)) {
      if (!units.empty()) units.back().marks += c == kHalfLong ? kLong : c;
    } else if (!strict && c == U'"' && !units.empty() && units.back().letter == U'u') {
      units.back().letter = U'ʉ';  // espeak's own name for the fronted u of Russian
    } else if (!strict && c < 0x80 && !is_letter(c)) {
      continue;  // other flags of espeak's own phoneme names: "ɪ^"
    } else if (in(kVowels, c) || in(kConsonants, c) || !strict) {
      units.push_back({c, {}, false, false});
      if (in(kVowels, c)) units.back().stressed = std::exchange(stress, false);
    } else {
      throw UsageError(fmt::format("'{}' (U+{:04X}) in /{}/ is not a letter of the phonetic alphabet",
                                   to_utf8(std::u32string(1, c)), static_cast<unsigned>(c), ipa),
                       "write IPA, for example [tomato](/təˈmeɪtoʊ/)");
    }
    // A stressed syllable without a vowel: its syllabic consonant carries the stress.
    if (stress && !units.empty() && c == kSyllabic) units.back().stressed = std::exchange(stress, false);
  }
  return units;
}

std::string spell(const Unit& unit, const Unit* second = nullptr) {
  std::u32string out;
  if (unit.stressed) out += kPrimary;
  out += unit.letter;
  out += unit.marks;
  if (second) {
    out += second->letter;
    out += second->marks;
  }
  return to_utf8(out);
}

bool joins(const Unit& a, const Unit& b, bool bordered) {
  if (a.border || a.syllabic() || b.syllabic()) return false;
  std::u32string pair{a.letter, b.letter};
  if (in(kVowels, a.letter) && in(kVowels, b.letter)) {
    if (b.stressed || in(a.marks, kLong)) return false;
    if (bordered) return in(kOffGlides, b.letter);
    return std::find(kDiphthongs.begin(), kDiphthongs.end(), pair) != kDiphthongs.end();
  }
  return a.marks.empty() && std::find(kAffricates.begin(), kAffricates.end(), pair) != kAffricates.end();
}

// `bordered`: the text is one phoneme of espeak, so what meets in it belongs together.
void append_phones(const std::vector<Unit>& units, bool bordered, std::vector<std::string>& out) {
  for (std::size_t i = 0; i < units.size(); ++i) {
    Unit unit = units[i];
    if (unit.syllabic()) {  // "n̩" → "ə" "n"
      std::erase(unit.marks, kSyllabic);
      Unit schwa{U'ə', {}, unit.stressed, true};
      unit.stressed = false;
      out.push_back(spell(schwa));
      out.push_back(spell(unit));
    } else if (i + 1 < units.size() && joins(unit, units[i + 1], bordered)) {
      out.push_back(spell(unit, &units[++i]));
    } else {
      out.push_back(spell(unit));
    }
  }
}

}  // namespace

std::vector<std::string> split_ipa(std::string_view ipa) {
  std::vector<std::string> phones;
  append_phones(units_of(ipa, true), false, phones);
  return phones;
}

std::vector<std::string> split_espeak_phoneme(std::string_view phoneme) {
  std::vector<std::string> phones;
  append_phones(units_of(phoneme, false), true, phones);
  return phones;
}

bool is_ipa_vowel(std::string_view phone) {
  for (char32_t c : to_code_points(phone))
    if (c != kPrimary) return in(kVowels, c);
  return false;
}

bool is_stressed(std::string_view phone) { return phone.starts_with("ˈ"); }

std::string plainer_ipa(std::string_view phone) {
  // What is left when nothing can be taken off: the nearest commoner sound, by place and manner.
  static constexpr std::array<std::pair<char32_t, char32_t>, 52> kNear = {{
      {U'ɜ', U'ə'}, {U'ɐ', U'ə'}, {U'ᵻ', U'ɪ'}, {U'ᵿ', U'ʊ'}, {U'ɚ', U'ə'}, {U'ɝ', U'ɚ'}, {U'ʌ', U'ə'}, {U'ɘ', U'ə'},
      {U'ɵ', U'ə'}, {U'ɞ', U'ɜ'}, {U'ɪ', U'i'}, {U'ʏ', U'y'}, {U'ʊ', U'u'}, {U'ɛ', U'e'}, {U'ɔ', U'o'}, {U'ɒ', U'ɔ'},
      {U'ɑ', U'a'}, {U'æ', U'a'}, {U'œ', U'ø'}, {U'ø', U'e'}, {U'y', U'i'}, {U'ɨ', U'i'}, {U'ʉ', U'u'}, {U'ɯ', U'u'},
      {U'ɤ', U'o'}, {U'ɹ', U'r'}, {U'r', U'ɾ'}, {U'ɾ', U'd'}, {U'ʁ', U'ɣ'}, {U'ɣ', U'ɡ'}, {U'β', U'b'}, {U'ð', U'd'},
      {U'θ', U's'}, {U'ɲ', U'n'}, {U'ŋ', U'n'}, {U'ʎ', U'l'}, {U'ɫ', U'l'}, {U'ɭ', U'l'}, {U'ʃ', U's'}, {U'ʒ', U'z'},
      {U'ʂ', U'ʃ'}, {U'ʐ', U'ʒ'}, {U'ɕ', U'ʃ'}, {U'ʑ', U'ʒ'}, {U'ç', U'x'}, {U'x', U'h'}, {U'χ', U'x'}, {U'ɦ', U'h'},
      {U'ɥ', U'w'}, {U'ʔ', U't'}, {U'ɱ', U'm'}, {U'ʋ', U'v'},
  }};
  std::u32string p = to_code_points(phone);
  if (p.empty()) return "";
  if (p[0] == kPrimary) return to_utf8(std::u32string_view(p).substr(1));
  if (auto at = p.find(kLong); at != p.npos) {
    p.erase(at, 1);
    return to_utf8(p);
  }
  if (p.size() > 1) {
    char32_t last = p.back();
    bool mark = in(kModifiers, last) || (last >= 0x0300 && last <= 0x036F);
    if (mark || in(kVowels, p[0])) {  // a diacritic, or the off-glide of a diphthong
      p.pop_back();
      return to_utf8(p);
    }
    return to_utf8(std::u32string_view(p).substr(p.size() - 1));  // an affricate keeps its fricative
  }
  auto it = std::find_if(kNear.begin(), kNear.end(), [&](auto& n) { return n.first == p[0]; });
  return it == kNear.end() ? "" : to_utf8(std::u32string(1, it->second));
}

}  // namespace timbre::text
