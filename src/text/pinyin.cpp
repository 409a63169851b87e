#include "text/pinyin.h"

#include <algorithm>
#include <cstring>
#include <functional>

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

using TakeSyllable = std::function<void(const std::string& syllable, const std::string& unread)>;
using TakeText = std::function<void(const std::string& text)>;

// Longest phrase first, from the left, never one that is not in the dictionary (pypinyin's mmseg).
void read_han(std::u32string_view text, const TakeSyllable& take) {
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
      for (const std::string& syllable : split(syllables, ' ')) take(syllable, "");
      at += length;
    } else {
      // pypinyin gives up on phrases altogether when the text ends inside one.
      std::size_t end = open_end ? text.size() : at + 1;
      for (; at < end; ++at) {
        std::string character = to_utf8(text.substr(at, 1));
        auto reading = pinyin_character_table().find(character);
        take(reading ? std::string(*reading) : "", reading ? "" : character);
      }
    }
  }
}

// Every stretch of a text in turn: a syllable with its tone, or text that has none.
void read_text(std::string_view text, const TakeSyllable& take_syllable, const TakeText& take_text) {
  std::u32string points = to_code_points(text);
  for (std::size_t begin = 0; begin < points.size();) {
    bool han = is_han(points[begin]);
    std::size_t end = begin;
    while (end < points.size() && is_han(points[end]) == han) ++end;
    std::u32string_view run = std::u32string_view(points).substr(begin, end - begin);
    if (han)
      read_han(run, take_syllable);
    else
      take_text(to_utf8(run));
    begin = end;
  }
}

bool is_initial(std::string_view letters, bool strict) {
  static constexpr std::string_view kStrict[] = {"b", "p", "m", "f",  "d",  "t",  "n", "l", "g", "k", "h",
                                                 "j", "q", "x", "zh", "ch", "sh", "r", "z", "c", "s"};
  return std::find(std::begin(kStrict), std::end(kStrict), letters) != std::end(kStrict) ||
         (!strict && (letters == "y" || letters == "w"));
}

std::string_view initial_of(std::string_view syllable, bool strict) {
  for (std::size_t length : {2, 1})
    if (syllable.size() >= length && is_initial(syllable.substr(0, length), strict)) return syllable.substr(0, length);
  return {};
}

bool is_final(std::string_view letters) {
  static constexpr std::string_view kFinals[] = {
      "i",  "u",   "v",    "a",    "ia",  "ua",  "o",    "uo",  "e",    "ie",  "ve", "ai", "uai",
      "ei", "uei", "ao",   "iao",  "ou",  "iou", "an",   "ian", "uan",  "van", "en", "in", "uen",
      "vn", "ang", "iang", "uang", "eng", "ing", "ueng", "ong", "iong", "er",  "ê"};
  return std::find(std::begin(kFinals), std::end(kFinals), letters) != std::end(kFinals);
}

// What the scheme of 1958 shortens, in full: "you" → "iou", "xu" → "xv", "gui" → "guei".
std::string in_full(std::string_view syllable) {
  std::string full(syllable);
  if (full.starts_with('y')) {
    full.erase(0, 1);
    if (full.starts_with('u'))
      full[0] = 'v';
    else if (!full.starts_with('i'))
      full.insert(0, "i");
  } else if (full.starts_with('w')) {
    full.erase(0, 1);
    if (!full.starts_with('u')) full.insert(0, "u");
  }
  if (full != syllable && !is_final(full)) full = syllable;
  if (full.size() > 1 && std::string_view("jqx").find(full[0]) != std::string_view::npos && full[1] == 'u')
    full[1] = 'v';
  const auto lengthen = [&](std::string_view ending, std::string_view whole) {
    if (full.size() > ending.size() && full.ends_with(ending))
      full.replace(full.size() - ending.size(), ending.size(), whole);
  };
  lengthen("iu", "iou");
  lengthen("ui", "uei");
  lengthen("un", "uen");
  return full;
}

}  // namespace

std::vector<std::string> pinyin_tone3(std::string_view text) {
  std::vector<std::string> out;
  read_text(
      text,
      [&](const std::string& syllable, const std::string& unread) {
        out.push_back(unread.empty() ? syllable : unread + "5");
      },
      [&](const std::string& other) { out.push_back(other); });
  return out;
}

PinyinPart split_syllable(std::string_view syllable, const PinyinStyle& style) {
  std::string tone;
  if (!syllable.empty() && syllable.back() >= '0' && syllable.back() <= '9') {
    tone = syllable.back();
    syllable.remove_suffix(1);
  }
  const bool neutral = tone == "5";
  if (neutral && !style.neutral_five) tone.clear();
  PinyinPart part;
  const bool has_vowel = syllable.find_first_of("aeiouv") != std::string_view::npos || syllable == "ê";
  if (!has_vowel) {  // "n2", "m2": interjections, which the package gives an initial only in the neutral tone ("hm")
    if (neutral) part.initial = initial_of(syllable, style.strict);
    const std::string_view rest = syllable.substr(part.initial.size());
    if (!style.strict) part.final = std::string(rest.empty() ? syllable : rest) + tone;
    return part;
  }
  part.initial = initial_of(syllable, style.strict);
  std::string final;
  if (style.strict) {
    const std::string full = in_full(syllable);
    final = full.substr(initial_of(full, true).size());
    if (!is_final(final)) final = syllable.substr(initial_of(syllable, false).size());  // "yo"
    if (!is_final(final)) return part;
  } else {
    final = syllable.substr(part.initial.size());
  }
  if (style.v_to_u)
    if (const auto v = final.find('v'); v != std::string::npos) final.replace(v, 1, "ü");
  part.final = final + tone;
  return part;
}

std::vector<PinyinPart> pinyin_initials_finals(std::string_view text, const PinyinStyle& style) {
  std::vector<PinyinPart> out;
  read_text(
      text,
      [&](const std::string& syllable, const std::string& unread) {
        out.push_back(unread.empty() ? split_syllable(syllable, style) : PinyinPart{"", "", unread});
      },
      [&](const std::string& other) {
        out.push_back({"", "", other});
      });
  return out;
}

}  // namespace timbre::text
