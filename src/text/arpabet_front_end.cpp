#include "text/arpabet_front_end.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "text/clauses.h"
#include "text/cleaners.h"
#include "text/english_g2p.h"
#include "text/letters.h"
#include "text/normalize.h"
#include "text/ready_text.h"
#include "text/spoken.h"

namespace timbre::text {

std::vector<std::string> arpabet_by_hand(std::string_view phones) {
  std::vector<std::string> out = split_whitespace(phones);
  const std::string expected = "write ARPAbet with blanks between, for example [tomato](/T AH0 M EY1 T OW2/)";
  if (out.empty()) throw UsageError(fmt::format("/{}/ holds no phone", phones), expected);
  for (const std::string& phone : out)
    if (!is_arpabet(phone))
      throw UsageError(fmt::format("'{}' in /{}/ is not an ARPAbet phone", phone, phones), expected);
  return out;
}

ArpabetFrontEnd::ArpabetFrontEnd(FrontEndOptions options)
    : normalize_(std::move(options.text.normalize)), user_(std::move(options.user)) {
  check_normalization(normalize_);
  if (!options.lexicon.empty()) lexicon_ = read_lexicon(options.lexicon);
  if (!options.text.g2p.empty()) g2p_ = G2pVoice::open(options.text.g2p);
  for (const auto& [word, phones] : user_.all()) arpabet_by_hand(phones);
}

std::string ArpabetFrontEnd::guesser() const { return g2p_ ? g2p_->title() : "g2p_en's network"; }

std::string ArpabetFrontEnd::rules() const { return normalize_ == kWords ? rules_version("en") : ""; }

std::vector<std::string> ArpabetFrontEnd::look_up(std::string_view word, Phonemized& out) {
  if (const std::string* by_user = user_.find(word)) return arpabet_by_hand(*by_user);
  if (auto entry = lexicon_.find(to_lower(word)); entry != lexicon_.end()) return entry->second;
  std::string spelt = normalize_numbers(word);
  if (cmudict_lookup(to_lower(spelt)).empty()) std::replace(spelt.begin(), spelt.end(), '-', ' ');
  const auto guess_word = [&](std::string_view unknown) {
    auto [it, fresh] = guesses_.try_emplace(std::string(unknown));
    if (fresh) it->second = g2p_ ? g2p_->pronounce(unknown) : predict_phones(unknown);
    return it->second;
  };
  EnglishPhones read = g2p_en(spelt, guess_word);
  for (const std::string& guess : read.guessed) {
    out.warnings.push_back(fmt::format("'{}' is in no lexicon; its sound is a guess of {}", guess, guesser()));
    out.guessed.push_back(guess);
  }
  std::erase_if(read.phones, [](const std::string& phone) { return !is_arpabet(phone); });
  return read.phones;
}

Phonemized ArpabetFrontEnd::phonemize(std::string_view text, std::span<const Spoken> spoken) {
  Phonemized out;
  ReadyText ready = make_ready(text, spoken, "en", normalize_, out.warnings);
  auto pause = [&](std::string_view symbol) {
    out.phones.emplace_back(symbol);
    out.word_of_phone.push_back(-1);
  };
  const Given* last_by_hand = nullptr;
  for (const Clause& clause : split_clauses(ready.text, "en")) {
    std::size_t before = out.phones.size();
    bool silent = before == 0 || clause.pause_before;
    if (silent) pause(before == 0 ? kEdgeSilence : kInnerPause);
    for (const WordSpan& span : clause.words) {
      std::string word = ready.text.substr(span.begin, span.end - span.begin);
      const Given* by_hand = ready.by_hand(span.begin, span.end);
      if (by_hand && by_hand == last_by_hand) continue;  // the second word of one given pronunciation
      last_by_hand = by_hand;
      if (by_hand) word = by_hand->shown;
      std::vector<std::string> phones = by_hand ? arpabet_by_hand(by_hand->phones) : look_up(word, out);
      if (phones.empty()) continue;
      for (std::string& phone : phones) {
        out.phones.push_back(std::move(phone));
        out.word_of_phone.push_back(static_cast<std::int64_t>(out.words.size()));
      }
      out.words.push_back(std::move(word));
    }
    if (silent && out.phones.size() == before + 1) {
      out.phones.pop_back();
      out.word_of_phone.pop_back();
    }
  }
  if (out.phones.empty())
    out.warnings.push_back("there is nothing to say in this text");
  else
    pause(kEdgeSilence);
  return out;
}

}  // namespace timbre::text
