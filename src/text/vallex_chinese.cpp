#include <algorithm>
#include <array>
#include <span>
#include <string>

#include "base/error.h"
#include "base/strings.h"
#include "text/letters.h"
#include "text/pypinyin.h"
#include "text/replace.h"
#include "text/unicode_classes.h"
#include "text/vallex_cleaners.h"

namespace timbre::text {
namespace {

constexpr std::array<std::string_view, 10> kFigures = {"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"};
constexpr std::array<std::string_view, 16> kUnits = {"",   "十", "百", "千", "万", "十", "百", "千",
                                                     "亿", "十", "百", "千", "万", "十", "百", "千"};
constexpr std::size_t kMostDecimals = 16;

/// A decimal digit in ASCII or of full width, as a number.
int digit_value(char32_t c) {
  if (c >= U'0' && c <= U'9') return static_cast<int>(c - U'0');
  if (c >= U'０' && c <= U'９') return static_cast<int>(c - U'０');
  throw DataError(fmt::format("the figure '{}' is not of 0 to 9", to_utf8(std::u32string(1, c))),
                  "write numbers with the figures 0 to 9");
}

/// "万零三千" → "万三千": no zero between the myriads and a full thousand.
std::string without_inner_zeros(std::string text) {
  constexpr std::size_t kBytes = 3;  // of each of these characters
  const auto at_is = [&](std::size_t at, std::initializer_list<std::string_view> choices) {
    return std::any_of(choices.begin(), choices.end(), [&](auto c) { return text.compare(at, kBytes, c) == 0; });
  };
  for (std::size_t at = 0; at + 4 * kBytes <= text.size(); at += kBytes)
    if (at_is(at, {"万", "亿"}) && at_is(at + kBytes, {"零"}) && !at_is(at + 2 * kBytes, {"零"}) &&
        std::find(kFigures.begin() + 1, kFigures.end(), text.substr(at + 2 * kBytes, kBytes)) != kFigures.end() &&
        at_is(at + 3 * kBytes, {"千"}))
      text.erase(at + kBytes, kBytes);
  return text;
}

std::string whole_in_chinese(std::u32string_view digits) {
  while (digits.size() > 1 && digit_value(digits.front()) == 0) digits.remove_prefix(1);
  if (digits.size() > kUnits.size())
    throw DataError(fmt::format("the number {} has more than {} figures", to_utf8(digits), kUnits.size()),
                    "write its figures apart, or in words");
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const int value = digit_value(digits[i]);
    const std::size_t place = digits.size() - i - 1;
    if (value != 0 || place % 4 == 0) out.append(kFigures[value]).append(kUnits[place]);
    if (value == 0 && i > 0 && !out.ends_with(kFigures[0])) out += kFigures[0];
  }
  out = replaced(std::move(out), {{"零零", "零"}, {"零万", "万"}, {"零亿", "亿"}, {"亿万", "亿"}});
  while (out.starts_with(kFigures[0])) out.erase(0, kFigures[0].size());
  while (out.ends_with(kFigures[0])) out.erase(out.size() - kFigures[0].size());
  out = without_inner_zeros(std::move(out));
  if (out.starts_with("一十")) out.erase(0, kFigures[1].size());
  return out.empty() ? std::string(kFigures[0]) : out;
}

struct Spelling {
  std::string_view pinyin, bopomofo;
};

// Parts of a syllable without its tone, initials of two letters first. Letters stand as pypinyin writes them, ü as v.
constexpr Spelling kInitials[] = {{"zh", "ㄓ"}, {"ch", "ㄔ"}, {"sh", "ㄕ"}, {"b", "ㄅ"}, {"p", "ㄆ"}, {"m", "ㄇ"},
                                  {"f", "ㄈ"},  {"d", "ㄉ"},  {"t", "ㄊ"},  {"n", "ㄋ"}, {"l", "ㄌ"}, {"g", "ㄍ"},
                                  {"k", "ㄎ"},  {"h", "ㄏ"},  {"j", "ㄐ"},  {"q", "ㄑ"}, {"x", "ㄒ"}, {"r", "ㄖ"},
                                  {"z", "ㄗ"},  {"c", "ㄘ"},  {"s", "ㄙ"}};
constexpr Spelling kFinals[] = {{"iong", "ㄩㄥ"}, {"iang", "ㄧㄤ"}, {"uang", "ㄨㄤ"}, {"ueng", "ㄨㄥ"}, {"ang", "ㄤ"},
                                {"eng", "ㄥ"},    {"ing", "ㄧㄥ"},  {"ong", "ㄨㄥ"},  {"iao", "ㄧㄠ"},  {"ian", "ㄧㄢ"},
                                {"iou", "ㄧㄡ"},  {"uai", "ㄨㄞ"},  {"uei", "ㄨㄟ"},  {"uan", "ㄨㄢ"},  {"uen", "ㄨㄣ"},
                                {"van", "ㄩㄢ"},  {"ai", "ㄞ"},     {"ei", "ㄟ"},     {"ao", "ㄠ"},     {"ou", "ㄡ"},
                                {"an", "ㄢ"},     {"en", "ㄣ"},     {"er", "ㄦ"},     {"ia", "ㄧㄚ"},   {"io", "ㄧㄛ"},
                                {"ie", "ㄧㄝ"},   {"iu", "ㄧㄡ"},   {"in", "ㄧㄣ"},   {"ua", "ㄨㄚ"},   {"uo", "ㄨㄛ"},
                                {"ui", "ㄨㄟ"},   {"un", "ㄨㄣ"},   {"ve", "ㄩㄝ"},   {"vn", "ㄩㄣ"},   {"a", "ㄚ"},
                                {"o", "ㄛ"},      {"e", "ㄜ"},      {"ê", "ㄝ"},      {"i", "ㄧ"},      {"u", "ㄨ"},
                                {"v", "ㄩ"},      {"m", "ㄇ"},      {"n", "ㄣ"},      {"ng", "ㄣ"}};
constexpr std::string_view kTones[] = {"ˉ", "ˊ", "ˇ", "ˋ", "˙"};

std::string_view spelling_of(std::span<const Spelling> table, std::string_view pinyin) {
  const auto found = std::find_if(table.begin(), table.end(), [&](const Spelling& s) { return s.pinyin == pinyin; });
  return found == table.end() ? std::string_view() : found->bopomofo;
}

/// The final of the scheme of 1958 in full: "you" → "iou", "xu" → "xv", "yue" → "ve".
std::string full_form(std::string s) {
  if (s.starts_with("yu")) return "v" + s.substr(2);
  if (s.starts_with("yi")) return s.substr(1);
  if (s.starts_with("y")) return "i" + s.substr(1);
  if (s.starts_with("wu")) return s.substr(1);
  if (s.starts_with("w")) return "u" + s.substr(1);
  if (s.size() > 1 && std::string_view("jqx").find(s[0]) != std::string_view::npos && s[1] == 'u') s[1] = 'v';
  return s;
}

/// "zhong1" → "ㄓㄨㄥˉ"; nothing for what is no syllable.
std::string bopomofo_of(std::string_view syllable) {
  if (syllable.empty() || syllable.back() < '1' || syllable.back() > '5') return "";
  const std::string_view tone = kTones[syllable.back() - '1'];
  const std::string plain = full_form(std::string(syllable.substr(0, syllable.size() - 1)));
  std::string_view initial, final = plain;
  for (const Spelling& candidate : kInitials)
    if (plain.starts_with(candidate.pinyin) && plain.size() > candidate.pinyin.size() && plain != "ng") {
      initial = candidate.bopomofo;
      final = std::string_view(plain).substr(candidate.pinyin.size());
      break;
    }
  // zhi, chi, shi, ri, zi, ci, si have no letter for their vowel
  const bool bare = final == "i" && std::string_view("ㄓㄔㄕㄖㄗㄘㄙ").find(initial) != std::string_view::npos;
  const std::string_view written = bare && !initial.empty() ? std::string_view() : spelling_of(kFinals, final);
  if (written.empty() && !(bare && !initial.empty())) return "";
  return fmt::format("{}{}{}", initial, written, tone);
}

bool in(std::u32string_view set, char32_t c) { return set.find(c) != std::u32string_view::npos; }

/// What the letters of the Latin alphabet are called.
constexpr std::array<std::string_view, 26> kLetters = {"ㄟˉ",
                                                       "ㄅㄧˋ",
                                                       "ㄙㄧˉ",
                                                       "ㄉㄧˋ",
                                                       "ㄧˋ",
                                                       "ㄝˊㄈㄨˋ",
                                                       "ㄐㄧˋ",
                                                       "ㄝˇㄑㄩˋ",
                                                       "ㄞˋ",
                                                       "ㄐㄟˋ",
                                                       "ㄎㄟˋ",
                                                       "ㄝˊㄛˋ",
                                                       "ㄝˊㄇㄨˋ",
                                                       "ㄣˉ",
                                                       "ㄡˉ",
                                                       "ㄆㄧˉ",
                                                       "ㄎㄧㄡˉ",
                                                       "ㄚˋ",
                                                       "ㄝˊㄙˋ",
                                                       "ㄊㄧˋ",
                                                       "ㄧㄡˉ",
                                                       "ㄨㄧˉ",
                                                       "ㄉㄚˋㄅㄨˋㄌㄧㄡˋ",
                                                       "ㄝˉㄎㄨˋㄙˋ",
                                                       "ㄨㄞˋ",
                                                       "ㄗㄟˋ"};

std::string spell_letters(std::string_view text) {
  std::string out;
  for (char c : text) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    if (lower >= 'a' && lower <= 'z')
      out += kLetters[lower - 'a'];
    else
      out += c;
  }
  return out;
}

