#pragma once
#include <cstdint>
#include <span>
#include <vector>

/// Which frames of a recording hold a voice, by the detector of WebRTC: Gaussian mixtures over six bands in integer
/// arithmetic, so that its decisions are the same everywhere, frame for frame those of Python's webrtcvad.
/// It is Debian's build of WebRTC's own code (libwebrtc-audio-processing1), loaded on first use.
namespace timbre::audio {

struct VoiceOptions {
  std::int64_t frame_ms = 30;  ///< 10, 20 or 30
  std::int64_t mode = 3;       ///< 0 takes nearly everything for a voice, 3 is the strictest
};

/// One 0 or 1 for each whole frame; what is left at the end is not looked at. rate_hz: 8000, 16000, 32000, 48000.
/// Throws UsageError for other rates, lengths and modes, SystemError when the library is not installed.
std::vector<std::uint8_t> voice_flags(std::span<const std::int16_t> samples_N, std::int64_t rate_hz,
                                      const VoiceOptions& options = {});

/// Full scale ±1 → 16 bit as Python programs write it, int16(round(x · 32767)): half to even, and what does not fit
/// wraps round.
std::vector<std::int16_t> wrapped_pcm16(std::span<const float> wave_N);

}  // namespace timbre::audio
