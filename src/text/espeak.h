#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// espeak-ng inside this process, loaded on first use (it is GPL and never linked; everything else works without it).
/// The library keeps global state, so every call here takes one process-wide lock.
namespace timbre::text {

/// A voice as espeak-ng lists it.
struct EspeakVoice {
  std::string code;        ///< "en-us": what a front end's name carries
  std::string identifier;  ///< "gmw/en-US": the voice file
  std::string name;        ///< "English_(America)"
  /// Other codes it answers to ("fr" for fr-fr), each with espeak-ng's rank: the lowest of all voices is meant.
  std::vector<std::pair<int, std::string>> also;
};

/// All installed voices, by code. Throws SystemError when the library or its data is missing.
std::vector<EspeakVoice> espeak_voices();

/// The voice for a code, identifier or name, without regard to case. Throws UsageError with "did you mean" and the list
/// of codes.
EspeakVoice find_espeak_voice(std::string_view name);

/// Phonemes of one clause: words, each a list of espeak's phonemes in IPA with stress marks and length marks. Marks of
/// another language's rules ("(en)") and pauses are left out. `identifier` as in EspeakVoice.
std::vector<std::vector<std::string>> espeak_phonemes(const std::string& identifier, std::string_view clause);

/// What espeak-ng says of a text of any number of clauses, in IPA with `_` between phonemes, blanks between words and
/// between clauses: the call of the Python package phonemizer. Marks of another language's rules ("(en)") are kept.
std::string espeak_ipa(const std::string& identifier, std::string_view text);

/// The library, its data, the C library and the locale, as stamps: see FrontEnd::sources(). "" when any of the files
/// may have changed after it was loaded here.
std::string espeak_sources();

/// "1.51": the version of the loaded library.
std::string espeak_version();

}  // namespace timbre::text
