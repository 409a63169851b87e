#pragma once
#include <array>
#include <cstdint>
#include <vector>

namespace timbre::tokenizer {

/// What a pre-tokenizer's pattern asks of a character.
enum class CharClass : std::uint8_t {
  other,    ///< [^\s\p{L}\p{N}]
  letter,   ///< \p{L}
  number,   ///< \p{N}
  newline,  ///< \r \n
  blank     ///< the other characters of \s
};

/// The classes of all code points by Unicode 16, as the regular expressions of `tokenizers` 0.22 have them (Oniguruma).
/// Two stages: blocks of 128 code points, equal blocks kept once.
class CharClasses {
 public:
  static const CharClasses& unicode();
  CharClass of(char32_t c) const {
    return c < 0x110000 ? blocks_[block_of_[c >> 7] * std::size_t{128} + (c & 127)] : CharClass::other;
  }
  CharClass of_ascii(unsigned char c) const { return blocks_[c]; }

 private:
  CharClasses();
  std::array<std::uint16_t, (0x110000 >> 7)> block_of_{};
  std::vector<CharClass> blocks_;
};

}  // namespace timbre::tokenizer
