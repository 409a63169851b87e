#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "audio/decode.h"

/// What the doctor measures in one clip, in one pass over its samples and in memory that grows by 6 KB a second.
namespace timbre::doctor {

struct ClipFacts {
  bool readable = false;              ///< there are samples to look at
  std::vector<audio::Damage> damage;  ///< of the file, see audio/decode.h
  std::int64_t samples = 0;           ///< decoded, per channel
  std::int64_t file_bytes = -1;
  std::int64_t rate_hz = 0, channels = 0;
  std::int64_t clipped_samples = 0;  ///< in runs of ≥ 3 at the clip's own ceiling, when that is above 0.98
  std::int64_t bad_samples = 0;      ///< NaN or infinite; with any, nothing below is measured
  double peak = 0;                   ///< of full scale 1
  double dc_offset = 0;              ///< mean
  /// dB of full scale, without the offset; speech: the mean over frames of 20 ms within 40 dB of the loudest.
  double rms_db = -200, speech_db = -200;
  double leading_silence_s = 0, trailing_silence_s = 0;  ///< 40 dB below the loudest 25 ms
  double inner_silence_s = 0;                            ///< the longest between two sounds
  /// Mains hum: a line at 50 or 60 Hz or at its second and third harmonic that never pauses. 0 = none.
  std::int64_t hum_hz = 0;
  double hum_db = -200;          ///< dB of full scale, in the quieter parts
  std::uint64_t audio_hash = 0;  ///< of the decoded samples
  double duration_s() const { return rate_hz > 0 ? double(samples) / double(rate_hz) : 0; }
};

/// Gathers the facts of samples that come in pieces of any length.
class ClipMeter {
 public:
  ClipMeter(std::int64_t rate_hz, std::int64_t channels);
  ~ClipMeter();
  ClipMeter(const ClipMeter&) = delete;
  ClipMeter& operator=(const ClipMeter&) = delete;
  void take(std::span<const float> wave_N);
  /// Once, after the last piece.
  ClipFacts finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Facts of samples that were decoded already (mono).
ClipFacts measure_samples(std::span<const float> wave_N, std::int64_t rate_hz);

/// Decodes and measures block by block; never throws for what is wrong with the file.
ClipFacts measure_clip(const std::filesystem::path& path);

}  // namespace timbre::doctor
