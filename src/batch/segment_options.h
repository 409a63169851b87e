#pragma once
#include "config/fields.h"

/// Options of batch/clip_segments.h, for files that are built without LibTorch.
namespace timbre::batch {

struct SegmentOptions {
  std::int64_t samples = 16384;  ///< of a piece; shorter clips are filled up with zeros
  /// Pieces become louder or softer by up to so many decibels (never beyond full scale), so that a network does not
  /// depend on the level of its corpus.
  double gain_db = 0;
  double peak = 0;                ///< every recording is brought to this peak first; 0 = as it is
  std::int64_t memory_mb = 1024;  ///< decoded clips are kept as 16-bit samples up to this; the rest is decoded anew
};

inline config::Fields fields(SegmentOptions& o) {
  config::Fields f;
  f.add("samples", o.samples, "samples of a training piece").range(1, 1 << 24);
  f.add("gain_db", o.gain_db, "pieces become louder or softer by up to so many decibels").range(0, 40);
  f.add("peak", o.peak, "every recording is brought to this peak first; 0 = as it is").range(0, 1);
  f.add("memory_mb", o.memory_mb, "decoded clips are kept in memory up to this; the rest is decoded again and again")
      .range(0, 1 << 20);
  return f;
}

}  // namespace timbre::batch
