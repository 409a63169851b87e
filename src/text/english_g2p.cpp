#include "text/english_g2p.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "text/cleaners.h"
#include "text/data_table.h"
#include "text/letters.h"
#include "text/lexicon.h"
#include "text/unicode_forms.h"

namespace timbre::text {
namespace {

bool letter(char c) { return c >= 'a' && c <= 'z'; }
bool inner(char c) { return letter(c) || c == '\'' || c == '-'; }

// Lower-case ASCII letters and the marks ' . , ? ! - and blanks; everything else goes.
std::string letters_of(std::string_view text) {
  std::u32string plain;
  for (char32_t c : to_nfd(to_code_points(normalize_numbers(text))))
    if (!is_combining_mark(c)) plain += c;
  std::string out;
  for (char32_t c : python_lower(plain))
    if (c < 0x80 && (letter(static_cast<char>(c)) ||
                     std::string_view(" '.,?!-").find(static_cast<char>(c)) != std::string_view::npos))
      out += static_cast<char>(c);
  return out;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size()) text.replace(at, from.size(), to);
}

// A mark or blank more than three times in a row counts three times.
std::string shorten_runs(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool fourth = !letter(c) && out.size() >= 3 && out.ends_with(std::string(3, c));
    if (!fourth) out += c;
  }
  return out;
}

// Tokens as NLTK's TweetTokenizer cuts what letters_of leaves: words with inner apostrophes and dashes, runs of stops,
// marks.
std::vector<std::string> tokens_of(const std::string& text) {
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at < text.size();) {
    char c = text[at];
    std::size_t end = at + 1;
    if (c == ' ') {
      at = end;
      continue;
    }
    if (letter(c)) {
      while (end < text.size() && inner(text[end])) ++end;
      while (!letter(text[end - 1])) --end;  // a word closes with a letter
      if (end - at < 3)
        for (end = at + 1; end < text.size() && letter(text[end]);) ++end;
    } else if (c == '.') {
      for (std::size_t i = end; i < text.size() && (text[i] == '.' || text[i] == ' '); ++i)
        if (text[i] == '.') end = i + 1;
    }
    tokens.push_back(text.substr(at, end - at));
    at = end;
  }
  return tokens;
}

}  // namespace

EnglishPhones g2p_en(std::string_view text, const Pronounce& unknown) {
  EnglishPhones out;
  std::string plain = letters_of(text);
  replace_all(plain, "i.e.", "that is");
  replace_all(plain, "e.g.", "for example");
  for (const std::string& token : tokens_of(shorten_runs(plain))) {
    std::vector<std::string> phones;
    if (std::none_of(token.begin(), token.end(), letter)) {
      phones = {token};
    } else if (auto homograph = homograph_table().find(token)) {
      phones = split_whitespace(split(*homograph, '|').at(1));
    } else {
      phones = cmudict_lookup(token);
      if (phones.empty()) {
        phones = unknown(token);
        out.guessed.push_back(token);
      }
    }
    out.phones.insert(out.phones.end(), phones.begin(), phones.end());
  }
  return out;
}

}  // namespace timbre::text
