#include "text/unicode_forms.h"

#include <algorithm>

#include "base/strings.h"
#include "text/data_table.h"
#include "text/letters.h"

namespace timbre::text {
namespace {

// Hangul syllables are composed by arithmetic (The Unicode Standard, section 3.12).
constexpr char32_t kS = 0xAC00, kL = 0x1100, kV = 0x1161, kT = 0x11A7;
constexpr int kLCount = 19, kVCount = 21, kTCount = 28, kSCount = kLCount * kVCount * kTCount;

std::string utf8(char32_t c) {
  std::string s;
  append_utf8(s, c);
  return s;
}

int combining_class(char32_t c) {
  if (c < 0x300) return 0;
  auto found = combining_table().find(utf8(c));
  return found ? static_cast<unsigned char>((*found)[0]) : 0;
}

void decompose(char32_t c, std::u32string& out) {
  if (c >= kS && c < kS + kSCount) {
    char32_t s = c - kS;
    out += kL + s / (kVCount * kTCount);
    out += kV + s % (kVCount * kTCount) / kTCount;
    if (s % kTCount) out += kT + s % kTCount;
    return;
  }
  auto found = c < 0xC0 ? std::nullopt : decompose_table().find(utf8(c));
  if (!found) {
    out += c;
    return;
  }
  for (char32_t part : to_code_points(*found)) decompose(part, out);
}

char32_t compose(char32_t a, char32_t b) {
  if (a >= kL && a < kL + kLCount && b >= kV && b < kV + kVCount) return kS + ((a - kL) * kVCount + (b - kV)) * kTCount;
  if (a >= kS && a < kS + kSCount && (a - kS) % kTCount == 0 && b > kT && b < kT + kTCount) return a + (b - kT);
  auto found = compose_table().find(utf8(a) + utf8(b));
  return found ? to_code_points(*found)[0] : 0;
}

}  // namespace

std::u32string to_nfd(std::u32string_view text) {
  std::u32string out;
  for (char32_t c : text) decompose(c, out);
  for (std::size_t i = 0; i < out.size();) {  // canonical order of each run of marks
    if (combining_class(out[i]) == 0) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < out.size() && combining_class(out[end])) ++end;
    std::stable_sort(out.begin() + i, out.begin() + end,
                     [](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
    i = end;
  }
  return out;
}

std::u32string to_nfc(std::u32string_view text) {
  if (std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x300; })) return std::u32string(text);
  std::u32string in = to_nfd(text), out;
  std::size_t starter = std::u32string::npos;
  int last = -1;  // combining class of the last character kept behind the starter; -1 = none
  for (char32_t c : in) {
    int level = combining_class(c);
    if (starter != std::u32string::npos && (last == -1 || last < level)) {
      if (char32_t joined = compose(out[starter], c)) {
        out[starter] = joined;
        continue;
      }
    }
    out += c;
    if (level == 0) {
      starter = out.size() - 1;
      last = -1;
    } else {
      last = level;
    }
  }
  return out;
}

std::u32string python_lower(std::u32string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char32_t c = text[i];
    if (c < 0x80) {
      out += to_lower(c);
    } else if (c == U'Σ') {  // final where a letter stands before it and none behind it, marks and apostrophes aside
      auto ignorable = [](char32_t x) {
        return is_combining_mark(x) || x == U'\'' || x == U'’' || x == U'.' || x == U':' || x == U'\u00AD' ||
               x == U'^' || x == U'`' || x == U'·';
      };
      std::size_t a = i, b = i + 1;
      while (a > 0 && ignorable(text[a - 1])) --a;
      while (b < text.size() && ignorable(text[b])) ++b;
      auto cased = [](char32_t x) { return is_letter(x) && script_of(x) <= Script::armenian; };
      bool final_form = a > 0 && cased(text[a - 1]) && !(b < text.size() && cased(text[b]));
      out += final_form ? U'ς' : U'σ';
    } else if (auto found = lower_table().find(utf8(c))) {
      out += to_code_points(*found);
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace timbre::text
