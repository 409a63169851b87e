#include "tokenizer/utf8.h"

#include <cstdint>
#include <cstring>

namespace timbre::tokenizer {

std::size_t utf8_length(std::string_view bytes, std::size_t at, bool& whole) {
  const auto first = static_cast<unsigned char>(bytes[at]);
  whole = first < 0x80;
  if (whole || first < 0xC2 || first > 0xF4) return 1;
  const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  // The second byte's bounds are narrower behind E0, ED, F0 and F4: nothing longer than needed, no surrogates, nothing
  // past U+10FFFF.
  unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  for (std::size_t i = 1; i < length; ++i, low = 0x80, high = 0xBF) {
    if (at + i >= bytes.size()) return i;
    const auto next = static_cast<unsigned char>(bytes[at + i]);
    if (next < low || next > high) return i;
  }
  whole = true;
  return length;
}

std::size_t end_of_utf8(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    std::uint64_t eight;
    if (bytes.size() - at >= 8) {
      std::memcpy(&eight, bytes.data() + at, 8);
      if (!(eight & 0x8080808080808080ull)) {
        at += 8;
        continue;
      }
    }
    bool whole;
    const std::size_t length = utf8_length(bytes, at, whole);
    if (!whole) return at;
    at += length;
  }
  return bytes.size();
}

std::string lossy_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  while (!bytes.empty()) {
    const std::size_t good = end_of_utf8(bytes);
    out += bytes.substr(0, good);
    if (good == bytes.size()) break;
    bool whole;
    bytes.remove_prefix(good + utf8_length(bytes, good, whole));
    out += "\xEF\xBF\xBD";
  }
  return out;
}

}  // namespace timbre::tokenizer
