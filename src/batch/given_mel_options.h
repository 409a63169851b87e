#pragma once
#include "config/fields.h"

/// Options of batch/given_mels.h, for files that are built without LibTorch.
namespace timbre::batch {

/// Mels of an acoustic model in place of those of the recordings, frame by frame on the recordings' clock
/// (teacher-forced): the vocoder learns to hide that model's blur.
struct GivenMelOptions {
  std::string mels;    ///< folder of <id>.npy, [mels, frames] or [1, mels, frames]
  std::string column;  ///< or a column of the corpus, [frames, mels]
  bool active() const { return !mels.empty() || !column.empty(); }
};

inline config::Fields fields(GivenMelOptions& o) {
  config::Fields f;
  f.add("mels", o.mels, "folder of an acoustic model's teacher-forced mels, <id>.npy").metavar("FOLDER");
  f.add("column", o.column, "the same from a column of the corpus (timbre prepare CORPUS --mels-of VOICE)")
      .metavar("COLUMN");
  return f;
}

/// What is wrong with them; "" when nothing is.
inline std::string problem(const GivenMelOptions& o) {
  return o.mels.empty() || o.column.empty() ? ""
                                            : "fine_tune.mels and fine_tune.column are two sources of mels: give one";
}

}  // namespace timbre::batch