/// i before a, e, o is a glide; u before a, o, ə, e.
void write_glides(std::u32string& ipa) {
  for (std::size_t i = 0; i + 1 < ipa.size(); ++i) {
    if (ipa[i] == U'i' && in(U"aeo", ipa[i + 1])) ipa[i] = U'j';
  }
  for (std::size_t i = 0; i + 1 < ipa.size(); ++i) {
    if (ipa[i] == U'u' && in(U"aoəe", ipa[i + 1])) ipa[i] = U'w';
  }
}

/// A consonant (`s` or `ɹ` with or without the mark of retroflexes) that no vowel follows gets one.
std::u32string add_vowels(std::u32string_view ipa, std::u32string_view consonants, bool retroflex,
                          std::u32string_view vowel) {
  std::u32string out;
  for (std::size_t at = 0; at < ipa.size();) {
    std::size_t end = at + 1;
    bool fits = in(consonants, ipa[at]);
    if (fits && retroflex) fits = end < ipa.size() && ipa[end++] == U'`';
    if (fits && end < ipa.size() && in(U"⁼ʰ", ipa[end])) ++end;
    if (!fits || (end < ipa.size() && !in(U"→↓↑ ", ipa[end]))) {
      out += ipa[at++];
      continue;
    }
    out += ipa.substr(at, end - at);
    out += vowel;
    at = end;
    while (at < ipa.size() && in(U"→↓↑ ", ipa[at])) out += ipa[at++];
  }
  return out;
}

}  // namespace

