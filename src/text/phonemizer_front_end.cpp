#include "text/phonemizer_front_end.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "text/espeak_front_end.h"
#include "text/phonemizer.h"
#include "text/unicode_classes.h"

namespace timbre::text {
namespace {

void refuse_lexicons(const FrontEnd& front_end, const FrontEndOptions& options, const char* example) {
  if (options.user.empty() && options.lexicon.empty()) return;
  throw UsageError(fmt::format("the front end {} takes no lexicon", front_end.name()),
                   fmt::format("give the sound in the text: {}", example));
}

/// Collects pieces of a phonemized text as phones.
class TokenCollector {
 public:
  explicit TokenCollector(Phonemized& out) : out_(out) {}

  /// Words as they stand in the text, and what was made of them. Word by word where there are as many groups of tokens
  /// as words, else all of it as one.
  void words(const std::string& text, const std::string& phonemized) {
    if (open_) add(std::string(kWordBorder), -1);
    open_ = !phonemized.empty();
    stray_ |= has_stray_space(phonemized);
    const std::vector<std::string> tokens = phonemized_tokens(phonemized);
    const std::vector<std::string> shown = split_whitespace(text);
    std::size_t groups = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i)
      groups += tokens[i] != kWordBorder && (i == 0 || tokens[i - 1] == kWordBorder);
    const bool one_by_one = groups == shown.size();
    bool inside = false;
    for (const std::string& token : tokens) {
      if (token == kWordBorder) {
        add(token, -1);
        inside = false;
        continue;
      }
      const bool new_word = one_by_one ? !inside : out_.words.size() == words_before_;
      if (new_word) out_.words.push_back(one_by_one ? shown[out_.words.size() - words_before_] : text);
      add(token, static_cast<std::int64_t>(out_.words.size()) - 1);
      inside = true;
    }
    words_before_ = out_.words.size();
  }

  void marks(const std::string& phonemized) {
    stray_ |= has_stray_space(phonemized);
    for (const std::string& token : phonemized_tokens(phonemized)) add(token, -1);
    open_ = false;
  }

  void finish() {
    if (stray_)
      out_.warnings.emplace_back("white space other than blanks was left out; the reference stops at such a text");
    if (out_.phones.empty()) out_.warnings.emplace_back("there is nothing to say in this text");
  }

 private:
  void add(const std::string& token, std::int64_t word) {
    out_.phones.push_back(token);
    out_.word_of_phone.push_back(word);
  }

  Phonemized& out_;
  std::size_t words_before_ = 0;
  bool open_ = false;  // words ended last: a border comes before the next
  bool stray_ = false;
};

/// Calls `text` for what lies between the given words and `given` for those.
template <class Text, class Given>
void between(std::string_view text, std::span<const Spoken> spoken, const Text& read, const Given& given) {
  std::size_t at = 0;
  for (const Spoken& s : spoken) {
    read(text.substr(at, s.begin - at));
    given(std::string(text.substr(s.begin, s.end - s.begin)), s.phones);
    at = s.end;
  }
  read(text.substr(at));
}

}  // namespace

PhonemizerFrontEnd::PhonemizerFrontEnd(std::string_view voice, const FrontEndOptions& options)
    : voice_(find_espeak_voice(voice)), language_(language_of_voice(voice_.code)) {
  refuse_lexicons(*this, options, "[read](/ɹ ɛ d/)");
}

Phonemized PhonemizerFrontEnd::phonemize(std::string_view text, std::span<const Spoken> spoken) {
  Phonemized out;
  TokenCollector collect(out);
  bool switched = false;
  between(
      text, spoken,
      [&](std::string_view stretch) {
        for (const PhonemizerPiece& piece : phonemizer_pieces(voice_.identifier, stretch)) {
          if (piece.marks) {
            collect.marks(piece.phonemized);
            continue;
          }
          collect.words(piece.text, piece.phonemized);
          switched |= piece.phonemized.find('(') != std::string::npos;
        }
      },
      [&](const std::string& word, const std::string& phones) {
        collect.words(word, join(split_whitespace(phones), "|"));
      });
  if (switched)
    out.warnings.emplace_back(
        "a word was read by another language's rules; its marks, as in (en), are among the phones");
  collect.finish();
  return out;
}

std::string pypinyin_name(PinyinTokens how, PinyinSource source) {
  return std::string("pypinyin:") + (source == PinyinSource::labelled ? "labelled_" : "") +
         (how == PinyinTokens::syllables ? "syllables" : "initials_finals");
}

PypinyinFrontEnd::PypinyinFrontEnd(PinyinTokens how, PinyinSource source, const FrontEndOptions& options)
    : how_(how), source_(source) {
  refuse_lexicons(*this, options, "[行](/hang2/)");
}

Phonemized PypinyinFrontEnd::phonemize(std::string_view text, std::span<const Spoken> spoken) {
  Phonemized out;
  TokenCollector collect(out);
  between(
      text, spoken,
      [&](std::string_view stretch) {
        const std::string made =
            source_ == PinyinSource::labelled ? labelled_pinyin_text(stretch, how_) : pypinyin_text(stretch, how_);
        if (!made.empty()) collect.words(std::string(trim(stretch)), made);
      },
      [&](const std::string& word, const std::string& phones) {
        collect.words(word, labelled_pinyin_text(phones, how_));
      });
  if (how_ == PinyinTokens::initials_finals && source_ == PinyinSource::text) {
    std::string lost;
    for (const std::string& piece : pypinyin_048(text)) {
      const std::u32string points = to_code_points(piece);
      const bool blank_or_mark = std::all_of(points.begin(), points.end(), [](char32_t c) {
        return c == U' ' || c == U'_' || kPhonemizerMarks.find(c) != std::u32string_view::npos;
      });
      if (!blank_or_mark && !is_alnum(points.back())) lost += (lost.empty() ? "" : " ") + std::string(trim(piece));
    }
    if (!lost.empty())
      out.warnings.push_back(fmt::format("left out, as the reference does with what ends in no letter: {}", lost));
  }
  collect.finish();
  return out;
}

}  // namespace timbre::text
