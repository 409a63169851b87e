#include "text/pypinyin.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "text/data_table.h"
#include "text/letters.h"
#include "text/phonemizer.h"
#include "text/unicode_classes.h"

namespace timbre::text {
namespace {

/// A table of today with what 0.48.0 had otherwise; an empty value = nothing.
std::optional<std::string_view> look_up(const DataTable& older, const DataTable& newer, std::string_view key) {
  if (const auto changed = older.find(key)) return changed->empty() ? std::nullopt : changed;
  return newer.find(key);
}

std::optional<std::string_view> reading_of(std::string_view character) {
  return look_up(pinyin_048_character_table(), pinyin_character_table(), character);
}

std::optional<std::string_view> phrase_reading(std::string_view phrase) {
  return look_up(pinyin_048_phrase_table(), pinyin_phrase_table(), phrase);
}

/// True when a phrase of 0.48.0 begins with these bytes.
bool begins_phrase(std::string_view bytes) {
  for (const DataTable* table : {&pinyin_phrase_table(), &pinyin_048_phrase_table()})
    for (std::uint32_t at = table->lower_bound(bytes); at < table->size() && table->key(at).starts_with(bytes); ++at)
      if (phrase_reading(table->key(at))) return true;
  return false;
}

bool is_han(char32_t c) {
  struct Range {
    std::uint32_t first, last;
  };
  static const auto ranges = [] {
    const std::string_view bytes = pinyin_048_character_table().find("").value();
    std::vector<Range> out(bytes.size() / sizeof(Range));
    std::memcpy(out.data(), bytes.data(), out.size() * sizeof(Range));
    return out;
  }();
  auto it = std::upper_bound(ranges.begin(), ranges.end(), c, [](char32_t v, const Range& r) { return v < r.first; });
  return it != ranges.begin() && c <= std::prev(it)->last;
}

/// Chinese characters cut into phrases, from the left: a phrase counts only when it is the whole of what could still
/// begin one, so that "金融" is lost in "金融行业" when there is a "金融寡头" and no "金融" by itself.
void cut_han(std::u32string_view text, std::vector<std::string>& words) {
  while (!text.empty()) {
    std::size_t length = 0;
    std::string grown, matched;
    while (length < text.size()) {
      append_utf8(grown, text[length]);
      if (!begins_phrase(grown)) break;
      matched = grown;
      ++length;
    }
    const bool to_the_end = length == text.size();
    if (length > 0 && phrase_reading(matched)) {
      words.push_back(matched);
      text.remove_prefix(length);
      continue;
    }
    for (std::size_t left = to_the_end ? length : 1; left > 0; --left) {
      words.push_back(to_utf8(text.substr(0, 1)));
      text.remove_prefix(1);
    }
  }
}

bool is_border_or_mark(char32_t c) { return c == U'_' || kPhonemizerMarks.find(c) != std::u32string_view::npos; }

std::string_view initial_of(std::string_view syllable) {
  for (std::string_view initial : {"b", "p", "m",  "f",  "d",  "t", "n", "l", "g", "k", "h", "j",
                                   "q", "x", "zh", "ch", "sh", "r", "z", "c", "s", "y", "w"})
    if (syllable.starts_with(initial)) return initial;
  return {};
}

/// "zhong1" → "zh|ong1"; what has no final besides its initial ("n2") is its own final.
std::string in_two(std::string_view syllable) {
  const std::u32string points = to_code_points(syllable);
  std::string tone;
  if (is_digit_sign(points.back())) append_utf8(tone, points.back());
  const std::string_view initial = initial_of(syllable);
  const std::string_view plain = syllable.substr(0, syllable.size() - tone.size());
  const std::string_view own = initial_of(plain);
  std::string_view final = plain.substr(own.size());
  if (final.empty()) final = plain;
  return std::string(initial) + "|" + std::string(final) + tone;
}

/// Collects pieces with borders between them.
class Joined {
 public:
  void add(const std::string& syllable) {
    text_ += syllable;
    text_ += '-';
    open_ = true;
  }
  void add_marks(const std::string& marks) {
    if (std::exchange(open_, false)) text_.pop_back();
    text_ += marks;
  }
  std::string finish() {
    while (text_.ends_with('_') || text_.ends_with('-')) text_.pop_back();
    return std::move(text_);
  }

 private:
  std::string text_;
  bool open_ = false;  // ends in a border that marks take away
};

std::string with_word_borders(std::string_view text) {
  std::u32string points = to_code_points(text);
  while (!points.empty() && is_space(points.back())) points.pop_back();
  std::string out;
  bool begun = false, blank = false;
  for (char32_t c : points) {
    begun |= !is_space(c);
    if (!begun) continue;
    if (c != U' ')
      append_utf8(out, c);
    else if (!blank)
      out += kWordBorder;
    blank = c == U' ';
  }
  return out;
}

}  // namespace

std::vector<std::string> pypinyin_048_words(std::string_view text) {
  const std::u32string points = to_code_points(text);
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin < points.size();) {
    const bool han = is_han(points[begin]);
    std::size_t end = begin;
    while (end < points.size() && is_han(points[end]) == han) ++end;
    const std::u32string_view run = std::u32string_view(points).substr(begin, end - begin);
    if (han)
      cut_han(run, words);
    else
      words.push_back(to_utf8(run));
    begin = end;
  }
  return words;
}

std::vector<std::string> pypinyin_048(std::string_view text) {
  std::vector<std::string> out;
  for (const std::string& word : pypinyin_048_words(text)) {
    if (const auto phrase = phrase_reading(word)) {
      for (std::string& syllable : split(*phrase, ' ')) out.push_back(std::move(syllable));
      continue;
    }
    std::size_t at = 0;
    if (!is_han(next_code_point(word, at))) {
      out.push_back(word);
      continue;
    }
    const auto reading = reading_of(word);
    out.push_back(reading ? std::string(*reading) : word + "5");  // a character without a reading stands for itself
  }
  return out;
}

std::string pypinyin_text(std::string_view text, PinyinTokens how) {
  Joined joined;
  for (const std::string& piece : pypinyin_048(with_word_borders(text))) {
    const std::u32string points = to_code_points(piece);
    if (std::all_of(points.begin(), points.end(), is_border_or_mark))
      joined.add_marks(piece);
    else if (how == PinyinTokens::syllables)
      joined.add(piece);
    else if (is_alnum(points.back()))
      joined.add(in_two(piece));
  }
  return joined.finish();
}

std::string labelled_pinyin_text(std::string_view pinyin, PinyinTokens how) {
  Joined joined;
  for (const std::string& syllable : split_whitespace(pinyin)) {
    const bool letters = syllable.size() > 1 &&
                         std::all_of(syllable.begin(), syllable.end() - 1, [](char c) { return c >= 'a' && c <= 'z'; });
    if (!letters || syllable.back() < '1' || syllable.back() > '5')
      throw DataError(fmt::format("'{}' is no syllable of labelled pinyin", syllable),
                      "write lower-case letters and a tone number from 1 to 5, with blanks between: ka2 er2 pu3");
    joined.add(how == PinyinTokens::syllables ? syllable : in_two(syllable));
  }
  return joined.finish();
}

}  // namespace timbre::text
