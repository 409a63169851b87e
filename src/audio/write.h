#pragma once
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

/// Writing recordings: WAV (16-bit), FLAC (16-bit), OGG Vorbis, MP3, raw signed 16-bit little endian. Mono.
namespace timbre::audio {

/// Takes samples piece by piece, so that speech can be heard before the last sentence is made.
/// Samples beyond ±1 are clipped and counted. WAV to a pipe carries the length 0xFFFFFFFF ("until the end"), which
/// players and our reader accept; to a file the lengths are written when closing.
class AudioWriter {
 public:
  /// `format`: "wav", "flac", "ogg", "mp3", "raw"; empty = from the file name's ending.
  /// A file is written under a temporary name beside `path` and renamed by close(). Throws UsageError for an unknown
  /// format, SystemError when the file cannot be written or libsndfile is missing (flac, ogg, mp3).
  static std::unique_ptr<AudioWriter> open(const std::filesystem::path& path, std::int64_t rate_hz,
                                           std::string format = {});
  /// To an open stream, which stays the caller's; "wav" and "raw" while streaming, "flac", "ogg" and "mp3" when
  /// closing.
  static std::unique_ptr<AudioWriter> open(std::FILE* stream, std::int64_t rate_hz, const std::string& format);

  /// Closes without keeping: a writer that was not closed leaves no file.
  virtual ~AudioWriter() = default;
  virtual void write(std::span<const float> samples_N) = 0;
  /// Writes what is left and makes the file real. Throws SystemError (disk full …).
  virtual void close() = 0;
  /// Samples written, and how many of them were beyond ±1.
  std::int64_t samples() const { return samples_; }
  std::int64_t clipped() const { return clipped_; }

 protected:
  std::int64_t samples_ = 0, clipped_ = 0;
};

/// All at once.
void write_audio(const std::filesystem::path& path, std::span<const float> samples_N, std::int64_t rate_hz,
                 const std::string& format = {});
void write_audio(std::FILE* stream, std::span<const float> samples_N, std::int64_t rate_hz, const std::string& format);
/// The same as 16-bit WAV into a staging folder, which is flushed to disk as a whole when it is published: one fsync a
/// clip would be the second.
void write_staged_wav(const std::filesystem::path& path, std::span<const float> samples_N, std::int64_t rate_hz);

/// Several channels (planar, channels × samples) as 16-bit WAV; atomic. Throws UsageError for another ending than .wav.
void write_wav_channels(const std::filesystem::path& path, std::span<const float> wave_CN, std::int64_t channels,
                        std::int64_t rate_hz);

/// Full scale ±1 to 16 bits: round(x · 32768) to nearest, clipped to [−32768, 32767]. The inverse of value / 32768.
std::int16_t to_int16(float sample);

}  // namespace timbre::audio
