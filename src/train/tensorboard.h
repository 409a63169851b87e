#pragma once
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

/// TensorBoard's event files, written by hand: TFRecord framing (length, masked CRC-32C, data, masked CRC-32C) around
/// protocol buffers of the messages Event and Summary. Nothing but what TensorBoard needs to show scalars, sound,
/// pictures and text.
namespace timbre::train {

class TensorBoard {
 public:
  /// Opens a new event file in `folder`. Records of this run with a step of `first_step` or above in older files are to
  /// be forgotten (the run goes on from a checkpoint); 0 = a new run.
  TensorBoard(const std::filesystem::path& folder, std::int64_t first_step);

  void scalar(const std::string& tag, double value, std::int64_t step);
  /// Mono, -1…1; stored as a 16-bit WAV file.
  void audio(const std::string& tag, std::span<const float> samples_N, std::int64_t rate_hz, std::int64_t step);
  /// A PNG file; its size is read from its header.
  void image(const std::string& tag, std::span<const unsigned char> png, std::int64_t step);
  void text(const std::string& tag, const std::string& text, std::int64_t step);
  /// Appends what was collected. Throws SystemError.
  void flush();

 private:
  void event(std::int64_t step, const std::string& field);
  std::filesystem::path path_;
  std::string pending_;
};

/// Mono 16-bit RIFF WAVE file.
std::string wav_bytes(std::span<const float> samples_N, std::int64_t rate_hz);
/// CRC-32C (Castagnoli) as TFRecord masks it.
std::uint32_t masked_crc32c(std::string_view bytes);

}  // namespace timbre::train
