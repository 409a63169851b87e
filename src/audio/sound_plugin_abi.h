#pragma once
#include <stdint.h>

/// The border between the program and its media plugins: plain C, no memory crosses it but what is lent during a call.
extern "C" {

struct TimbreSoundInfo {
  int64_t rate_hz, channels;
  int64_t samples;  ///< per channel; −1 = not known without decoding
  int estimated;    ///< 1 = samples from bit rate and size
  char format[64];
};

/// Called with `frames` interleaved frames.
typedef void (*TimbreSoundSink)(void* context, const float* interleaved, int64_t frames, int64_t channels);
/// Called with encoded bytes.
typedef void (*TimbreByteSink)(void* context, const void* bytes, uint64_t count);

/// timbre_<sndfile|ffmpeg>_probe and _decode: 0 = fine, 1 = cannot be opened, 2 = decoding broke off (after what the
/// sink got). `error` gets a text of at most `error_bytes`.
typedef int TimbreSoundProbe(const char* path, TimbreSoundInfo* info, char* error, uint64_t error_bytes);
typedef int TimbreSoundDecode(const char* path, TimbreSoundInfo* info, TimbreSoundSink sink, void* context, char* error,
                              uint64_t error_bytes);
/// timbre_sndfile_encode: "flac", "ogg" or "mp3".
typedef int TimbreSoundEncode(const float* samples, uint64_t count, int64_t rate_hz, const char* format,
                              TimbreByteSink sink, void* context, char* error, uint64_t error_bytes);
/// timbre_soxr_resample: returns the samples written to `out` (room for `room`), −1 with `error` set.
typedef int64_t TimbreResample(const float* in, uint64_t count, double from_hz, double to_hz, float* out, uint64_t room,
                               char* error, uint64_t error_bytes);
}
