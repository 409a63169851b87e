#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace timbre::roles {

/// The codes of a stretch that was coded in one go.
struct CodeSegment {
  std::vector<std::int32_t> codes_FQ;  ///< frames × codebooks, row-major; an entry is < codebook_size()
  std::int64_t frames = 0;
  float scale = 1;  ///< what the samples were divided by before coding; 1 for codecs that do not normalise
};

/// A recording as codes.
struct Codes {
  std::int64_t codebooks = 0;         ///< the first so many of the codec's
  std::int64_t samples = 0;           ///< samples a channel at the codec's rate; decoding is cut to them
  std::vector<CodeSegment> segments;  ///< one, but for codecs that cut long recordings (EnCodec 48 kHz)
};

/// Codes → waveform while the codes are still being made; equal to decoding them at once. One stream a recording.
class DecodeStream {
 public:
  virtual ~DecodeStream() = default;
  /// The next frames (frames × codebooks); returns the samples that are final, planar channels × samples.
  virtual std::vector<float> push(std::span<const std::int32_t> codes_FQ) = 0;
  /// The end: what is left.
  virtual std::vector<float> finish() = 0;
};

/// Waveform → codes while the waveform is still arriving; equal to encoding it at once.
class EncodeStream {
 public:
  virtual ~EncodeStream() = default;
  /// The next samples (planar channels × samples); returns the frames that are final, frames × codebooks.
  virtual std::vector<std::int32_t> push(std::span<const float> wave_CN) = 0;
  virtual std::vector<std::int32_t> finish() = 0;
};

/// Waveform ↔ codes. Not thread-safe: one object a thread.
class Codec {
 public:
  virtual ~Codec() = default;
  /// "encodec", "xcodec2" …: names the column codes.<name>.
  virtual std::string name() const = 0;
  virtual std::int64_t rate_hz() const = 0;
  virtual std::int64_t channels() const = 0;
  /// Samples of a frame.
  virtual std::int64_t hop_samples() const = 0;
  /// The most codebooks; 1 for a single stream of codes.
  virtual std::int64_t codebooks() const = 0;
  /// Entries of each codebook.
  virtual std::int64_t codebook_size() const = 0;
  /// How many codebooks a bandwidth buys. Throws UsageError naming the bandwidths that there are.
  virtual std::int64_t codebooks_of(double bandwidth_kbps) const = 0;

  /// wave_CN: planar channels × samples at rate_hz(). codebooks 0 = all. Throws UsageError for too many codebooks,
  /// DataError for no samples, a number of samples that the channels do not divide, and NaN or infinite samples.
  virtual Codes encode(std::span<const float> wave_CN, std::int64_t codebooks = 0) = 0;
  /// The same codes for each as encode() gives it alone; what can be computed together without changing them, is.
  virtual std::vector<Codes> encode_all(std::span<const std::vector<float>> waves, std::int64_t codebooks = 0) {
    std::vector<Codes> all;
    all.reserve(waves.size());
    for (const auto& wave_CN : waves) all.push_back(encode(wave_CN, codebooks));
    return all;
  }
  /// Planar channels × Codes::samples. Throws DataError naming frame and codebook of a code that is out of range.
  virtual std::vector<float> decode(const Codes& codes) = 0;

  /// Null when decoding (encoding) is not local in time, so that pieces would give other numbers.
  virtual std::unique_ptr<DecodeStream> decode_stream(std::int64_t /*codebooks*/) { return nullptr; }
  virtual std::unique_ptr<EncodeStream> encode_stream(std::int64_t /*codebooks*/) { return nullptr; }
};

}  // namespace timbre::roles
