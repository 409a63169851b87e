#pragma once
#include <string>
#include <string_view>
#include <vector>

/// English in IPA as the Python package eng_to_ipa 0.0.2 gives it, on its dictionary (CMUdict 0.7b; the differences to
/// ours are a table of their own).
namespace timbre::text {

/// One pronunciation, ARPAbet phones with stress joined by blanks ("HH AH0 L OW1"), in IPA. Words of more than one
/// syllable get ˈ and ˌ, put before the consonants that begin the stressed syllable by the package's own rules.
std::string arpabet_to_ipa(std::string_view phones);

/// Every word by its pronunciation (of several the last by code point), words joined by single blanks, marks before and
/// behind a word kept; a word in no dictionary keeps its letters and gets a "*", and joins `unknown`. `text`:
/// lower-case ASCII.
std::string eng_to_ipa(std::string_view text, std::vector<std::string>& unknown);

}  // namespace timbre::text
