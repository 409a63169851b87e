#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "audio/mel.h"

/// What the preparation programs of ming024/FastSpeech2 and torphix/fastspeech2-TTS compute from one recording and its
/// TextGrid, their slips included.
namespace timbre::prepare {

/// One value a phoneme (averages written in place, as there) or a frame.
struct AlignedLevels {
  bool pitch_of_phonemes = true, energy_of_phonemes = true;
};

/// Values before normalisation.
struct AlignedClip {
  std::vector<std::string> phones;
  std::vector<std::int64_t> durations_P;
  audio::Mel mel;
  std::vector<double> pitch;
  std::vector<float> energy;
  std::string text;  ///< first line of the .lab
};

/// Leading and trailing silence is cut off. `wave_rate_hz` is what the recording is resampled to: the settings' rate,
/// or the 22,050 Hz that librosa.load takes unasked. Throws DataError: why the clip is left out (at most one voiced
/// frame, nothing but silence, no tier "phones", unreadable files).
AlignedClip aligned_clip(const std::filesystem::path& wav, const std::filesystem::path& grid,
                         const std::filesystem::path& lab, const audio::MelMaker& mel, const AlignedLevels& levels,
                         std::int64_t wave_rate_hz);

/// (x − mean) / deviation in the array's own precision, as NumPy 1 computes it.
template <class T>
std::vector<T> normalised(const std::vector<T>& values, double mean, double deviation) {
  std::vector<T> out;
  out.reserve(values.size());
  for (const T v : values) out.push_back((v - static_cast<T>(mean)) / static_cast<T>(deviation));
  return out;
}

}  // namespace timbre::prepare
