#include "tokenizer/split.h"

namespace timbre::tokenizer {
namespace {

constexpr std::string_view kBeforeDigits = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N})";
constexpr std::string_view kLlamaDigits = "{1,3}";
constexpr std::string_view kBehindDigits = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

}  // namespace

std::optional<SplitPattern> find_split_pattern(std::string_view regex) {
  for (const int digits : {3, 1})
    if (regex == regex_of({digits})) return SplitPattern{digits};
  return std::nullopt;
}

std::string regex_of(const SplitPattern& pattern) {
  return std::string(kBeforeDigits) + (pattern.digits == 3 ? std::string(kLlamaDigits) : "") +
         std::string(kBehindDigits);
}

inline Splitter::Char Splitter::at(std::size_t place) const {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text_[place + i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {classes_.of_ascii(first), 1};
  if (first < 0xE0) return {classes_.of(char32_t(first & 0x1F) << 6 | (byte(1) & 0x3F)), 2};
  if (first < 0xF0) {
    return {classes_.of(char32_t(first & 0x0F) << 12 | char32_t(byte(1) & 0x3F) << 6 | (byte(2) & 0x3F)), 3};
  }
  return {classes_.of(char32_t(first & 0x07) << 18 | char32_t(byte(1) & 0x3F) << 12 | char32_t(byte(2) & 0x3F) << 6 |
                      (byte(3) & 0x3F)),
          4};
}

std::size_t Splitter::end_of(CharClass kind, std::size_t from) const {
  while (from < text_.size()) {
    const Char c = at(from);
    if (c.kind != kind) break;
    from += c.bytes;
  }
  return from;
}

std::size_t Splitter::end_of_digits(std::size_t from) const {
  for (int taken = 0; taken < digits_ && from < text_.size(); ++taken) {
    const Char c = at(from);
    if (c.kind != CharClass::number) break;
    from += c.bytes;
  }
  return from;
}

std::size_t Splitter::end_of_marks(std::size_t from) const {
  from = end_of(CharClass::other, from);
  while (from < text_.size() && (text_[from] == '\r' || text_[from] == '\n')) ++from;
  return from;
}

/// (?i:'s|'t|'re|'ve|'m|'ll|'d) behind an apostrophe at `begin`; `begin` where it does not fit. U+017F is an s there.
std::size_t Splitter::end_of_contraction(std::size_t begin) const {
  const std::string_view rest = text_.substr(begin + 1);
  if (rest.empty()) return begin;
  if (rest.starts_with("\xC5\xBF")) return begin + 3;
  const char first = ascii_lower(rest[0]), second = rest.size() > 1 ? ascii_lower(rest[1]) : '\0';
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return begin + 2;
  if (((first == 'r' || first == 'v') && second == 'e') || (first == 'l' && second == 'l')) return begin + 3;
  return begin;
}

/// Of a stretch of white space: up to its last newline; without one, all of it at the end of the text, else all but its
/// last character, which the next stretch may want.
std::size_t Splitter::end_of_white_space(std::size_t begin) const {
  std::size_t end = begin, behind_newline = begin, last = begin;
  while (end < text_.size()) {
    const Char c = at(end);
    if (c.kind != CharClass::blank && c.kind != CharClass::newline) break;
    last = end;
    end += c.bytes;
    if (c.kind == CharClass::newline) behind_newline = end;
  }
  if (behind_newline > begin) return behind_newline;
  return end == text_.size() || last == begin ? end : last;
}

std::size_t Splitter::end_of_stretch(std::size_t begin) const {
  const Char first = at(begin);
  const std::size_t second = begin + first.bytes;
  switch (first.kind) {
    case CharClass::letter:
      return end_of(CharClass::letter, second);
    case CharClass::number:
      return end_of_digits(begin);
    case CharClass::newline:
      return end_of_white_space(begin);
    case CharClass::other:
    case CharClass::blank:
      break;
  }
  if (text_[begin] == '\'') {
    if (const std::size_t end = end_of_contraction(begin); end > begin) return end;
  }
  if (second < text_.size()) {
    const Char next = at(second);
    if (next.kind == CharClass::letter) return end_of(CharClass::letter, second + next.bytes);
    if (text_[begin] == ' ' && next.kind == CharClass::other) return end_of_marks(second);
  }
  return first.kind == CharClass::other ? end_of_marks(begin) : end_of_white_space(begin);
}

}  // namespace timbre::tokenizer
