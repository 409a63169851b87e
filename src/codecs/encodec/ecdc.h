#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "codecs/encodec/config.h"
#include "roles/codec.h"

/// .ecdc, the container of the encodec package: "ECDC", a version byte 0, the header's length (4 bytes, big endian), a
/// JSON header, and for every segment its scale (only of networks that normalise) and its codes, frame after frame,
/// as few bits each as the codebooks need, least significant bit first, filled up to a byte.
/// Non-goals: files with "lm": true, whose codes are entropy-coded by probabilities of a language model.
namespace timbre::encodec {

/// Numbers of `bits` bits each, least significant bit first.
class BitPacker {
 public:
  /// bits 1 … 32.
  explicit BitPacker(int bits) : bits_(bits) {}
  void push(std::uint32_t value);
  /// The bytes so far, the last one filled up with zeros; the next number begins a new byte.
  std::string flush();

 private:
  int bits_, pending_bits_ = 0;
  std::uint64_t pending_ = 0;
  std::string bytes_;
};

class BitUnpacker {
 public:
  BitUnpacker(std::string_view bytes, int bits) : bytes_(bytes), bits_(bits) {}
  /// False at the end. What a packer filled up the last byte with can look like another number: count.
  bool pull(std::uint32_t& value);

 private:
  std::string_view bytes_;
  int bits_, pending_bits_ = 0;
  std::size_t at_ = 0;
  std::uint64_t pending_ = 0;
};

struct EcdcHeader {
  std::string model;  ///< "encodec_24khz"
  std::int64_t samples = 0, codebooks = 0;
  bool language_model = false;
  std::int64_t bytes = 0;  ///< of the file, up to the first segment
};

/// Throws DataError naming `where` and the byte.
EcdcHeader read_ecdc_header(std::string_view file, const std::string& where);

/// The codes of a file that a network of this config wrote. Throws DataError naming `where`: no ECDC, another network's
/// name, lengths that the file is too short or too long for, entropy-coded codes.
roles::Codes read_ecdc(std::string_view file, const Config& config, const std::string& where);

/// Byte for byte what the encodec package writes without language model. Throws DataError when the codes are not of
/// this network (number of codebooks or segments, frames, a code out of range).
std::string write_ecdc(const roles::Codes& codes, const Config& config);

}  // namespace timbre::encodec
