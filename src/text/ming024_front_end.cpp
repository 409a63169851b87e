#include "text/ming024_front_end.h"

#include "base/error.h"
#include "base/strings.h"
#include "text/arpabet_front_end.h"
#include "text/english_g2p.h"
#include "text/letters.h"
#include "text/pinyin.h"
#include "text/symbols.h"
#include "text/unicode_forms.h"

namespace timbre::text {
namespace {

bool is_separator(char32_t c) {
  return std::u32string_view(U",;.-?!+").find(c) != std::u32string_view::npos || is_space(c);
}

// A phone that is nothing or one mark becomes a pause: "{,}" → "{sp}".
std::string phone_or_pause(const std::string& phone) {
  if (phone.empty()) return std::string(kInnerPause);
  std::size_t at = 0;
  char32_t c = next_code_point(phone, at);
  bool mark = at == phone.size() && !is_letter(c) && !is_digit(c) && !is_space(c) && c != U'_';
  return mark ? std::string(kInnerPause) : phone;
}

class Collector {
 public:
  explicit Collector(Phonemized& out) : out_(out) {}
  void add(const std::string& word, const std::vector<std::string>& phones) {
    std::int64_t index = -1;
    for (const std::string& raw : phones) {
      std::string phone = phone_or_pause(raw);
      bool pause = phone == kInnerPause;
      if (!pause && index < 0) {
        index = static_cast<std::int64_t>(out_.words.size());
        out_.words.push_back(word);
      }
      out_.phones.push_back(std::move(phone));
      out_.word_of_phone.push_back(pause ? -1 : index);
    }
  }
  void finish() {
    if (out_.phones.empty()) add("", {""});  // the reference says one pause for an empty text
  }

 private:
  Phonemized& out_;
};

std::string_view without_end_marks(std::string_view text) {
  auto is_mark = [](char c) {
    return c > ' ' && c < 0x7F && !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
  };
  while (!text.empty() && is_mark(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

std::string braced(const std::vector<std::string>& phones) { return "{" + join(phones, " ") + "}"; }

Ming024English::Ming024English(FrontEndOptions options) : user_(std::move(options.user)) {
  if (!options.lexicon.empty()) lexicon_ = read_lexicon(options.lexicon);
  for (const auto& [word, phones] : user_.all()) arpabet_by_hand(phones);
}

Phonemized Ming024English::phonemize(std::string_view text, std::span<const Spoken> spoken) {
  Phonemized out;
  Collector collect(out);
  auto piece = [&](const std::string& word) {
    if (word.empty()) return;
    auto entry = lexicon_.find(to_utf8(python_lower(to_code_points(word))));
    if (const std::string* by_user = user_.find(word)) {
      collect.add(word, arpabet_by_hand(*by_user));
    } else if (entry != lexicon_.end()) {
      collect.add(word, entry->second);
    } else {
      EnglishPhones read = g2p_en(word);
      collect.add(word, read.phones);
      for (const std::string& guess : read.guessed)
        out.warnings.push_back(fmt::format("'{}' is in no lexicon; its sound is a guess of {}", guess, guesser()));
      out.guessed.insert(out.guessed.end(), read.guessed.begin(), read.guessed.end());
    }
  };
  auto stretch = [&](std::string_view part) {
    std::string word;
    for (std::size_t at = 0; at < part.size();) {
      std::size_t begin = at;
      char32_t c = next_code_point(part, at);
      if (is_separator(c)) {
        piece(std::exchange(word, {}));
        piece(std::string(part.substr(begin, at - begin)));
      } else {
        word += part.substr(begin, at - begin);
      }
    }
    piece(word);
  };
  std::size_t at = 0;
  for (const Spoken& s : spoken) {
    stretch(text.substr(at, s.begin - at));
    collect.add(std::string(text.substr(s.begin, s.end - s.begin)), arpabet_by_hand(s.phones));
    at = s.end;
  }
  stretch(without_end_marks(text.substr(at)));
  collect.finish();
  return out;
}

Ming024Mandarin::Ming024Mandarin(FrontEndOptions options) {
  if (options.lexicon.empty())
    throw UsageError("the front end ming024:mandarin needs a pinyin lexicon",
                     "give its file: lexicon/pinyin-lexicon-r.txt of ming024/FastSpeech2");
  if (!options.user.empty())
    throw UsageError("the front end ming024:mandarin takes no user lexicon", "add lines to the pinyin lexicon instead");
  lexicon_ = read_lexicon(options.lexicon);
}

Phonemized Ming024Mandarin::phonemize(std::string_view text, std::span<const Spoken> spoken) {
  Phonemized out;
  Collector collect(out);
  auto syllables = [&](const std::vector<std::string>& read, bool by_hand) {
    for (const std::string& syllable : read) {
      auto entry = lexicon_.find(syllable);
      if (entry == lexicon_.end() && by_hand)
        throw UsageError(fmt::format("'{}' is no syllable of the pinyin lexicon", syllable),
                         "write pinyin with tone numbers: [你好](/ni3 hao3/)");
      collect.add(syllable,
                  entry == lexicon_.end() ? std::vector<std::string>{std::string(kInnerPause)} : entry->second);
    }
  };
  std::size_t at = 0;
  for (const Spoken& s : spoken) {
    syllables(pinyin_tone3(text.substr(at, s.begin - at)), false);
    syllables(split_whitespace(s.phones), true);
    at = s.end;
  }
  syllables(pinyin_tone3(text.substr(at)), false);
  return out;
}

}  // namespace timbre::text
