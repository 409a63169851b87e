#include "tokenizer/byte_spelling.h"

#include <array>
#include <cstdint>

#include "base/strings.h"

namespace timbre::tokenizer {
namespace {

struct Spellings {
  std::array<std::string, 256> of_byte;
  std::array<std::int16_t, 0x144> byte_of{};  // by code point; -1 = none

  Spellings() {
    byte_of.fill(-1);
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable =
          (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
      const char32_t c = printable ? static_cast<char32_t>(byte) : next++;
      append_utf8(of_byte[byte], c);
      byte_of[c] = static_cast<std::int16_t>(byte);
    }
  }
};

const Spellings& spellings() {
  static const Spellings table;
  return table;
}

}  // namespace

std::string spelling_of(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) out += spellings().of_byte[static_cast<unsigned char>(byte)];
  return out;
}

bool append_bytes_of(std::string_view spelling, std::string& out) {
  const auto& byte_of = spellings().byte_of;
  const std::size_t before = out.size();
  for (std::size_t at = 0; at < spelling.size();) {
    const auto first = static_cast<unsigned char>(spelling[at]);
    char32_t c = first;
    std::size_t length = 1;
    if (first >= 0x80) {  // all characters of the list beyond ASCII have two bytes
      if (first < 0xC2 || first > 0xDF || at + 1 >= spelling.size() || (spelling[at + 1] & 0xC0) != 0x80)
        c = 0xFFFF;
      else
        c = char32_t(first & 0x1F) << 6 | (static_cast<unsigned char>(spelling[at + 1]) & 0x3F), length = 2;
    }
    if (c >= byte_of.size() || byte_of[c] < 0) {
      out.resize(before);
      return false;
    }
    out += static_cast<char>(byte_of[c]);
    at += length;
  }
  return true;
}

std::optional<std::string> bytes_of(std::string_view spelling) {
  std::string out;
  if (!append_bytes_of(spelling, out)) return std::nullopt;
  return out;
}

}  // namespace timbre::tokenizer
