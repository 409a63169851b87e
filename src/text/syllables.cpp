#include "text/syllables.h"

#include <algorithm>

#include "base/strings.h"
#include "text/ipa.h"

namespace timbre::text {

namespace {

bool is_vowel_letter(char c) { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y'; }

bool is_letter(char32_t c) { return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z'); }

std::string letters_of(std::string_view word) {
  std::string letters;
  for (const char c : word)
    if (is_letter(static_cast<unsigned char>(c))) letters += c;
  return letters;
}

}  // namespace

bool is_blank(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::int64_t estimate_syllables(std::string_view word) {
  const std::string letters = letters_of(word), lower = ascii_lower(letters);
  if (lower.empty()) return 0;
  std::int64_t count = 0;
  for (std::size_t i = 0; i < lower.size(); ++i)
    count += is_vowel_letter(lower[i]) && (i == 0 || !is_vowel_letter(lower[i - 1]));
  // A silent e counts in all words but those of four letters like "time", unless shouted: the package's own limits.
  const std::string_view end = std::string_view(letters).substr(1);
  if (lower.size() == 4 && is_vowel_letter(end[0]) && !is_vowel_letter(lower[2]) && end[2] == 'e') --count;
  if (letters.starts_with("mc")) count += 2;
  if (lower.starts_with("ia") || lower.starts_with("io")) ++count;
  return std::max<std::int64_t>(1, count);
}

std::string letters_and_blanks(std::string_view caption) {
  std::string kept;
  bool gap = false;
  for (const char32_t c : to_code_points(caption)) {
    if (is_blank(c)) {
      gap = true;
    } else if (is_letter(c)) {
      if (gap && !kept.empty()) kept += ' ';
      gap = false;
      kept += static_cast<char>(c);
    }
  }
  return kept;
}

std::vector<std::string> split_blanks(std::string_view text) {
  std::vector<std::string> words;
  bool open = false;
  for (const char32_t c : to_code_points(text)) {
    if (is_blank(c)) {
      open = false;
      continue;
    }
    if (!open) words.emplace_back();
    open = true;
    append_utf8(words.back(), c);
  }
  return words;
}

std::int64_t syllables_of_caption(std::string_view caption) {
  std::int64_t count = 0;
  for (const std::string& word : split_blanks(letters_and_blanks(caption))) count += estimate_syllables(word);
  return count;
}

std::int64_t count_nuclei(const std::vector<std::string>& phones) {
  constexpr std::string_view kSyllabic = "\xCC\xA9";  // U+0329
  std::int64_t count = 0;
  for (const std::string& phone : phones) count += is_ipa_vowel(phone) || phone.find(kSyllabic) != std::string::npos;
  return count;
}

}  // namespace timbre::text
