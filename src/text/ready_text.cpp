#include "text/ready_text.h"

#include <algorithm>

#include "text/normalize.h"

namespace timbre::text {

const Spoken* ReadyText::by_hand(std::size_t begin, std::size_t end) const {
  auto it = std::find_if(spoken.begin(), spoken.end(), [&](const Spoken& s) { return begin < s.end && s.begin < end; });
  return it == spoken.end() ? nullptr : &*it;
}

ReadyText make_ready(std::string_view text, std::span<const Spoken> spoken, std::string_view language, std::vector<std::string>& warnings) {
  ReadyText ready;
  std::size_t at = 0;
  auto gap = [&] {
    if (!ready.text.empty()) ready.text += ' ';
  };
  auto add = [&](std::string_view piece) {
    std::string clean = normalize_for_speech(piece, language, warnings);
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
    ready.spoken.push_back({ready.text.size(), ready.text.size() + word.size(), s.phones});
    ready.text += word;
    at = s.end;
  }
  add(text.substr(at));
  return ready;
}

}  // namespace timbre::text
