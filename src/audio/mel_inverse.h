#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "audio/fft.h"
#include "audio/mel.h"

namespace timbre::audio {

/// The nonzero part of a row of a sparse matrix: columns first … first + count − 1, its values from `weights` on.
struct FilterStrip {
  std::int64_t first, count;
  std::size_t weights;
};

/// Magnitude spectra whose mel is given: the non-negative least-squares solution of filters · x = mel, by the
/// multiplicative updates x ← x · Fᵀy / FᵀFx (Daube-Witherspoon & Muehllehner 1986; Lee & Seung 2001) from a smooth
/// start. Among the many solutions this keeps close to the start, so bins under one filter stay alike.
class MelInverse {
 public:
  explicit MelInverse(const MelOptions& options, std::int64_t iterations = 24);

  /// Eight frames: mel_FM is the first of `count` ≤ 8 rows after the logarithm; magnitude_BL gets bins × 8, 32-byte
  /// aligned.
  void block(const float* mel_FM, std::int64_t count, float* magnitude_BL) const;
  std::int64_t bins() const { return bins_; }

 private:
  std::int64_t mels_, bins_, iterations_;
  std::string log_;
  double gain_;
  MelRange range_;
  std::vector<FilterStrip> rows_, columns_;  ///< the filters by mel and, transposed, by bin
  std::vector<float> row_weights_, column_weights_;
};

}  // namespace timbre::audio
