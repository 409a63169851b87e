#include "text/eng_to_ipa.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "text/data_table.h"

namespace timbre::text {
namespace {

enum class Manner { vowel, stop, affricate, fricative, aspirate, liquid, nasal, semivowel };

struct Phone {
  std::string_view arpabet, ipa;  // lower case, without stress
  Manner manner;
};

constexpr std::array<Phone, 39> kPhones = {{
    {"aa", "ɑ", Manner::vowel},     {"ae", "æ", Manner::vowel},     {"ah", "ə", Manner::vowel},
    {"ao", "ɔ", Manner::vowel},     {"aw", "aʊ", Manner::vowel},    {"ay", "aɪ", Manner::vowel},
    {"b", "b", Manner::stop},       {"ch", "ʧ", Manner::affricate}, {"d", "d", Manner::stop},
    {"dh", "ð", Manner::fricative}, {"eh", "ɛ", Manner::vowel},     {"er", "ər", Manner::vowel},
    {"ey", "eɪ", Manner::vowel},    {"f", "f", Manner::fricative},  {"g", "g", Manner::stop},
    {"hh", "h", Manner::aspirate},  {"ih", "ɪ", Manner::vowel},     {"iy", "i", Manner::vowel},
    {"jh", "ʤ", Manner::affricate}, {"k", "k", Manner::stop},       {"l", "l", Manner::liquid},
    {"m", "m", Manner::nasal},      {"n", "n", Manner::nasal},      {"ng", "ŋ", Manner::nasal},
    {"ow", "oʊ", Manner::vowel},    {"oy", "ɔɪ", Manner::vowel},    {"p", "p", Manner::stop},
    {"r", "r", Manner::liquid},     {"s", "s", Manner::fricative},  {"sh", "ʃ", Manner::fricative},
    {"t", "t", Manner::stop},       {"th", "θ", Manner::fricative}, {"uh", "ʊ", Manner::vowel},
    {"uw", "u", Manner::vowel},     {"v", "v", Manner::fricative},  {"w", "w", Manner::semivowel},
    {"y", "j", Manner::semivowel},  {"z", "z", Manner::fricative},  {"zh", "ʒ", Manner::fricative},
}};

const Phone* find_phone(std::string_view arpabet) {
  const auto found =
      std::lower_bound(kPhones.begin(), kPhones.end(), arpabet, [](auto& p, auto name) { return p.arpabet < name; });
  return found != kPhones.end() && found->arpabet == arpabet ? &*found : nullptr;
}

/// A phone of a word with the stress marks that were put before it, the latest first.
struct Placed {
  const Phone* phone;
  std::string marks{};
};

/// Neighbouring vowels that are two syllables.
bool is_hiatus(const Phone& first, const Phone& second) {
  static constexpr std::pair<std::string_view, std::string_view> kPairs[] = {
      {"er", "iy"}, {"iy", "ow"}, {"uw", "ow"}, {"iy", "ah"}, {"iy", "ey"}, {"uw", "eh"}, {"er", "eh"}};
  const std::pair pair{first.arpabet, second.arpabet};
  return std::find(std::begin(kPairs), std::end(kPairs), pair) != std::end(kPairs);
}

int count_syllables(const std::vector<std::pair<const Phone*, char>>& phones) {
  int syllables = 0;
  for (std::size_t i = 0; i < phones.size(); ++i) {
    if (phones[i].first->manner != Manner::vowel) continue;
    const bool after_vowel = i > 0 && phones[i - 1].first->manner == Manner::vowel;
    syllables += !after_vowel || is_hiatus(*phones[i - 1].first, *phones[i].first);
  }
  return syllables;
}

/// Going back from a stressed vowel, the phone before which its mark belongs; the marked vowel itself is appended by
/// the caller, unless it took the mark (true).
bool place_mark(std::vector<Placed>& word, const std::string& mark) {
  static constexpr std::string_view kClusters[] = {"sp", "st", "sk", "fr", "fl"};
  for (std::size_t back = 0; back < word.size(); ++back) {
    Placed& at = word[word.size() - 1 - back];
    // The phone to the right; for the last one the package takes the word's first.
    Placed& right = back == 0 ? word.front() : word[word.size() - back];
    const Manner manner = at.phone->manner;
    const std::string_view name = at.phone->arpabet;
    const bool stops = manner == Manner::nasal || manner == Manner::fricative || manner == Manner::vowel ||
                       (back > 0 && right.phone->manner == Manner::stop) || name == "er" || name == "w";
    if (!stops) continue;
    const std::string pair = std::string(name) + std::string(right.phone->arpabet);
    if (std::find(std::begin(kClusters), std::end(kClusters), pair) != std::end(kClusters))
      at.marks = mark + at.marks;
    else if (right.phone->manner != Manner::vowel && back > 0)
      right.marks = mark + right.marks;
    else if (manner == Manner::vowel)
      return true;
    else
      at.marks = mark + at.marks;
    return false;
  }
  word.front().marks = mark + word.front().marks;
  return false;
}

std::string replace_unless_at_head(std::string text, std::string_view from, std::string_view to) {
  if (text.starts_with(from)) return text;
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) text.replace(at, from.size(), to);
  return text;
}

/// All pronunciations of the package's dictionary; nothing for a word it does not have.
std::vector<std::string> pronunciations(std::string_view word) {
  if (const auto changed = cmudict_eng_to_ipa_table().find(word))
    return changed->empty() ? std::vector<std::string>() : split(*changed, '|');
  const auto first = cmudict_table().find(word);
  if (!first) return {};
  std::vector<std::string> all = {std::string(*first)};
  if (const auto others = cmudict_others_table().find(word))
    for (std::string& other : split(*others, '|')) all.push_back(std::move(other));
  return all;
}

bool letter(char c) { return c >= 'a' && c <= 'z'; }
bool letter_or_digit(char c) { return letter(c) || (c >= '0' && c <= '9'); }

/// A word without the marks around it.
std::string_view bare(std::string_view word) {
  constexpr std::string_view kMarks = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ";
  const auto first = word.find_first_not_of(kMarks);
  if (first == word.npos) return {};
  return word.substr(first, word.find_last_not_of(kMarks) + 1 - first);
}

std::string read_word(std::string_view word, std::vector<std::string>& unknown) {
  const std::string center(bare(word));
  std::string best;
  for (const std::string& said : pronunciations(center)) best = std::max(best, arpabet_to_ipa(said));
  if (best.empty()) {
    best = center;
    const bool number = std::all_of(center.begin(), center.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!number) {
      best += '*';
      unknown.push_back(center);
    }
  }
  // Marks are kept where a letter follows or precedes them, not a digit.
  std::size_t head = 0, tail = word.size();
  while (head < word.size() && !letter_or_digit(word[head])) ++head;
  while (tail > 0 && !letter_or_digit(word[tail - 1])) --tail;
  std::string out;
  if (head < word.size() && letter(word[head])) out += word.substr(0, head);
  out += best;
  if (tail > 0 && letter(word[tail - 1])) out += word.substr(tail);
  return out;
}

}  // namespace

