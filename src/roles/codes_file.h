#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "roles/codec.h"

/// Codes on disk, one recording a file.
///
///   .safetensors  codes (or codes.0, codes.1 … where a codec cuts recordings) i32 [frames, codebooks] and scales
///                 f32 [segments]; metadata codec, rate_hz, hop_samples, channels, samples
///   .npy          [frames, codebooks] of whole numbers: one segment, no loudness, samples = frames × hop
///   others        a codec's own (EnCodec's .ecdc), added by that codec
namespace timbre::roles {

/// Reads and writes one kind of file for the codec that is open.
struct CodesFormat {
  std::string summary;
  std::function<void(const std::filesystem::path& path, const Codes& codes, const Codec& codec)> write;
  std::function<Codes(const std::filesystem::path& path, const Codec& codec)> read;
};

/// By ending (".npy"). A codec adds its own where it is registered. Filled before the first thread starts.
std::map<std::string, CodesFormat>& codes_formats();

/// By the ending. Throws UsageError for endings that are none, or for what the format cannot hold, SystemError.
void write_codes(const std::filesystem::path& path, const Codes& codes, const Codec& codec);

/// Throws UsageError for the ending, DataError for what is not codes of this codec: its name, shapes, codes out of
/// range by frame and codebook.
Codes read_codes(const std::filesystem::path& path, const Codec& codec);

/// Shapes and ranges of codes; `where` for messages. Throws DataError.
void check_codes(const Codes& codes, const Codec& codec, const std::string& where);

}  // namespace timbre::roles
