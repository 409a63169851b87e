#include "text/normalize.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/strings.h"
#include "text/letters.h"
#include "text/spoken.h"
#include "text/unicode_forms.h"

namespace timbre::text {
namespace {

bool is_emoji(char32_t c) {
  return (c >= 0x1F000 && c <= 0x1FAFF) || (c >= 0x2600 && c <= 0x27BF && c != 0x2713) ||
         (c >= 0x2B00 && c <= 0x2BFF) || (c >= 0x2300 && c <= 0x23FF) || (c >= 0x2190 && c <= 0x21FF) ||
         (c >= 0x2500 && c <= 0x25FF) || (c >= 0xE0020 && c <= 0xE007F) || c == 0x200D || c == 0x20E3 || c == 0xFE0F ||
         c == 0xFE0E || c == 0x3030;
}

bool is_invisible(char32_t c) {
  return (c < 0x20 && !is_space(c)) || (c >= 0x7F && c <= 0x9F && c != 0x85) || c == 0xAD || c == 0x034F ||
         c == 0x061C || (c >= 0x200B && c <= 0x200F) || (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) ||
         c == 0xFEFF || (c >= 0xFFF0 && c <= 0xFFFB) || (c >= 0xE0000 && c <= 0xE01EF) ||
         (c >= 0xE000 && c <= 0xF8FF) || (c & 0xFFFE) == 0xFFFE;
}

// One spelling for what means the same.
char32_t plain_mark(char32_t c) {
  switch (c) {
    case U'‘':
    case U'’':
    case U'‛':
    case U'ʼ':
    case U'´':
    case U'`':
    case U'′':
    case U'＇':
      return U'\'';
    case U'“':
    case U'”':
    case U'‟':
    case U'„':
    case U'«':
    case U'»':
    case U'‹':
    case U'›':
    case U'″':
    case U'＂':
    case U'〝':
    case U'〞':
      return U'"';
    case U'‚':
      return U'\'';
    case U'‐':
    case U'‑':
    case U'−':
    case U'﹣':
      return U'-';
    case U'‒':
      return U'–';
    case U'―':
    case U'⸺':
    case U'⸻':
      return U'—';
    case U'⁄':
    case U'∕':
      return U'/';
    case U'•':
    case U'·':
    case U'‧':
    case U'▪':
      return U',';
    default:
      return c >= 0xFF01 && c <= 0xFF5E ? c - 0xFEE0 : c;  // full-width ASCII
  }
}

std::u32string_view ligature(char32_t c) {
  switch (c) {
    case U'ﬀ':
      return U"ff";
    case U'ﬁ':
      return U"fi";
    case U'ﬂ':
      return U"fl";
    case U'ﬃ':
      return U"ffi";
    case U'ﬄ':
      return U"ffl";
    case U'ﬅ':
    case U'ﬆ':
      return U"st";
    default:
      return {};
  }
}

}  // namespace

std::string clean_unicode(std::string_view text, std::vector<std::string>& warnings) {
  std::u32string out;
  std::size_t emoji = 0, invisible = 0, broken = 0;
  int lines = 0;
  bool gap = false;
  for (char32_t c : to_nfc(to_code_points(text))) {
    if (is_space(c)) {
      gap = true;
      lines += c == U'\n' || c == 0x2028 || c == 0x85;
      if (c == 0x2029 || c == 0x0B || c == 0x0C) lines += 2;
      continue;
    }
    if (c == U'\uFFFD') {
      ++broken;
      continue;
    }
    if (is_emoji(c)) {
      emoji += c != 0xFE0F && c != 0x200D;
      gap = true;
      continue;
    }
    if (is_invisible(c)) {
      invisible += c < 0x20 || (c >= 0x7F && c <= 0x9F) || (c >= 0xE000 && c <= 0xF8FF);
      continue;
    }
    if (gap && !out.empty()) out += lines > 1 ? U'\n' : U' ';
    gap = false;
    lines = 0;
    if (auto letters = ligature(c); !letters.empty())
      out += letters;
    else
      out += plain_mark(c);
  }
  if (emoji) warnings.push_back(fmt::format("{} emoji or pictures left out", emoji));
  if (invisible) warnings.push_back(fmt::format("{} control characters left out", invisible));
  if (broken) warnings.push_back(fmt::format("{} bytes that are not UTF-8 left out", broken));
  return to_utf8(out);
}

const std::vector<std::string>& normalizations() {
  static const std::vector<std::string> kNames = {std::string(kWords), std::string(kNoNormalization)};
  return kNames;
}

void check_normalization(const std::string& name) {
  const auto& names = normalizations();
  if (std::find(names.begin(), names.end(), name) != names.end()) return;
  const std::string near = did_you_mean(name, names);
  throw UsageError(fmt::format("there is no normalization '{}'{}", name, near.empty() ? "" : "; " + near),
                   "one of: words (figures and signs in words), none (left to the front end)");
}

std::string normalize_for_speech(std::string_view text, std::string_view language, std::vector<std::string>& warnings,
                                 std::string_view how) {
  std::string clean = clean_unicode(text, warnings);
  return how == kWords ? speak_out(clean, language) : clean;
}

}  // namespace timbre::text