std::string vallex_number_to_chinese(std::string_view text) {
  const std::u32string points = to_code_points(text);
  const auto digits_end = [&](std::size_t at) {
    while (at < points.size() && is_decimal(points[at])) ++at;
    return at;
  };
  std::string out;
  for (std::size_t at = 0; at < points.size();) {
    if (!is_decimal(points[at])) {
      append_utf8(out, points[at++]);
      continue;
    }
    const std::size_t whole_end = digits_end(at);
    out += whole_in_chinese(std::u32string_view(points).substr(at, whole_end - at));
    at = whole_end;
    if (at + 1 >= points.size() || points[at] != U'.' || !is_decimal(points[at + 1])) continue;
    const std::size_t end = digits_end(at + 1);
    out += "点";
    for (std::size_t i = at + 1; i < std::min(end, at + 1 + kMostDecimals); ++i)
      out += kFigures[digit_value(points[i])];
    at = end;
  }
  return out;
}

std::string vallex_bopomofo(std::string_view text) {
  std::string out;
  for (const std::string& word :
       pypinyin_048_words(replaced(std::string(text), {{"、", "，"}, {"；", "，"}, {"：", "，"}}))) {
    std::string read;
    for (const std::string& syllable : pypinyin_048(word)) read += bopomofo_of(syllable);
    if (read.empty()) {
      out += word;
      continue;
    }
    if (!out.empty()) out += ' ';
    out += read;
  }
  return out;
}