std::string arpabet_to_ipa(std::string_view pronunciation) {
  std::vector<std::pair<const Phone*, char>> phones;
  for (const std::string& written : split_whitespace(pronunciation)) {
    const bool stressed = written.back() >= '0' && written.back() <= '2';
    const std::string name = ascii_lower(written.substr(0, written.size() - stressed));
    if (const Phone* phone = find_phone(name)) phones.emplace_back(phone, stressed ? written.back() : '0');
  }
  const bool marked = count_syllables(phones) > 1;
  std::vector<Placed> word;
  for (const auto& [phone, stress] : phones) {
    if (!marked || stress == '0') {
      word.push_back({phone});
      continue;
    }
    const std::string mark = stress == '1' ? "ˈ" : "ˌ";
    const bool on_itself = word.empty() || place_mark(word, mark);
    word.push_back({phone, on_itself ? mark : ""});
  }
  std::string ipa;
  for (const Placed& placed : word) {
    // The package knows a phone behind one mark alone: behind two it stays ARPAbet.
    const bool known = placed.marks.size() <= std::string_view("ˈ").size();
    ipa += placed.marks;
    ipa += known ? placed.phone->ipa : placed.phone->arpabet;
  }
  return replace_unless_at_head(replace_unless_at_head(std::move(ipa), "ˈər", "əˈr"), "ˈie", "iˈe");
}

std::string eng_to_ipa(std::string_view text, std::vector<std::string>& unknown) {
  std::vector<std::string> words;
  for (const std::string& word : split_whitespace(text)) words.push_back(read_word(word, unknown));
  return join(words, " ");
}

}  // namespace timbre::text
