#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "text/phonemes.h"

/// How fast somebody speaks: seconds of voice for each syllable. Measured as prepare_speedDataset.ipynb of
/// JiachuanDENG/llasa-with-speed-control does, whose thresholds are of these numbers.
namespace timbre::prepare {

/// Seconds that WebRTC's detector hears a voice in, at its strictest, in frames of 30 ms of the recording at 16 kHz
/// (audio/linear_pcm.h); what is left behind the last whole frame does not count. Throws as audio::decode_audio,
/// SystemError when the detector is not installed.
double voiced_seconds(const std::filesystem::path& recording);

/// What counts syllables.
enum class SyllableRule {
  automatic,  ///< letters for English and where no language is named, phones for all other languages
  letters,    ///< text/syllables.h, which the seed's thresholds were set for
  phones      ///< vowels of what espeak-ng says in the text's language
};

/// Not thread-safe: espeak-ng has one state for the process.
class SyllableCounter {
 public:
  explicit SyllableCounter(SyllableRule rule) : rule_(rule) {}
  /// Syllables of a text in a language ("en-US", "" = unknown, taken as English). Throws UsageError for a language that
  /// espeak-ng has no voice of, or a script that its voice cannot read, SystemError when espeak-ng is missing.
  std::int64_t count(std::string_view text, const std::string& language);
  /// "letters" or "espeak:fr-fr": what count() uses for a language.
  std::string method(const std::string& language) const;

 private:
  SyllableRule rule_;
  std::map<std::string, std::unique_ptr<text::FrontEnd>> readers_;
};

/// Throws UsageError for another word than auto, letters, phones.
SyllableRule syllable_rule(const std::string& word);

/// Words between blanks: what the reference asks six of.
std::int64_t count_words(std::string_view text);

}  // namespace timbre::prepare
