#pragma once
#include <string>
#include <vector>

#include "audio/averages.h"
#include "audio/decode.h"
#include "audio/mel.h"
#include "roles/parity_part.h"

/// Parts of the set speech_features. What to compute follows from the names in cases.safetensors and the configs in
/// cases.json.
namespace timbre::parity {

/// A clip of the set in its three rates, read on demand. Samples are int16/32768.
class SpeechClip {
 public:
  /// `at` is its JSON pointer ("/clips/3").
  SpeechClip(const roles::ParityRun& run, std::string at);

  const std::string& at() const { return at_; }
  /// "en_tt-weasels": the language, then the recording's name.
  const std::string& id() const { return id_; }
  /// "tt-weasels".
  std::string recording() const;
  /// "en.tt-weasels.": what its tensors' names start with.
  std::string prefix() const;
  /// `rate` is "16k", "22k" or "24k". Throws DataError when the set has no such file.
  const audio::Clip& audio(const std::string& rate) const;

 private:
  const roles::ParityRun& run_;
  std::string at_, id_;
  mutable std::map<std::string, audio::Clip> audio_;
};

/// The front ends by name: taco, hifigan, vocos; sizes as in the set's stft_parameters.
audio::MelOptions front_end(const roles::ParityRun& run, const std::string& name);

/// One entry of cases.safetensors, named without the clip ("taco.mel"); false when it is none of this part's.
bool mel_feature(roles::ParityRun& run, const SpeechClip& clip, const std::string& feature);
bool pitch_feature(roles::ParityRun& run, const SpeechClip& clip, const std::string& feature);

/// Frame counts and trims of a clip in cases.json.
void clip_counts(roles::ParityRun& run, const SpeechClip& clip);
/// Mel filters, windows, parameters of lhotse, the shortest input.
void filters_and_windows(roles::ParityRun& run);

/// ming024's preparation of every clip that has a TextGrid, and the statistics over them.
void utterances(roles::ParityRun& run, const std::vector<SpeechClip>& clips);
/// Averages and outliers on given numbers.
void average_cases(roles::ParityRun& run);
/// How tgt and ming024's get_alignment read the TextGrids.
void grid_cases(roles::ParityRun& run);

/// Frames × columns as the set stores it: [columns, frames].
weights::Tensor columns_first(std::span<const float> values_FC, std::int64_t frames, std::int64_t columns);

inline constexpr const char* kTensors = "cases.safetensors";
inline constexpr const char* kCases = "cases.json";

}  // namespace timbre::parity
