#include "text/ready_text.h"

#include <algorithm>

#include "text/letters.h"
#include "text/normalize.h"

namespace timbre::text {

namespace {

bool is_plain(std::string_view words) {
  bool letters = false;
  for (std::size_t at = 0; at < words.size();) {
    char32_t c = next_code_point(words, at);
    letters = letters || is_letter(c);
    if (!is_letter(c) && !is_combining_mark(c) && c != U' ' && c != U'\'') return false;
  }
  return letters;
}

}  // namespace

const Given* ReadyText::by_hand(std::size_t begin, std::size_t end) const {
  auto it = std::find_if(given.begin(), given.end(), [&](const Given& g) { return begin < g.end && g.begin < end; });
  return it == given.end() ? nullptr : &*it;
}

ReadyText make_ready(std::string_view text, std::span<const Spoken> spoken, std::string_view language,
                     std::string_view normalization, std::vector<std::string>& warnings) {
  ReadyText ready;
  std::size_t at = 0;
  auto gap = [&] {
    if (!ready.text.empty()) ready.text += ' ';
  };
  auto add = [&](std::string_view piece) {
    std::string clean = normalize_for_speech(piece, language, warnings, normalization);
    if (clean.empty()) return;
    gap();
    ready.text += clean;
  };
  for (const Spoken& s : spoken) {
    add(text.substr(at, s.begin - at));
    std::vector<std::string> ignored;
    std::string word = clean_unicode(text.substr(s.begin, s.end - s.begin), ignored);
    std::replace(word.begin(), word.end(), '\n', ' ');
    gap();
    std::string shown = word;
    if (!is_plain(word)) word = "x";
    ready.given.push_back({{ready.text.size(), ready.text.size() + word.size(), s.phones}, std::move(shown)});
    ready.text += word;
    at = s.end;
  }
  add(text.substr(at));
  return ready;
}

}  // namespace timbre::text
