#pragma once
#include <cstddef>
#include <cstdint>

/// The border between the program and timbre_webrtcvad.so: plain C.
extern "C" {
/// One byte (1 = voice) for each whole frame of a recording, by a detector made for this call. Returns 0; 1 when the
/// detector refuses the rate, the frame length or the mode.
typedef int TimbreVoiceFlags(const std::int16_t* samples, std::size_t count, int rate_hz, std::size_t frame_samples,
                             int mode, unsigned char* flags);
}
