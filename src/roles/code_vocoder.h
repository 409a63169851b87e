#pragma once
#include <string>
#include <vector>

#include "roles/codec.h"

namespace timbre::roles {

/// A codec's codes → waveform, in place of the codec's own decoder: Vocos' EnCodec kind. Not thread-safe: one object a
/// thread.
class CodeVocoder {
 public:
  virtual ~CodeVocoder() = default;
  virtual std::string name() const = 0;
  /// Throws UsageError, naming what differs, unless it was trained on the codes of this codec: kind, rate, channels,
  /// samples of a frame, entries of a codebook.
  virtual void expect(const Codec& codec) const = 0;
  /// Codes::samples samples in [-1, 1] of codes of `codec`. Throws as expect(), and DataError for a number of codebooks
  /// that is none of the bandwidths it knows, codes out of range and recordings in pieces of their own loudness.
  virtual std::vector<float> decode(const Codes& codes, const Codec& codec) = 0;
};

}  // namespace timbre::roles
