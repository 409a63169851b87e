#include "audio/vad.h"

#include <cmath>

#include "audio/vad_plugin_abi.h"
#include "base/error.h"
#include "base/plugin.h"

namespace timbre::audio {
namespace {

TimbreVoiceFlags* detector() {
  static const Plugin plugin("webrtcvad", "WebRTC's voice activity detector", "libwebrtc-audio-processing1");
  static auto* const flags = plugin.find<TimbreVoiceFlags>("timbre_webrtcvad_flags");
  return flags;
}

}  // namespace

std::vector<std::uint8_t> voice_flags(std::span<const std::int16_t> samples_N, std::int64_t rate_hz,
                                      const VoiceOptions& options) {
  if (rate_hz != 8000 && rate_hz != 16000 && rate_hz != 32000 && rate_hz != 48000)
    throw UsageError(fmt::format("voice detection at {} Hz: it knows 8000, 16000, 32000 and 48000", rate_hz),
                     "resample the recording to one of them");
  if (options.frame_ms != 10 && options.frame_ms != 20 && options.frame_ms != 30)
    throw UsageError(fmt::format("voice detection in frames of {} ms: it knows 10, 20 and 30", options.frame_ms));
  if (options.mode < 0 || options.mode > 3)
    throw UsageError(fmt::format("voice detection in mode {}: it knows 0 (lenient) to 3 (strict)", options.mode));
  const auto frame = static_cast<std::size_t>(rate_hz / 1000 * options.frame_ms);
  std::vector<std::uint8_t> flags(samples_N.size() / frame);
  if (flags.empty()) return flags;
  if (detector()(samples_N.data(), samples_N.size(), static_cast<int>(rate_hz), frame, static_cast<int>(options.mode),
                 flags.data()) != 0)
    throw SystemError("WebRTC's voice activity detector refused its settings",
                      "install another version of libwebrtc-audio-processing1");
  return flags;
}

std::vector<std::int16_t> wrapped_pcm16(std::span<const float> wave_N) {
  std::vector<std::int16_t> out;
  out.reserve(wave_N.size());
  for (const float x : wave_N)
    out.push_back(static_cast<std::int16_t>(static_cast<std::uint16_t>(std::llrint(x * 32767.0f) & 0xFFFF)));
  return out;
}

}  // namespace timbre::audio
