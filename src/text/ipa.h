#pragma once
#include <string>
#include <string_view>
#include <vector>

/// IPA text ↔ phones. The rule, the same for every language:
///  * a phone is one consonant or one vowel (or diphthong) with its length mark and diacritics: "tʃ" "aɪ" "ɑː" "ɑ̃";
///  * primary stress is part of the vowel it falls on, written before it: "ˈaɪ"; secondary stress is dropped.
///    (A stress symbol of its own would need a duration; the vowel is what stress lengthens and raises.)
///  * an r-coloured or syllabic group of espeak ("ɔːɹ", "əl") is split into its vowel and its consonant;
///  * "r" of English voices is "ɹ", "g" (U+0067) is "ɡ" (U+0261), ties (U+0361, U+035C) are removed.
namespace timbre::text {

/// Phones of one word written in IPA. `_` or a space may separate phones where the writer wants a border; without
/// one, affricates and falling diphthongs are joined greedily. Throws UsageError naming the first character that is
/// not IPA.
std::vector<std::string> split_ipa(std::string_view ipa);

/// Phones of what espeak-ng calls one phoneme ("aɪɚ" → "aɪ" "ɚ"): the rule above, with every pair inside it belonging
/// together. Never throws: an unknown letter is a phone of its own.
std::vector<std::string> split_espeak_phoneme(std::string_view phoneme);

/// True for a vowel (with or without stress, length, nasal mark).
bool is_ipa_vowel(std::string_view phone);
/// True where the phone carries primary stress.
bool is_stressed(std::string_view phone);
/// The next plainer spelling: stress off, then length off, then diacritics off, then a near phone ("ɜ" → "ə"); "" at
/// the end.
std::string plainer_ipa(std::string_view phone);

}  // namespace timbre::text
