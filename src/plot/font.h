#pragma once
#include <array>
#include <cstdint>

namespace timbre::plot {

/// A letter of 5 × 9 dots, top row first, bit 4 = leftmost; the last two rows are descenders.
using Glyph = std::array<std::uint8_t, 9>;

constexpr int kGlyphWidth = 5, kGlyphHeight = 9, kAdvance = 6;

/// Printable ASCII, the IPA letters of the languages we speak and a few signs; "?" for anything else.
const Glyph& glyph(char32_t code_point);

/// Marks drawn over the letter before (nasal tilde …).
bool is_combining(char32_t code_point);

}  // namespace timbre::plot
