#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/strings.h"
#include "corpus/check.h"
#include "corpus/split.h"
#include "text/letters.h"
#include "text/scripts.h"

/// Is the text what a front end can read, and does it fit the sound?
namespace timbre::corpus {

namespace {

bool is_digit(char32_t c) {
  return (c >= U'0' && c <= U'9') || (c >= 0xFF10 && c <= 0xFF19) || (c >= 0x660 && c <= 0x669) ||
         (c >= 0x966 && c <= 0x96F);
}

/// Punctuation and signs that front ends know, in the scripts we read.
bool is_usual_sign(char32_t c) {
  static const std::u32string kSigns =
      U" .,;:!?'\"()-–—…’‘“”„«»‹›¿¡、。，！？；：（）「」『』《》〈〉·•%&$€£¥°№§+=/"
      U"~¨´`ー々〆،؟؛।\u00A0\u3000\u200C\u200D";
  return kSigns.find(c) != std::u32string::npos;
}

/// Letters, the marks that go on them, and scripts without case.
bool is_letter_or_mark(char32_t c) {
  if (text::is_letter(c)) return true;
  if (c >= 0x300 && c <= 0x36F) return true;
  return c >= 0x370 && !(c >= 0x2000 && c <= 0x2E7F) && !(c >= 0x3000 && c <= 0x303F) &&
         !(c >= 0xD800 && c <= 0xF8FF) && !(c >= 0xFE00 && c <= 0xFE0F) && !(c >= 0xFF00 && c <= 0xFF20) &&
         c != 0xFFFD && c != 0xFEFF && !(c >= 0x1F000);
}

void text_missing(const Examined& e, Hits& hits) {
  for (const Utterance& u : e.utterances) {
    if (trim(u.text).empty())
      hits.add(u, "no text", 1);
    else if (text_key(u.text).empty())
      hits.add(u, fmt::format("nothing to say in '{}'", u.text));
  }
}

void digits_left(const Examined& e, Hits& hits) {
  for (const Utterance& u : e.utterances) {
    std::u32string text = to_code_points(u.text);
    auto count = std::count_if(text.begin(), text.end(), is_digit);
    if (count) hits.add(u, u.text, double(count));
  }
}

void unreadable_symbols(const Examined& e, Hits& hits) {
  for (const Utterance& u : e.utterances) {
    std::vector<std::string> found;
    double count = 0;
    for (char32_t c : to_code_points(u.text)) {
      if (is_letter_or_mark(c) || is_digit(c) || is_usual_sign(c)) continue;
      ++count;
      std::string name = c < 0x20 || c == 0x7F || c == 0xFFFD || (c >= 0x80 && c < 0xA0) || c == 0xFEFF
                             ? fmt::format("U+{:04X}", static_cast<unsigned>(c))
                             : to_utf8({&c, 1});
      if (found.size() < 6 && std::find(found.begin(), found.end(), name) == found.end()) found.push_back(name);
    }
    if (count > 0) hits.add(u, fmt::format("{} in: {}", join(found, " "), u.text), count);
  }
}

/// Letters of a script the language is not written in; Latin words occur in every language.
void wrong_script(const Examined& e, Hits& hits) {
  std::map<std::string, std::set<text::Script>> known;
  for (const Utterance& u : e.utterances) {
    if (u.language.empty()) continue;
    std::string language = u.language.substr(0, u.language.find_first_of("-_"));
    auto [scripts, is_new] = known.try_emplace(language);
    if (is_new) scripts->second = text::scripts_of_language(language);
    if (scripts->second.empty()) continue;
    double count = 0;
    text::Script found = text::Script::none;
    for (char32_t c : to_code_points(u.text)) {
      text::Script script = text::script_of(c);
      if (script == text::Script::none || script == text::Script::other || scripts->second.contains(script)) continue;
      ++count;
      found = script;
    }
    if (count > 0)
      hits.add(u, fmt::format("{} letters in a text marked '{}': {}", text::script_name(found), u.language, u.text),
               count);
  }
}

double median(std::vector<double> values) {
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

struct Paced {
  std::size_t place;
  double characters, speech_s;
};

/// Speakers of one language read at much the same pace. Expected: `per_character` seconds a character and an allowance
/// for the edges; what lies many robust deviations away (and a factor of 1.8) has a text that is not what is said.
void find_outliers(const Examined& e, const std::vector<Paced>& group, Hits& hits) {
  constexpr std::size_t kEnough = 20;
  constexpr double kEdge_s = 0.35, kFactor = 1.8;
  std::vector<double> paces;
  for (const Paced& p : group)
    if (p.characters >= 12) paces.push_back(p.speech_s / p.characters);
  if (paces.size() < kEnough) return;
  double per_character = median(paces);
  auto surprise = [&](const Paced& p) {
    return std::log((p.speech_s + kEdge_s) / (p.characters * per_character + kEdge_s));
  };
  std::vector<double> surprises, distances;
  for (const Paced& p : group) surprises.push_back(surprise(p));
  double usual = median(surprises);
  for (double s : surprises) distances.push_back(std::abs(s - usual));
  double deviation = std::max(1.4826 * median(distances), 0.02);
  for (std::size_t i = 0; i < group.size(); ++i) {
    if (distances[i] < e.options.outlier_deviations * deviation || distances[i] < std::log(kFactor)) continue;
    const Paced& p = group[i];
    hits.add(e.utterances[p.place],
             fmt::format("{:.1f} characters a second, usual {:.1f}: {}", p.characters / std::max(p.speech_s, 0.01),
                         1 / per_character, e.utterances[p.place].text),
             distances[i]);
  }
}

void pace_outliers(const Examined& e, Hits& hits) {
  std::map<std::string, std::vector<Paced>> groups;
  for (std::size_t i = 0; i < e.utterances.size(); ++i) {
    const Utterance& u = e.utterances[i];
    double speech_s = u.duration_s;
    if (!e.facts.empty()) {
      const ClipFacts& f = e.facts[i];
      if (!f.readable || f.bad_samples || f.speech_db < e.options.silent_db) continue;
      speech_s = f.duration_s() - f.leading_silence_s - f.trailing_silence_s;
    }
    std::string key = text_key(u.text);
    if (!key.empty() && speech_s > 0)
      groups[u.language + "\n" + u.speaker].push_back({i, static_cast<double>(to_code_points(key).size()), speech_s});
  }
  for (const auto& [name, group] : groups) find_outliers(e, group, hits);
}

}  // namespace

std::vector<Rule> text_rules() {
  using enum Severity;
  return {
      {"text-missing", fatal, false, "no text, or none that can be said",
       "add the text in the source, or leave the clip out, and import again", text_missing},
      {"unreadable-symbols", warning, false, "characters that no front end reads",
       "write out what is said, in the source", unreadable_symbols},
      {"wrong-script", warning, false, "letters the text's language is not written in",
       "check the language (import --language) and the text", wrong_script},
      {"digits-left", warning, false, "digits; front ends may read them otherwise than the speaker did",
       "write numbers as they are spoken", digits_left},
      {"pace-outlier", warning, false,
       "far more or fewer characters a second than usual: the text may not be what is said",
       "listen to these clips and mend their text", pace_outliers},
  };
}

}  // namespace timbre::corpus
