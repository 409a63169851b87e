#pragma once
#include <string>
#include <string_view>

namespace timbre::text {

/// A cleaned text (clean_unicode) with its numbers, dates, times, money, units, abbreviations and signs in the words of
/// a language (languages/*.cpp): no digit is left. A text in a language without rules comes back as it is.
std::string speak_out(std::string_view text, std::string_view language);

/// "de-2": a language's rules with their version, which grows with every change of what they make; "" for a language
/// without rules.
std::string rules_version(std::string_view language);

}  // namespace timbre::text
