#include "text/pinyin.h"

#include <algorithm>
#include <cstring>

#include "base/strings.h"
#include "text/data_table.h"

namespace timbre::text {
namespace {

// What pypinyin takes for a Chinese character: pairs of first and last code point, under the empty key.
struct Range {
  std::uint32_t first, last;
};

const std::vector<Range>& han_ranges() {
  static const auto ranges = [] {
    std::string_view bytes = pinyin_character_table().find("").value();
    std::vector<Range> out(bytes.size() / sizeof(Range));
    std::memcpy(out.data(), bytes.data(), out.size() * sizeof(Range));
    return out;
  }();
  return ranges;
}

bool is_han(char32_t c) {
  const auto& ranges = han_ranges();
  auto it = std::upper_bound(ranges.begin(), ranges.end(), c, [](char32_t v, const Range& r) { return v < r.first; });
  return it != ranges.begin() && c <= std::prev(it)->last;
}

// Longest phrase first, from the left, never one that is not in the dictionary (pypinyin's mmseg); syllables appended.
void read_han(std::u32string_view text, std::vector<std::string>& out) {
  for (std::size_t at = 0; at < text.size();) {
    std::string grown;
    std::size_t length = 0;
    std::string_view syllables;
    bool open_end = true;  // all that is left could still begin a phrase
    for (std::size_t i = at; i < text.size(); ++i) {
      append_utf8(grown, text[i]);
      if (!pinyin_phrase_table().has_prefix(grown)) {
        open_end = false;
        break;
      }
      if (auto found = pinyin_phrase_table().find(grown)) {
        length = i + 1 - at;
        syllables = *found;
      }
    }
    if (length > 0) {
      for (std::string& syllable : split(syllables, ' ')) out.push_back(std::move(syllable));
      at += length;
    } else {
      // pypinyin gives up on phrases altogether when the text ends inside one.
      std::size_t end = open_end ? text.size() : at + 1;
      for (; at < end; ++at) {
        std::string character = to_utf8(text.substr(at, 1));
        auto reading = pinyin_character_table().find(character);
        out.push_back(reading ? std::string(*reading) : character + "5");
      }
    }
  }
}

}  // namespace

std::vector<std::string> pinyin_tone3(std::string_view text) {
  std::vector<std::string> out;
  std::u32string points = to_code_points(text);
  for (std::size_t begin = 0; begin < points.size();) {
    bool han = is_han(points[begin]);
    std::size_t end = begin;
    while (end < points.size() && is_han(points[end]) == han) ++end;
    std::u32string_view run = std::u32string_view(points).substr(begin, end - begin);
    if (han)
      read_han(run, out);
    else
      out.push_back(to_utf8(run));
    begin = end;
  }
  return out;
}

}  // namespace timbre::text
