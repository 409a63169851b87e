#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

/// RIFF/WAVE, the one format read without a library: 8, 16, 24, 32-bit PCM and 32, 64-bit float, plain or "extensible".
/// Other codecs inside WAV (A-law, ADPCM …) and RF64 are left to libsndfile.
namespace timbre::audio {

struct WavHeader {
  std::int64_t rate_hz = 0;
  std::int64_t channels = 0;
  std::int64_t bits = 0;
  bool is_float = false;
  std::size_t data_offset = 0;
  std::uint64_t declared_bytes = 0;  ///< of samples, as the header says
  std::uint64_t present_bytes = 0;   ///< of samples that belong to the data chunk and are in the file
  std::uint64_t trailing_bytes = 0;  ///< that follow the data chunk and are no chunk: most likely sound as well
  bool open_ended = false;           ///< the header has no length (written to a pipe, or never closed)
  std::string wrong_length;          ///< what else is wrong with its lengths; empty = nothing
  std::int64_t frame_bytes() const { return channels * bits / 8; }
  std::int64_t declared_samples() const { return static_cast<std::int64_t>(declared_bytes) / frame_bytes(); }
  std::int64_t samples() const { return static_cast<std::int64_t>(present_bytes) / frame_bytes(); }
  bool truncated() const { return !open_ended && present_bytes < declared_bytes; }
};

/// True when the bytes start as a RIFF/WAVE file.
bool is_wav(std::span<const std::byte> bytes);

/// Nothing when the codec is not one of ours. Throws DataError ("not a usable WAV file: …") when the structure is
/// broken: no fmt or data chunk, no channels, no rate, a block size that contradicts channels and bits.
std::optional<WavHeader> parse_wav(std::span<const std::byte> bytes);

/// All samples, mixed to the mean of the channels. `bytes` is the whole file.
std::vector<float> wav_samples(std::span<const std::byte> bytes, const WavHeader& header);

/// `frames` frames from `from` on (bytes of the data chunk), mixed to the mean of the channels, to `out_N`.
void wav_block(const std::byte* from, std::int64_t frames, const WavHeader& header, float* out_N);

/// The 44 bytes before 16-bit samples. No count: a file whose length is not known (pipes).
std::string wav_header_16(std::int64_t rate_hz, std::optional<std::uint32_t> samples, std::int64_t channels = 1);

}  // namespace timbre::audio
