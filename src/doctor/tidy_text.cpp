#include "doctor/tidy_text.h"

#include <algorithm>

#include "base/strings.h"
#include "text/unicode_forms.h"

namespace timbre::doctor {

namespace {

bool is_blank(char32_t c) {
  return c == U' ' || (c >= U'\t' && c <= U'\r') || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

/// Zero-width joiners stay: Persian and Indic scripts spell with them.
bool is_invisible(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0xAD || c == 0x200B || c == 0x200E || c == 0x200F ||
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x2064) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

}  // namespace

std::string tidy_text(std::string_view text) {
  // Most texts are tidy ASCII: seen at a glance.
  const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7F; };
  if (std::all_of(text.begin(), text.end(), is_plain) && text.find("  ") == text.npos && trim(text) == text)
    return std::string(text);
  std::u32string clean;
  bool blank = false;
  for (char32_t c : to_code_points(text)) {
    if (is_blank(c)) {
      blank = true;
    } else if (!is_invisible(c)) {
      if (blank && !clean.empty()) clean += U' ';
      blank = false;
      clean += c;
    }
  }
  return to_utf8(text::to_nfc(clean));
}

}  // namespace timbre::doctor
