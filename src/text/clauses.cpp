#include "text/clauses.h"

#include <algorithm>
#include <iterator>

#include "text/abbreviations.h"
#include "text/letters.h"

namespace timbre::text {
namespace {

// Longer clauses cost too much to align, and espeak-ng cuts them itself.
constexpr std::size_t kLongestWords = 40, kLongestBytes = 300;

// Signs that are read as words of their own.
bool is_spoken_sign(char32_t c) {
  return std::u32string_view(U"%&+=@#$€£¥§°×÷<>½¼¾²³*/^~‰µ№").find(c) != std::u32string_view::npos;
}

bool is_speakable(char32_t c) { return is_letter(c) || is_digit(c) || is_spoken_sign(c); }

char32_t peek(std::string_view text, std::size_t at) { return at < text.size() ? next_code_point(text, at) : U'\0'; }

// The code point that ends at byte `at`.
char32_t before(std::string_view text, std::size_t at) {
  if (at == 0) return U'\0';
  std::size_t start = at - 1;
  while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
  return next_code_point(text, start);
}

bool is_wide(char32_t c) { return c >= 0x3000; }  // CJK marks need no space behind them

// Does the mark `c` of bytes [at, end) separate clauses?
bool separates(std::string_view text, std::size_t at, std::size_t end, char32_t c, std::string_view language) {
  char32_t next = peek(text, end), previous = before(text, at);
  if (c == U'\n' || is_wide(c))
    return c == U'\n' || is_clause_mark(c) || is_sentence_end(c) || is_opening(c) || is_closing(c);
  if (c == U'.') return is_full_stop(text, at, language);
  if (c == U'(' || c == U')' || c == U'[' || c == U']' || c == U'{' || c == U'}') return true;
  if (c == U'—' || c == U'―' || c == U'…' || c == U'¿' || c == U'¡' || c == U';') return true;
  bool open_behind =
      next == U'\0' || is_space(next) || is_closing(next) || is_sentence_end(next) || is_clause_mark(next);
  if (c == U'-' || c == U'–') return (is_space(previous) || previous == U'\0' || previous == c) && open_behind;
  if (is_sentence_end(c)) return true;
  return is_clause_mark(c) && (open_behind || !(is_digit(previous) && is_digit(next))) && !(c == U':' && next == U'/');
}

// Whether the first word of `text` is one that mostly stands at the head of a sentence.
bool begins_sentence(std::string_view text, std::string_view language) {
  static constexpr std::string_view kHeads[] = {
      "A",   "After", "All",  "An",   "And",   "As",    "At",   "But",   "For",   "From", "He",   "Her",
      "His", "How",   "I",    "If",   "In",    "It",    "Its",  "My",    "No",    "Not",  "On",   "Our",
      "She", "So",    "Some", "That", "The",   "Their", "Then", "There", "These", "They", "This", "Those",
      "To",  "We",    "What", "When", "Where", "Which", "Who",  "Why",   "With",  "You",  "Your"};
  if (!is_upper(peek(text, 0))) return false;
  if (!language.starts_with("en")) return true;
  std::size_t end = 0;
  while (end < text.size() && ((text[end] >= 'a' && text[end] <= 'z') || (text[end] >= 'A' && text[end] <= 'Z'))) ++end;
  return std::find(std::begin(kHeads), std::end(kHeads), text.substr(0, end)) != std::end(kHeads);
}

std::vector<WordSpan> words_of(std::string_view text, std::size_t begin, std::size_t end) {
  std::vector<WordSpan> words;
  std::size_t first = 0, last = 0;
  bool open = false;
  auto close = [&] {
    if (open) words.push_back({first, last});
    open = false;
  };
  for (std::size_t at = begin; at < end;) {
    std::size_t start = at;
    char32_t c = next_code_point(text, at);
    if (is_space(c)) {
      close();
    } else if (script_of(c) == Script::han || script_of(c) == Script::kana) {  // written without spaces: a word each
      close();
      words.push_back({start, at});
    } else if (is_speakable(c)) {
      if (!open) first = start;
      open = true;
      last = at;
    } else if (open && is_combining_mark(c)) {
      last = at;
    }
  }
  close();
  return words;
}

}  // namespace

bool is_full_stop(std::string_view text, std::size_t at, std::string_view language) {
  std::size_t behind = at + 1;
  if (behind < text.size() && text[behind] == '.') return false;  // the last one of a run decides
  while (behind < text.size() && is_closing(peek(text, behind))) next_code_point(text, behind);
  if (behind < text.size() && !is_space(peek(text, behind))) return false;
  while (behind < text.size() && is_space(peek(text, behind))) {
    if (text[behind] == '\n') return true;
    next_code_point(text, behind);
  }
  if (behind >= text.size()) return true;
  char32_t next = peek(text, behind);
  std::size_t begin = at;
  while (begin > 0 && !is_space(before(text, begin)) && !is_opening(before(text, begin)) &&
         !is_closing(before(text, begin))) {
    --begin;
    while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
  }
  std::string_view shown = text.substr(begin, at - begin);
  std::string word = to_lower(shown);
  if (word.empty() || word.ends_with('.')) return true;
  if (is_title(word, language)) return is_digit(next) && word != "st";
  if (!is_abbreviation(word, language)) return true;
  std::size_t length = 0;
  char32_t letter = next_code_point(shown, length);
  if (length == shown.size()) {  // one letter: an initial is a capital ("I" is a word)
    if (!is_upper(letter)) return is_upper(next);
    return word == "i" && language.starts_with("en");
  }
  if (word == "vs" || word == "e.g" || word == "i.e" || word == "cf") return false;
  if (language.starts_with("de"))
    return is_upper(next) && (word == "usw" || word == "etc");  // every noun has a capital there
  // "the U.S. Army" but "in the U.S. It was"
  if (word.find('.') != word.npos) return begins_sentence(text.substr(behind), language);
  return is_upper(next);
}

std::vector<Clause> split_clauses(std::string_view text, std::string_view language) {
  std::vector<Clause> clauses;
  std::size_t begin = 0;
  auto close = [&](std::size_t end) {
    std::vector<WordSpan> words = words_of(text, begin, end);
    // Marks behind the last word are not kept: espeak-ng reads one character ahead and would carry it into the next
    // call.
    for (std::size_t first = 0; first < words.size();) {
      std::size_t last = first + 1;
      while (last < words.size() && last - first < kLongestWords &&
             words[last].end - words[first].begin <= kLongestBytes)
        ++last;
      clauses.push_back(
          {words[first].begin, words[last - 1].end, {words.begin() + first, words.begin() + last}, first == 0});
      first = last;
    }
  };
  for (std::size_t at = 0; at < text.size();) {
    std::size_t start = at;
    char32_t c = next_code_point(text, at);
    if (c < 0x80 && (is_letter(c) || is_digit(c) || c == U' ')) continue;
    if (!separates(text, start, at, c, language)) continue;
    close(start);
    begin = at;
  }
  close(text.size());
  return clauses;
}

}  // namespace timbre::text
