#include "prepare/speaking_rate.h"

#include <fmt/format.h>

#include <algorithm>

#include "audio/linear_pcm.h"
#include "audio/vad.h"
#include "base/error.h"
#include "base/strings.h"
#include "text/espeak.h"
#include "text/syllables.h"

namespace timbre::prepare {

double voiced_seconds(const std::filesystem::path& recording) {
  constexpr std::int64_t kRate_hz = 16000;
  constexpr double kFrame_s = 30.0 / 1000;
  const audio::VoiceOptions strictest{.frame_ms = 30, .mode = 3};
  double seconds = 0;  // summed frame by frame as the reference does: thresholds are compared in double
  for (const std::uint8_t voiced : audio::voice_flags(audio::linear_pcm16(recording, kRate_hz), kRate_hz, strictest))
    if (voiced != 0) seconds += kFrame_s;
  return seconds;
}

std::string SyllableCounter::method(const std::string& language) const {
  const std::string lower = ascii_lower(language);
  const bool english = lower.empty() || lower == "en" || lower.starts_with("en-") || lower.starts_with("en_");
  if (rule_ == SyllableRule::letters || (rule_ == SyllableRule::automatic && english)) return "letters";
  std::string name = lower.empty() ? "en-us" : lower;
  std::replace(name.begin(), name.end(), '_', '-');
  for (;;) {  // "fr-CA" is read by "fr" where there is no voice of its own
    try {
      return "espeak:" + text::find_espeak_voice(name).code;
    } catch (const UsageError&) {
      const std::size_t dash = name.rfind('-');
      if (dash == std::string::npos) throw;
      name.resize(dash);
    }
  }
}

std::int64_t SyllableCounter::count(std::string_view text, const std::string& language) {
  const std::string how = method(language);
  if (how == "letters") return text::syllables_of_caption(text);
  auto& reader = readers_[how];
  if (!reader) reader = text::make_front_end(how);
  return text::count_nuclei(reader->phonemize(text).phones);
}

SyllableRule syllable_rule(const std::string& word) {
  if (word == "auto") return SyllableRule::automatic;
  if (word == "letters") return SyllableRule::letters;
  if (word == "phones") return SyllableRule::phones;
  throw UsageError(fmt::format("syllables by '{}': expected auto, letters or phones", word));
}

std::int64_t count_words(std::string_view text) { return static_cast<std::int64_t>(text::split_blanks(text).size()); }

}  // namespace timbre::prepare
