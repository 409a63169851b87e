#include "text/phonemizer.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "text/espeak.h"
#include "text/letters.h"
#include "text/unicode_classes.h"

namespace timbre::text {
namespace {

bool is_mark(char32_t c) { return kPhonemizerMarks.find(c) != std::u32string_view::npos; }

/// str.replace of Python.
std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) text.replace(at, from.size(), to);
  return text;
}

/// str.strip of Python.
std::u32string_view stripped(std::u32string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

/// A stretch of a text: words to be read, or marks with the white space around them.
struct Stretch {
  std::u32string_view text;
  bool marks;
};

/// White space belongs to marks when it touches one, however far the run goes.
std::vector<Stretch> stretches_of(std::u32string_view text) {
  std::vector<Stretch> out;
  std::size_t words_begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    bool marks = false;
    for (; end < text.size() && (is_mark(text[end]) || is_space(text[end])); ++end) marks |= is_mark(text[end]);
    if (!marks) {
      at = std::max(end, at + 1);
      continue;
    }
    if (at > words_begin) out.push_back({text.substr(words_begin, at - words_begin), false});
    out.push_back({text.substr(at, end - at), true});
    words_begin = at = end;
  }
  if (words_begin < text.size()) out.push_back({text.substr(words_begin), false});
  return out;
}

/// What phonemizer makes of espeak-ng's answer: stress marks out, `|` between phones, `_` between words.
std::string words_of(const std::string& said) {
  std::string line = replaced(replaced(to_utf8(stripped(to_code_points(said))), "\n", " "), "  ", " ");
  std::string single;  // runs of phone borders, which espeak-ng leaves at the ends of words
  for (char c : line)
    if (c != '_' || single.empty() || single.back() != '_') single += c;
  line = replaced(std::move(single), "_ ", " ");
  if (line.empty()) return "";
  std::string out;
  for (const std::string& word : split(line, ' ')) {
    const std::u32string points = to_code_points(word);
    for (char32_t c : stripped(points)) {
      if (c == U'ˈ' || c == U'ˌ' || c == U'\'' || c == U'-') continue;
      append_utf8(out, c == U'_' ? U'|' : c);
    }
    out += kWordBorder;
  }
  out.pop_back();
  return out;
}

}  // namespace

std::vector<PhonemizerPiece> phonemizer_pieces(const std::string& espeak_identifier, std::string_view text) {
  const std::u32string points = to_code_points(text);
  std::vector<PhonemizerPiece> pieces;
  const auto drop_border = [&] {
    for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
      if (piece->phonemized.empty()) continue;
      if (piece->phonemized.ends_with(kWordBorder)) piece->phonemized.pop_back();
      return;
    }
  };
  for (const Stretch& stretch : stretches_of(stripped(points))) {
    std::string piece = to_utf8(stretch.text);
    if (stretch.marks) {
      drop_border();
      const std::string bordered = replaced(piece, " ", kWordBorder);
      pieces.push_back({std::move(piece), bordered, true});
      continue;
    }
    std::string words = words_of(espeak_ipa(espeak_identifier, piece));
    const bool behind_first_marks = pieces.size() == 1 && !words.empty();
    pieces.push_back({std::move(piece), std::move(words), false});
    if (behind_first_marks) drop_border();  // marks at the head take away the border behind the words after them
  }
  return pieces;
}

std::string phonemizer_text(const std::string& espeak_identifier, std::string_view text) {
  std::string out;
  for (const PhonemizerPiece& piece : phonemizer_pieces(espeak_identifier, text)) out += piece.phonemized;
  return out;
}

std::vector<std::string> phonemized_tokens(std::string_view phonemized) {
  std::vector<std::string> tokens;
  bool first = true;
  for (const std::string& word : split(phonemized, '_')) {
    if (!std::exchange(first, false)) tokens.emplace_back(kWordBorder);
    bool open = false;  // the last token is a run that goes on
    for (char32_t c : to_code_points(word)) {
      const bool inside = is_alnum(c);
      if (is_space(c) || c == U'|') {
        open = false;
        continue;
      }
      if (!(inside && open)) tokens.emplace_back();
      append_utf8(tokens.back(), c);
      open = inside;
    }
  }
  return tokens;
}

bool has_stray_space(std::string_view phonemized) {
  const std::u32string points = to_code_points(phonemized);
  return std::any_of(points.begin(), points.end(), [](char32_t c) { return is_space(c); });
}

}  // namespace timbre::text
