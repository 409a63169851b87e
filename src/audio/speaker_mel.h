#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "audio/levels.h"
#include "audio/mel.h"

/// What the speaker encoders hear: their recordings are levelled, cut and turned into 40 mel bands at 100 frames a
/// second, each kind its own way.
namespace timbre::audio {

/// The kinds:
///   mozilla      HamedHemati/SpeakerEncoder, Mozilla TTS, Coqui: cut to the sound, pre-emphasis, decibels in ±4
///   resemblyzer  resemble-ai/Resemblyzer: raised to a level, pauses cut by WebRTC's detector, power without logarithm
struct SpeakerMelOptions {
  std::string kind = "mozilla";
  MelOptions mel = mozilla_mel();  ///< of resemblyzer only sizes, range in hertz and padding count
  bool trim = true;                ///< mozilla: drop 10 ms and silence at both ends
  double trim_db = 60;             ///< mozilla: silence is this far below the loudest frame
  bool peak_norm = false;          ///< mozilla: scale the loudest sample to 0.95 (do_sound_norm)
  double level_db = -30;           ///< resemblyzer: quieter recordings are raised to it (RMS against full scale)
  std::int64_t vad_mode = 3;       ///< resemblyzer: strictness of the detector
  bool operator==(const SpeakerMelOptions&) const = default;

  static MelOptions mozilla_mel();
  static MelOptions resemblyzer_mel();
};
config::Fields fields(SpeakerMelOptions& options);
std::vector<std::string> validate(const SpeakerMelOptions& options);

/// The part a mozilla front end keeps. Throws DataError for a recording without sound.
Span mozilla_trim(std::span<const float> wave_N, const SpeakerMelOptions& options);

/// Which way a recording's level may be moved.
enum class LevelChange { both, up_only, down_only };
/// Factor that brings the RMS level to `level_db`; 1 where the way is barred or the recording is silent.
double level_gain(std::span<const double> wave_N, double level_db, LevelChange change);
/// The same in single precision and upwards only, as Resemblyzer computes it.
float resemblyzer_gain(std::span<const float> wave_N, double level_db);

/// Flags of 30 ms → which of these windows are kept: mean over 8 (3 before, 4 after) above one half, then 3 windows
/// more on both sides.
std::vector<std::uint8_t> widen_voice(std::span<const std::uint8_t> flags);

/// What is left of a recording before its mel is taken: levelled, without pauses.
std::vector<float> resemblyzer_wave(std::span<const float> wave_N, const SpeakerMelOptions& options);
std::vector<float> mozilla_wave(std::span<const float> wave_N, const SpeakerMelOptions& options);
std::vector<float> speaker_wave(std::span<const float> wave_N, const SpeakerMelOptions& options);

/// The mel of what speaker_wave() left. Throws DataError when it is too short for one frame.
Mel speaker_mel(std::span<const float> prepared_N, const SpeakerMelOptions& options);

}  // namespace timbre::audio
