#pragma once
#include <string>
#include <string_view>

namespace timbre::text {

/// What espeak-ng reads badly in English, written out: money, dates, times, telephone-like and address-like tokens,
/// units, fractions, ranges. Plain numbers, ordinals and years stay for espeak. `text` is clean_unicode's output.
std::string normalize_english(std::string_view text);

}  // namespace timbre::text
