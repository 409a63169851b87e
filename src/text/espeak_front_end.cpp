#include "text/espeak_front_end.h"

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "text/abbreviations.h"
#include "text/ipa.h"
#include "text/letters.h"
#include "text/normalize.h"
#include "text/spoken.h"

namespace timbre::text {
namespace {

bool is_plain_word(std::string_view word) {
  for (std::size_t at = 0; at < word.size();) {
    char32_t c = next_code_point(word, at);
    if (!is_letter(c) && c != U'\'' && !is_combining_mark(c)) return false;
  }
  return true;
}

// Marks that would only disturb espeak inside a clause; a title's full stop would end it.
std::string for_espeak(std::string_view clause, std::string_view language) {
  std::string out;
  for (std::size_t at = 0; at < clause.size();) {
    std::size_t start = at;
    char32_t c = next_code_point(clause, at);
    if (c == U'"' || c == U'«' || c == U'»' || is_opening(c) || (is_closing(c) && c != U'\'')) {
      out += ' ';
    } else if (c == U'.' && at < clause.size() && clause[at] == ' ') {
      auto word_at = out.find_last_of(' ');
      std::string word = to_lower(std::string_view(out).substr(word_at == out.npos ? 0 : word_at + 1));
      if (!is_title(word, language)) out += '.';
    } else {
      out += clause.substr(start, at - start);
    }
  }
  return out;
}

double change_cost(const std::string& a, const std::string& b) {
  if (a == b) return 0;
  bool va = is_ipa_vowel(a), vb = is_ipa_vowel(b);
  if (va != vb) return 1.3;
  return va ? 0.5 : 0.8;
}

}  // namespace

std::string_view language_of_voice(std::string_view code) {
  std::string_view first = code.substr(0, code.find('-'));
  return first == "cmn" || first == "yue" || first == "hak" ? "zh" : first;
}

std::vector<std::size_t> align_to_parts(const std::vector<std::string>& spoken,
                                        const std::vector<std::vector<std::string>>& parts) {
  std::vector<std::string> apart;
  std::vector<std::size_t> part_of;
  for (std::size_t p = 0; p < parts.size(); ++p)
    for (const std::string& phone : parts[p]) {
      apart.push_back(phone);
      part_of.push_back(p);
    }
  constexpr double kGap = 0.7;
  std::size_t n = spoken.size(), m = apart.size(), width = m + 1;
  std::vector<double> cost((n + 1) * width);
  std::vector<char> step((n + 1) * width, 0);  // 0 both, 1 spoken only, 2 apart only
  for (std::size_t i = 0; i <= n; ++i)
    for (std::size_t j = 0; j <= m; ++j) {
      if (i == 0 && j == 0) continue;
      double best = std::numeric_limits<double>::infinity();
      char how = 0;
      if (i && j && (best = cost[(i - 1) * width + j - 1] + change_cost(spoken[i - 1], apart[j - 1]), true)) how = 0;
      if (i && cost[(i - 1) * width + j] + kGap < best) best = cost[(i - 1) * width + j] + kGap, how = 1;
      if (j && cost[i * width + j - 1] + kGap < best) best = cost[i * width + j - 1] + kGap, how = 2;
      cost[i * width + j] = best;
      step[i * width + j] = how;
    }
  std::vector<std::size_t> part(n, 0);
  std::size_t last = parts.empty() ? 0 : parts.size() - 1;
  for (std::size_t i = n, j = m; i > 0;) {
    char how = j == 0 ? 1 : step[i * width + j];
    if (how == 2) {
      --j;
    } else {
      --i;
      if (how == 0)
        last = part_of[--j];
      else if (j > 0)
        last = std::min(last, part_of[j - 1]);  // an extra phone belongs to the word it follows
      part[i] = last;
    }
  }
  return part;
}

EspeakFrontEnd::EspeakFrontEnd(std::string_view voice, FrontEndOptions options)
    : voice_(find_espeak_voice(voice)),
      language_(language_of_voice(voice_.code)),
      normalize_(std::move(options.text.normalize)),
      scripts_(scripts_of_language(language_)),
      user_(std::move(options.user)) {
  check_normalization(normalize_);
  for (const auto& [word, phones] : user_.all()) given(phones);  // a wrong letter is named now, not at its first use
}

std::string EspeakFrontEnd::rules() const { return normalize_ == kWords ? rules_version(language_) : ""; }

std::string EspeakFrontEnd::sources() const {
  std::string all = espeak_sources();
  if (all.empty()) return "";
  all += fmt::format("{}\n{}\n", voice_.identifier, normalize_);
  for (const auto& [word, phones] : user_.all()) all += word + "\t" + phones + "\n";
  return all;
}

std::string EspeakFrontEnd::plainer(std::string_view phone) const { return plainer_ipa(phone); }

void EspeakFrontEnd::merge_allophones(Phones& phones) const {
  if (language_ != "en") return;
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kMerged = {{{"ɐ", "ə"},
                                                                                            {"ˈɐ", "ˈʌ"},
                                                                                            {"ᵻ", "ɪ"},
                                                                                            {"oː", "ɔː"},
                                                                                            {"ˈoː", "ˈɔː"},
                                                                                            {"ɔ", "ɔː"},
                                                                                            {"ˈɔ", "ˈɔː"},
                                                                                            {"ʔ", "t"},
                                                                                            {"ˈi", "ˈiː"}}};
  for (std::string& phone : phones)
    for (const auto& [from, to] : kMerged)
      if (phone == from) {
        phone = to;
        break;
      }
}

EspeakFrontEnd::Phones EspeakFrontEnd::given(std::string_view phones) const {
  Phones out = split_ipa(phones);
  if (out.empty())
    throw UsageError(fmt::format("/{}/ holds no phone", phones), "write IPA, for example [tomato](/təˈmeɪtoʊ/)");
  merge_allophones(out);
  return out;
}

std::vector<EspeakFrontEnd::Phones> EspeakFrontEnd::groups(std::string_view clause) const {
  std::vector<Phones> out;
  for (const auto& word : espeak_phonemes(voice_.identifier, for_espeak(clause, language_))) {
    Phones phones;
    for (const std::string& phoneme : word)
      for (std::string& phone : split_espeak_phoneme(phoneme)) phones.push_back(std::move(phone));
    merge_allophones(phones);
    if (!phones.empty()) out.push_back(std::move(phones));
  }
  return out;
}

std::vector<EspeakFrontEnd::Phones> EspeakFrontEnd::by_word(const std::vector<Phones>& groups,
                                                            const std::vector<std::string>& words) {
  if (words.size() == 1) {
    std::vector<Phones> out(1);
    for (const Phones& group : groups) out[0].insert(out[0].end(), group.begin(), group.end());
    return out;
  }
  if (groups.size() == words.size() &&
      std::all_of(words.begin(), words.end(), [](auto& w) { return is_plain_word(w); }))
    return groups;
  std::vector<Phones> parts, out(words.size());
  for (const std::string& word : words) {
    auto [it, fresh] = alone_.try_emplace(word);
    if (fresh)
      for (Phones& group : this->groups(word)) it->second.insert(it->second.end(), group.begin(), group.end());
    parts.push_back(it->second);
  }
  Phones all;
  for (const Phones& group : groups) all.insert(all.end(), group.begin(), group.end());
  std::vector<std::size_t> part = align_to_parts(all, parts);
  for (std::size_t i = 0; i < all.size(); ++i) out[part[i]].push_back(all[i]);
  return out;
}

void EspeakFrontEnd::check_script(const ReadyText& ready) const {
  std::vector<std::string> strange;
  std::set<Script> scripts;
  for (std::size_t at = 0, next = 0; at < ready.text.size();) {
    while (next < ready.given.size() && ready.given[next].end <= at) ++next;
    bool by_hand = next < ready.given.size() && ready.given[next].begin <= at;
    std::size_t start = at;
    char32_t before = start ? static_cast<unsigned char>(ready.text[start - 1]) : U' ';
    char32_t c = next_code_point(ready.text, at);
    Script script = script_of(c);
    if (by_hand || script == Script::none || scripts_.contains(script)) continue;
    std::size_t ahead = at;
    char32_t after = ahead < ready.text.size() ? next_code_point(ready.text, ahead) : U' ';
    if (script == Script::greek && !is_letter(after) && before < 0x80)
      continue;  // "π", "5 µm": espeak names the letter
    scripts.insert(script);
    std::string shown = to_utf8(std::u32string(1, c));
    if (std::find(strange.begin(), strange.end(), shown) == strange.end()) strange.push_back(shown);
  }
  if (strange.empty()) return;
  std::vector<std::string> names;
  names.reserve(scripts.size());
  for (Script script : scripts) names.emplace_back(script_name(script));
  std::size_t count = strange.size();
  if (count > 20) strange.resize(20);
  throw UsageError(
      fmt::format("the voice reads '{}' and does not know {} letters: {}{}", voice_.code, join(names, " and "),
                  join(strange, " "), count > 20 ? fmt::format(" and {} more", count - 20) : ""),
      "transcribe them, or give their sound: [word](/ipa/)");
}

void EspeakFrontEnd::read_clause(const ReadyText& ready, const Clause& clause, const Given*& last_given,
                                 Phonemized& out) {
  // What espeak reads, what was given by hand, and in which order.
  struct Word {
    std::string text;
    const std::string* phones = nullptr;
    std::size_t read = 0;  // index among the words espeak reads
  };
  std::vector<Word> words;
  std::vector<std::string> read;
  for (const WordSpan& span : clause.words) {
    Word word{ready.text.substr(span.begin, span.end - span.begin), nullptr, read.size()};
    if (const Given* by_hand = ready.by_hand(span.begin, span.end)) {
      if (by_hand != last_given) {  // else a further word of one given pronunciation
        word.text = by_hand->shown;
        word.phones = &by_hand->phones;
        words.push_back(word);
        last_given = by_hand;
      }
    } else {
      word.phones = user_.find(word.text);
      words.push_back(word);
    }
    read.push_back(ready.text.substr(span.begin, span.end - span.begin));
  }
  std::vector<Phones> phones =
      by_word(groups(std::string_view(ready.text).substr(clause.begin, clause.end - clause.begin)), read);
  for (std::size_t w = 0; w < words.size(); ++w) {
    const Word& word = words[w];
    auto index = static_cast<std::int64_t>(out.words.size());
    Phones said;
    if (word.phones) {
      said = given(*word.phones);
    } else {
      std::size_t until = w + 1 < words.size() ? words[w + 1].read : read.size();
      for (std::size_t r = word.read; r < until; ++r) said.insert(said.end(), phones[r].begin(), phones[r].end());
    }
    out.words.push_back(word.text);
    for (std::string& phone : said) {
      out.phones.push_back(std::move(phone));
      out.word_of_phone.push_back(index);
    }
  }
}

Phonemized EspeakFrontEnd::phonemize(std::string_view text, std::span<const Spoken> spoken) {
  Phonemized out;
  ReadyText ready = make_ready(text, spoken, language_, normalize_, out.warnings);
  check_script(ready);
  auto pause = [&](std::string_view symbol) {
    out.phones.emplace_back(symbol);
    out.word_of_phone.push_back(-1);
  };
  const Given* last_given = nullptr;
  for (const Clause& clause : split_clauses(ready.text, language_)) {
    std::size_t before = out.phones.size();
    bool silent = before == 0 || clause.pause_before;
    if (silent) pause(before == 0 ? kEdgeSilence : kInnerPause);
    read_clause(ready, clause, last_given, out);
    if (silent && out.phones.size() == before + 1) {  // espeak says nothing for it
      out.phones.pop_back();
      out.word_of_phone.pop_back();
    }
  }
  if (out.phones.empty()) {
    out.warnings.push_back("there is nothing to say in this text");
  } else {
    pause(kEdgeSilence);
  }
  return out;
}

}  // namespace timbre::text
