// soxr: links an OpenMP runtime, which our programs must not have.
#include <soxr.h>

#include <cstdio>

#include "audio/sound_plugin_abi.h"

extern "C" int64_t timbre_soxr_resample(const float* in, uint64_t count, double from_hz, double to_hz, float* out,
                                        uint64_t room, char* error, uint64_t error_bytes) {
  const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_VHQ, 0);
  const soxr_runtime_spec_t runtime = soxr_runtime_spec(1);
  size_t used = 0, made = 0;
  const soxr_error_t failed =
      soxr_oneshot(from_hz, to_hz, 1, in, count, &used, out, room, &made, &io, &quality, &runtime);
  if (!failed) return static_cast<int64_t>(made);
  std::snprintf(error, error_bytes, "%s", soxr_strerror(failed));
  return -1;
}