std::string vallex_chinese_ipa(std::string_view bopomofo) {
  const std::string letters =
      replaced(spell_letters(bopomofo),
               {{"ㄅㄛ", "p⁼wo"}, {"ㄆㄛ", "pʰwo"}, {"ㄇㄛ", "mwo"}, {"ㄈㄛ", "fwo"}, {"ㄅ", "p⁼"},    {"ㄆ", "pʰ"},
                {"ㄇ", "m"},      {"ㄈ", "f"},      {"ㄉ", "t⁼"},    {"ㄊ", "tʰ"},    {"ㄋ", "n"},     {"ㄌ", "l"},
                {"ㄍ", "k⁼"},     {"ㄎ", "kʰ"},     {"ㄏ", "x"},     {"ㄐ", "tʃ⁼"},   {"ㄑ", "tʃʰ"},   {"ㄒ", "ʃ"},
                {"ㄓ", "ts`⁼"},   {"ㄔ", "ts`ʰ"},   {"ㄕ", "s`"},    {"ㄖ", "ɹ`"},    {"ㄗ", "ts⁼"},   {"ㄘ", "tsʰ"},
                {"ㄙ", "s"},      {"ㄚ", "a"},      {"ㄛ", "o"},     {"ㄜ", "ə"},     {"ㄝ", "ɛ"},     {"ㄞ", "aɪ"},
                {"ㄟ", "eɪ"},     {"ㄠ", "ɑʊ"},     {"ㄡ", "oʊ"},    {"ㄧㄢ", "jɛn"}, {"ㄩㄢ", "ɥæn"}, {"ㄢ", "an"},
                {"ㄧㄣ", "in"},   {"ㄩㄣ", "ɥn"},   {"ㄣ", "ən"},    {"ㄤ", "ɑŋ"},    {"ㄧㄥ", "iŋ"},  {"ㄨㄥ", "ʊŋ"},
                {"ㄩㄥ", "jʊŋ"},  {"ㄥ", "əŋ"},     {"ㄦ", "əɻ"},    {"ㄧ", "i"},     {"ㄨ", "u"},     {"ㄩ", "ɥ"},
                {"ˉ", "→"},       {"ˊ", "↑"},       {"ˇ", "↓↑"},     {"ˋ", "↓"},      {"˙", ""},       {"，", ","},
                {"。", "."},      {"！", "!"},      {"？", "?"},     {"—", "-"}});
  std::u32string ipa = to_code_points(letters);
  write_glides(ipa);
  ipa = to_code_points(replaced(to_utf8(add_vowels(ipa, U"sɹ", true, U"ɹ`")), {{"ɻ", "ɹ`"}}));
  return to_utf8(add_vowels(ipa, U"s", false, U"ɹ"));
}

std::string vallex_chinese(std::string_view text) {
  return vallex_chinese_ipa(vallex_bopomofo(vallex_number_to_chinese(text)));
}

}  // namespace timbre::text
