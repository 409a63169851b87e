#pragma once
#include <string>
#include <string_view>

namespace timbre::text {

/// Canonical decomposition and composition (Unicode normalisation forms D and C).
std::u32string to_nfd(std::u32string_view text);
std::u32string to_nfc(std::u32string_view text);

/// Python's str.lower(): full case mapping with the final sigma rule.
std::u32string python_lower(std::u32string_view text);

}  // namespace timbre::text
