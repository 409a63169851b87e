#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "audio/decode.h"

/// What the doctor measures in one clip, in one pass over its samples.
namespace timbre::corpus {

struct ClipFacts {
  bool readable = false;              ///< there are samples to look at
  std::vector<audio::Damage> damage;  ///< of the file, see audio/decode.h
  std::int64_t samples = 0;           ///< decoded, per channel
  std::int64_t file_bytes = -1;
  std::int64_t rate_hz = 0, channels = 0;
  std::int64_t clipped_samples = 0;        ///< audio::Levels
  std::int64_t bad_samples = 0;            ///< NaN or infinite
  double peak = 0;                         ///< of full scale 1
  double rms_db = -200, speech_db = -200;  ///< dB of full scale; speech: frames that are not silent
  double dc_offset = 0;
  double leading_silence_s = 0, trailing_silence_s = 0;
  double inner_silence_s = 0;    ///< the longest between two sounds
  std::uint64_t audio_hash = 0;  ///< of the decoded samples
  double duration_s() const { return rate_hz > 0 ? double(samples) / double(rate_hz) : 0; }
};

/// Facts of samples that were decoded already (mono).
ClipFacts measure_samples(std::span<const float> wave_N, std::int64_t rate_hz);

/// Decodes and measures; never throws for what is wrong with the file.
ClipFacts measure_clip(const std::filesystem::path& path);

}  // namespace timbre::corpus
