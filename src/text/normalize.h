#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace timbre::text {

/// Cleaned text: canonical composition of letters and accents (NFC for the Latin, Greek, Cyrillic, Vietnamese and
/// Hangul ranges), control and zero-width characters out, white space to one space, typographic quotes, dashes and
/// ellipses to a small set, full-width forms to ASCII, emoji and dingbats out. Each kind of loss adds one warning.
std::string clean_unicode(std::string_view text, std::vector<std::string>& warnings);

/// How figures and signs are treated, by name.
/// "words": written out by the rules of the language (text/spoken.h); a language without rules keeps them.
/// "none": left to what comes behind (espeak-ng reads numbers by itself).
inline constexpr std::string_view kWords = "words", kNoNormalization = "none";
const std::vector<std::string>& normalizations();
/// Throws UsageError with "did you mean" for a name that is none of these.
void check_normalization(const std::string& name);

/// clean_unicode, then what `how` asks for.
std::string normalize_for_speech(std::string_view text, std::string_view language, std::vector<std::string>& warnings,
                                 std::string_view how = kWords);

}  // namespace timbre::text
