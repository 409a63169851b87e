#include "text/pinyin_front_end.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/strings.h"
#include "text/clauses.h"
#include "text/normalize.h"
#include "text/ready_text.h"
#include "text/spoken.h"

namespace timbre::text {

PinyinFrontEnd::PinyinFrontEnd(bool strict, FrontEndOptions options) : normalize_(std::move(options.text.normalize)) {
  style_.strict = strict;
  check_normalization(normalize_);
  if (!options.user.empty() || !options.lexicon.empty())
    throw UsageError(fmt::format("the front end {} takes no lexicon", name()),
                     "give the sound in the text: [行](/hang2/)");
}

std::string PinyinFrontEnd::rules() const { return normalize_ == kWords ? rules_version("zh") : ""; }

std::string PinyinFrontEnd::plainer(std::string_view phone) const {
  if (phone.size() < 2 || phone.back() < '1' || phone.back() > '4') return "";
  return std::string(phone.substr(0, phone.size() - 1)) + "5";
}

std::vector<std::string> PinyinFrontEnd::by_hand(std::string_view syllables) const {
  std::vector<std::string> phones;
  for (const std::string& syllable : split_whitespace(syllables)) {
    const PinyinPart part = split_syllable(syllable, style_);
    const bool tone = syllable.back() >= '1' && syllable.back() <= '5';
    if (part.final.empty() || !tone)
      throw UsageError(fmt::format("'{}' is no syllable with a tone number", syllable),
                       "write pinyin with tone numbers: [你好](/ni3 hao3/)");
    if (!part.initial.empty()) phones.push_back(part.initial);
    phones.push_back(part.final);
  }
  return phones;
}

Phonemized PinyinFrontEnd::phonemize(std::string_view text, std::span<const Spoken> spoken) {
  Phonemized out;
  const ReadyText ready = make_ready(text, spoken, "zh", normalize_, out.warnings);
  const auto pause = [&](std::string_view symbol) {
    out.phones.emplace_back(symbol);
    out.word_of_phone.push_back(-1);
  };
  std::set<std::string> unread;
  const auto word = [&](const std::string& shown, const std::vector<std::string>& phones) {
    for (const std::string& phone : phones) {
      out.phones.push_back(phone);
      out.word_of_phone.push_back(static_cast<std::int64_t>(out.words.size()));
    }
    out.words.push_back(shown);
  };
  const Given* last_by_hand = nullptr;
  for (const Clause& clause : split_clauses(ready.text, "zh")) {
    const std::size_t before = out.phones.size();
    const bool silent = before == 0 || clause.pause_before;
    if (silent) pause(before == 0 ? kEdgeSilence : kInnerPause);
    // Phrases are looked up in stretches between what was given by hand.
    std::string stretch;
    const auto read = [&] {
      const std::u32string characters = to_code_points(stretch);
      std::size_t at = 0;
      for (const PinyinPart& part : pinyin_initials_finals(stretch, style_)) {
        if (!part.text.empty()) {
          at += to_code_points(part.text).size();
          if (!trim(part.text).empty()) unread.insert(std::string(trim(part.text)));
          continue;
        }
        std::vector<std::string> phones;
        if (!part.initial.empty()) phones.push_back(part.initial);
        if (!part.final.empty()) phones.push_back(part.final);
        const std::string shown = to_utf8(std::u32string_view(characters).substr(at++, 1));
        if (!phones.empty()) word(shown, phones);
      }
      stretch.clear();
    };
    for (const WordSpan& span : clause.words) {
      const Given* given = ready.by_hand(span.begin, span.end);
      if (!given) {
        const std::string piece = ready.text.substr(span.begin, span.end - span.begin);
        if (!stretch.empty() && static_cast<unsigned char>(piece[0]) < 0x80) stretch += ' ';
        stretch += piece;
        continue;
      }
      read();
      if (given != last_by_hand) word(given->shown, by_hand(given->phones));
      last_by_hand = given;
    }
    read();
    if (silent && out.phones.size() == before + 1) {
      out.phones.pop_back();
      out.word_of_phone.pop_back();
    }
  }
  if (!unread.empty())
    out.warnings.push_back(fmt::format("no pinyin for these; left out: {}", join({unread.begin(), unread.end()}, " ")));
  if (out.phones.empty())
    out.warnings.push_back("there is nothing to say in this text");
  else
    pause(kEdgeSilence);
  return out;
}

}  // namespace timbre::text
