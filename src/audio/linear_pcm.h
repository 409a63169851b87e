#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

/// 16-bit mono as the Python package pydub (0.25) makes it with set_frame_rate, set_channels(1), set_sample_width(2):
/// linear interpolation between samples without any filter, then the channels' mean, everything rounded as Python's
/// audioop rounds. Not for listening (a higher rate folds back), but what a voice detector decides depends on it, and
/// thresholds that were set behind it are only right behind it.
namespace timbre::audio {

/// Interleaved samples of `bytes` bytes each (1, 2 or 4), at full width in 32 bits: an 8-bit sample is value << 24.
struct WideSamples {
  std::vector<std::int32_t> frames_NC;
  std::int64_t channels = 1, rate_hz = 0, bytes = 2;
};

/// Samples of a PCM WAV as pydub holds them: 24 bits become 32. Nothing for other formats (floats, FLAC …). Throws
/// DataError for a broken or truncated file, SystemError when it cannot be read.
std::optional<WideSamples> read_wide_samples(const std::filesystem::path& path);

/// Another rate: one channel's sample is the weighted mean of its neighbours in time, truncated towards 0, then cut to
/// `bytes`; audioop.ratecv. Throws UsageError for rates < 1.
std::vector<std::int32_t> interpolate_rate(const WideSamples& samples, std::int64_t to_hz);

/// The whole way. Recordings that are no PCM WAV are decoded and resampled by soxr and rounded to 16 bits: pydub would
/// hand those to FFmpeg. Throws as audio::decode_audio.
std::vector<std::int16_t> linear_pcm16(const std::filesystem::path& path, std::int64_t to_hz);

}  // namespace timbre::audio
