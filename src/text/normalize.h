#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace timbre::text {

/// Cleaned text: canonical composition of letters and accents (NFC for the Latin, Greek, Cyrillic, Vietnamese and
/// Hangul ranges), control and zero-width characters out, white space to one space, typographic quotes, dashes and
/// ellipses to a small set, full-width forms to ASCII, emoji and dingbats out. Each kind of loss adds one warning.
std::string clean_unicode(std::string_view text, std::vector<std::string>& warnings);

/// clean_unicode, then what espeak-ng reads badly: currencies ("$3.50"), dates (2026-11-21, 11/21/2026), times (3:05
/// pm), URLs and e-mail addresses, degrees, units and fractions, for English; other languages keep their digits for
/// espeak.
std::string normalize_for_speech(std::string_view text, std::string_view language, std::vector<std::string>& warnings);

}  // namespace timbre::text
