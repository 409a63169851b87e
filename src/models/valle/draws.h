#pragma once
#include <cstdint>
#include <utility>

#include "base/python_random.h"
#include "models/valle/config.h"

/// The random choices of a training step of the NAR part, as the reference draws them from random.Random(0), a
/// generator of its own that starts anew with every start of the trainer.
namespace timbre::valle {

class StepDraws {
 public:
  explicit StepDraws(std::int64_t num_quantizers, std::uint64_t seed = 0);
  /// The codebook to predict, 1 … num_quantizers − 1.
  std::int64_t stage();
  /// prefix_mode 2: where the piece of `prefix` frames begins in an utterance of `frames`.
  std::int64_t start(std::int64_t frames, std::int64_t prefix);
  PythonRandom& random() { return random_; }
  const PythonRandom& random() const { return random_; }

 private:
  PythonRandom random_;
  std::vector<double> weights_;
};

/// prefix_mode 1: the prompt's frames are drawn from [low, high) by the length of the batch's shortest utterance.
/// lifeiteng begins at a quarter of it, VALL-E X (with languages) at 0. Throws DataError when it is too short to draw.
std::pair<std::int64_t, std::int64_t> prefix_range(const Config& config, std::int64_t shortest_frames);

}  // namespace timbre::valle
