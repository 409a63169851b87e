#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "base/strings.h"
#include "corpus/split.h"
#include "doctor/check.h"
#include "doctor/tidy_text.h"
#include "text/language_tag.h"
#include "text/letters.h"
#include "text/multilingual_front_end.h"
#include "text/normalize.h"
#include "text/scripts.h"
#include "text/spoken.h"

/// Is the text what a front end can read?
namespace timbre::doctor {

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
  for (const corpus::Utterance& u : e.utterances) {
    if (trim(u.text).empty())
      hits.add(u, "no text", 1);
    else if (corpus::text_key(u.text).empty())
      hits.add(u, fmt::format("nothing to say in '{}'", u.text));
  }
}

void digits_left(const Examined& e, Hits& hits) {
  for (const corpus::Utterance& u : e.utterances) {
    std::u32string text = to_code_points(u.text);
    auto count = std::count_if(text.begin(), text.end(), is_digit);
    if (count == 0) continue;
    // How a front end that writes figures out will read them: the place to see that the speaker said otherwise.
    std::vector<std::string> ignored;
    const std::string read = text::normalize_for_speech(u.text, u.language, ignored);
    const bool known = !text::rules_version(u.language).empty();
    hits.add(u,
             known ? fmt::format("{} (read as: {})", u.text, read)
                   : fmt::format("{} (no rules for numbers in '{}')", u.text, u.language),
             double(count));
  }
}

void unreadable_symbols(const Examined& e, Hits& hits) {
  for (const corpus::Utterance& u : e.utterances) {
    std::vector<std::string> found;
    double count = 0;
    // What tidying takes away is untidy-text's.
    for (char32_t c : to_code_points(tidy_text(u.text))) {
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
  for (const corpus::Utterance& u : e.utterances) {
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

/// Languages that the prepared phones, where there are some, were not read in. One voice reads all it is given, as its
/// own.
void unread_language(const Examined& e, Hits& hits) {
  const auto read = text::languages_of_name(e.prepared.front_end);
  if (read.empty()) return;
  std::map<std::string, std::int64_t> unread;
  for (const corpus::Utterance& u : e.utterances) {
    const std::string language = text::language_of_tag(u.language);
    const bool known = std::any_of(read.begin(), read.end(),
                                   [&](const std::string& voice) { return text::language_of_tag(voice) == language; });
    if (!language.empty() && !known) ++unread[u.language];
  }
  for (const auto& [language, count] : unread)
    hits.add_corpus(fmt::format("{} utterances in '{}', which {} {}", count, language, e.prepared.front_end,
                                read.size() > 1 ? "leaves out" : "reads as its own language"),
                    double(count));
}

/// Before anything is prepared: which languages there are.
void several_languages(const Examined& e, Hits& hits) {
  std::map<std::string, std::int64_t> counts;
  for (const corpus::Utterance& u : e.utterances) ++counts[text::language_of_tag(u.language)];
  counts.erase("");
  if (counts.size() < 2 || !e.prepared.front_end.empty()) return;
  for (const auto& [language, count] : counts)
    hits.add_corpus(fmt::format("{} utterances in '{}'", count, language), double(count));
}

/// What a typewriter would not show: blanks in a row, control and zero-width characters, letters in pieces (NFD).
void untidy_text(const Examined& e, Hits& hits) {
  for (const corpus::Utterance& u : e.utterances)
    if (const std::string tidy = tidy_text(u.text); !tidy.empty() && tidy != u.text) hits.add(u, u.text);
}

}  // namespace

std::vector<Rule> text_rules() {
  using enum Severity;
  return {
      {"text-missing", fatal, false, "no text, or none that can be said",
       "add the text in the source, or leave the clip out, and import again", Cure::quarantine, text_missing},
      {"unreadable-symbols", warning, false, "characters that no front end reads",
       "write out what is said, in the source", Cure::quarantine, unreadable_symbols},
      {"wrong-script", warning, false, "letters the text's language is not written in",
       "check the language (import --language) and the text", Cure::quarantine, wrong_script},
      {"unread-language", warning, false, "languages that the prepared phonemes were not read in",
       "prepare again with --front-end espeak:auto, or import one language: import --language", Cure::leave,
       unread_language},
      {"several-languages", warning, false, "several languages; one front end reads one of them",
       "prepare with --front-end espeak:auto, which reads each in its own, or import one: import --language",
       Cure::leave, several_languages},
      {"digits-left", warning, false, "digits; front ends may read them otherwise than the speaker did",
       "write numbers as they are spoken", Cure::leave, digits_left},
      {"untidy-text", info, false, "double blanks, control or zero-width characters, accents apart from their letters",
       "harmless to most front ends; --fix writes such texts cleanly", Cure::repair, untidy_text},
  };
}

}  // namespace timbre::doctor
