// WebRTC's voice activity detector out of libwebrtc_audio_processing.
#include "audio/vad_plugin_abi.h"

// Debian's headers leave out the detector's C interface (common_audio/vad/webrtc_vad.h); the library exports it.
extern "C" {
struct WebRtcVadInst;
WebRtcVadInst* WebRtcVad_Create();
void WebRtcVad_Free(WebRtcVadInst* handle);
int WebRtcVad_Init(WebRtcVadInst* handle);
int WebRtcVad_set_mode(WebRtcVadInst* handle, int mode);
int WebRtcVad_Process(WebRtcVadInst* handle, int rate_hz, const std::int16_t* frame, std::size_t samples);
}

extern "C" int timbre_webrtcvad_flags(const std::int16_t* samples, std::size_t count, int rate_hz,
                                      std::size_t frame_samples, int mode, unsigned char* flags) {
  WebRtcVadInst* const detector = WebRtcVad_Create();
  if (!detector) return 1;
  bool ok = WebRtcVad_Init(detector) == 0 && WebRtcVad_set_mode(detector, mode) == 0;
  for (std::size_t i = 0; ok && (i + 1) * frame_samples <= count; ++i) {
    const int voice = WebRtcVad_Process(detector, rate_hz, samples + i * frame_samples, frame_samples);
    ok = voice >= 0;
    flags[i] = voice > 0 ? 1 : 0;
  }
  WebRtcVad_Free(detector);
  return ok ? 0 : 1;
}

static_assert(sizeof(TimbreVoiceFlags*) == sizeof(&timbre_webrtcvad_flags));
