#pragma once
#include <bit>
#include <cstdint>

/// How numbers of packed weights, keys and values are kept. Sums are made in single precision whatever it is.
namespace timbre::kernels {

enum class Numbers : std::uint8_t { f32, bf16 };

constexpr std::int64_t bytes_of(Numbers numbers) { return numbers == Numbers::f32 ? 4 : 2; }

/// A row of a bf16 panel is sixteen words: number c in the low half of word c, number 16 + c in its high half. A shift
/// and a mask make single precision of it, whatever the vectors' width.
constexpr std::int64_t half_place(std::int64_t column) { return column < 16 ? 2 * column : 2 * (column - 16) + 1; }

/// The nearest bf16, of two equally near ones the even.
inline std::uint16_t to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x40u);  // NaN stays one
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}
inline float from_half(std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16); }

}  // namespace timbre::kernels
