#include "text/letters.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "base/strings.h"

namespace timbre::text {
namespace {

struct Range {
  char32_t first, last;
  Script script;
};

// Blocks of letters; digits, marks and signs inside them are sorted out by script_of.
constexpr Range kBlocks[] = {
    {0x0041, 0x005A, Script::latin},      {0x0061, 0x007A, Script::latin},      {0x00AA, 0x00AA, Script::latin},
    {0x00BA, 0x00BA, Script::latin},      {0x00C0, 0x00D6, Script::latin},      {0x00D8, 0x00F6, Script::latin},
    {0x00F8, 0x02AF, Script::latin},      {0x0370, 0x0373, Script::greek},      {0x0376, 0x0377, Script::greek},
    {0x037B, 0x037D, Script::greek},      {0x0386, 0x0386, Script::greek},      {0x0388, 0x03A1, Script::greek},
    {0x03A3, 0x03FF, Script::greek},      {0x0400, 0x0481, Script::cyrillic},   {0x048A, 0x052F, Script::cyrillic},
    {0x0531, 0x0556, Script::armenian},   {0x0560, 0x0588, Script::armenian},   {0x05D0, 0x05F2, Script::hebrew},
    {0x0620, 0x064A, Script::arabic},     {0x066E, 0x06D3, Script::arabic},     {0x06EE, 0x06EF, Script::arabic},
    {0x06FA, 0x06FF, Script::arabic},     {0x0750, 0x077F, Script::arabic},     {0x0904, 0x0939, Script::devanagari},
    {0x0958, 0x0961, Script::devanagari}, {0x0972, 0x097F, Script::devanagari}, {0x0985, 0x09E1, Script::bengali},
    {0x0A05, 0x0A5E, Script::gurmukhi},   {0x0A85, 0x0AE1, Script::gujarati},   {0x0B05, 0x0B61, Script::oriya},
    {0x0B83, 0x0BB9, Script::tamil},      {0x0C05, 0x0C61, Script::telugu},     {0x0C85, 0x0CE1, Script::kannada},
    {0x0D05, 0x0D61, Script::malayalam},  {0x0D85, 0x0DC6, Script::sinhala},    {0x0E01, 0x0E30, Script::thai},
    {0x0E32, 0x0E33, Script::thai},       {0x0E40, 0x0E46, Script::thai},       {0x0E81, 0x0EC6, Script::lao},
    {0x0F40, 0x0F6C, Script::tibetan},    {0x1000, 0x102A, Script::myanmar},    {0x10A0, 0x10FF, Script::georgian},
    {0x1100, 0x11FF, Script::hangul},     {0x1200, 0x135A, Script::ethiopic},   {0x13A0, 0x13FD, Script::cherokee},
    {0x1780, 0x17B3, Script::khmer},      {0x1C90, 0x1CBF, Script::georgian},   {0x1D00, 0x1DBF, Script::latin},
    {0x1E00, 0x1EFF, Script::latin},      {0x1F00, 0x1FFF, Script::greek},      {0x2C60, 0x2C7F, Script::latin},
    {0x3041, 0x3096, Script::kana},       {0x30A1, 0x30FA, Script::kana},       {0x31F0, 0x31FF, Script::kana},
    {0x3400, 0x4DBF, Script::han},        {0x4E00, 0x9FFF, Script::han},        {0xAC00, 0xD7A3, Script::hangul},
    {0xF900, 0xFAFF, Script::han},        {0xFF66, 0xFF9D, Script::kana},       {0x20000, 0x323AF, Script::han},
};

constexpr std::array<std::string_view, 29> kNames = {
    "Latin",    "Greek",    "Cyrillic", "Armenian", "Hebrew",   "Arabic",   "Devanagari", "Bengali",
    "Gurmukhi", "Gujarati", "Oriya",    "Tamil",    "Telugu",   "Kannada",  "Malayalam",  "Sinhala",
    "Thai",     "Lao",      "Myanmar",  "Georgian", "Ethiopic", "Cherokee", "Khmer",      "Tibetan",
    "kana",     "Hangul",   "Chinese",  "other",    "none"};

bool in(std::u32string_view set, char32_t c) { return set.find(c) != std::u32string_view::npos; }

bool is_other_letter(char32_t c) {  // scripts no front end reads: still letters, so that they are named and not lost
  return (c >= 0x07C0 && c <= 0x08FF) || (c >= 0x1380 && c <= 0x139F) || (c >= 0x1400 && c <= 0x17FF) ||
         (c >= 0x1820 && c <= 0x1AFF) || (c >= 0x1B05 && c <= 0x1C7F) || (c >= 0x2C00 && c <= 0x2C5F) ||
         (c >= 0x2C80 && c <= 0x2DDF) || (c >= 0x3105 && c <= 0x318E) || (c >= 0xA000 && c <= 0xABFF) ||
         (c >= 0x10000 && c <= 0x1CFFF);
}

}  // namespace

Script script_of(char32_t c) {
  if (c == 0x00D7 || c == 0x00F7 || is_combining_mark(c)) return Script::none;
  auto it = std::upper_bound(std::begin(kBlocks), std::end(kBlocks), c,
                             [](char32_t v, const Range& r) { return v < r.first; });
  if (it != std::begin(kBlocks) && c <= std::prev(it)->last) return std::prev(it)->script;
  return is_other_letter(c) ? Script::other : Script::none;
}

std::string_view script_name(Script script) { return kNames[static_cast<std::size_t>(script)]; }

bool is_letter(char32_t c) { return script_of(c) != Script::none; }

bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }

bool is_space(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_combining_mark(char32_t c) {
  return (c >= 0x0300 && c <= 0x036F) || (c >= 0x0483 && c <= 0x0489) || (c >= 0x0591 && c <= 0x05C7) ||
         (c >= 0x0610 && c <= 0x061A) || (c >= 0x064B && c <= 0x065F) || c == 0x0670 || (c >= 0x06D6 && c <= 0x06ED) ||
         (c >= 0x0900 && c <= 0x0903) || (c >= 0x093A && c <= 0x094F && c != 0x093D) || (c >= 0x1AB0 && c <= 0x1AFF) ||
         (c >= 0x1DC0 && c <= 0x1DFF) || (c >= 0x20D0 && c <= 0x20FF) || (c >= 0xFE00 && c <= 0xFE0F) ||
         (c >= 0xFE20 && c <= 0xFE2F) || (c >= 0x3099 && c <= 0x309A);
}

char32_t to_lower(char32_t c) {
  if (c < 0x80) return c >= U'A' && c <= U'Z' ? c + 32 : c;
  if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3AB && c != 0x3A2) || (c >= 0x410 && c <= 0x42F))
    return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  if (c >= 0x531 && c <= 0x556) return c + 48;
  if (c == 0x130) return U'i';
  if (c == 0x178) return 0xFF;
  if (c == 0x386) return 0x3AC;
  if (c >= 0x388 && c <= 0x38A) return c + 37;
  if (c == 0x38C) return 0x3CC;
  if (c == 0x38E || c == 0x38F) return c + 63;
  if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E)) return c + (c & 1);
  if (c == 0x1E9E) return 0xDF;
  if ((c >= 0x100 && c <= 0x137) || (c >= 0x14A && c <= 0x177) || (c >= 0x1DE && c <= 0x1EF) ||
      (c >= 0x1F8 && c <= 0x21F) || (c >= 0x222 && c <= 0x233) || (c >= 0x460 && c <= 0x481) ||
      (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F) || (c >= 0x1E00 && c <= 0x1E95) ||
      (c >= 0x1EA0 && c <= 0x1EFF))
    return c | 1;
  if (c >= 0x1CD && c <= 0x1DC) return c + (c & 1);
  if (c == 0x1A0 || c == 0x1A2 || c == 0x1A4) return c + 1;
  if (c == 0x1AF || c == 0x1B3 || c == 0x1B5) return c + 1;
  return c;
}

bool is_upper(char32_t c) { return to_lower(c) != c; }
bool is_lower(char32_t c) { return is_letter(c) && !is_upper(c) && script_of(c) <= Script::armenian; }

std::string to_lower(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  for (std::size_t at = 0; at < utf8.size();) append_utf8(out, to_lower(next_code_point(utf8, at)));
  return out;
}

bool is_sentence_end(char32_t c) { return in(U".!?…。！？｡؟۔।॥።፧։‼⁇⁈⁉", c); }
bool is_clause_mark(char32_t c) { return in(U",;:–—―、，；：､،؛፣፤፥·", c) && c != U'·'; }
bool is_opening(char32_t c) { return in(U"([{«‹“‘„‚「『（［｛【《〈¿¡", c); }
bool is_closing(char32_t c) { return in(U")]}»›”’」』）］｝】》〉\"'", c); }

char32_t next_code_point(std::string_view text, std::size_t& at) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(at);
  if (first < 0x80) return text[at++];
  int more = first >= 0xF0 && first < 0xF5 ? 3 : first >= 0xE0 ? 2 : first >= 0xC2 ? 1 : 0;
  if (first >= 0xF5 || more == 0 || at + more >= text.size() + 0u) {
    ++at;
    return U'\uFFFD';
  }
  char32_t c = first & (0x3F >> more);
  for (int i = 1; i <= more; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) {
      ++at;
      return U'\uFFFD';
    }
    c = c << 6 | (byte(at + i) & 0x3F);
  }
  constexpr char32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
  if (c < kLeast[more] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) {
    ++at;
    return U'\uFFFD';
  }
  at += more + 1;
  return c;
}

}  // namespace timbre::text
