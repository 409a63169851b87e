#pragma once
#include <string>
#include <string_view>

namespace timbre::doctor {

/// The text with one blank between words and none at the ends, letters composed with their accents (NFC), without
/// control, zero-width and direction characters. What is said does not change.
std::string tidy_text(std::string_view text);

}  // namespace timbre::doctor
