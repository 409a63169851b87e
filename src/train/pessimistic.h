#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

/// Which batches of an epoch ask most of the memory, by the criteria of lhotse's find_pessimistic_batches
/// (lhotse 1.33, `lhotse/dataset/sampling/utils.py`): what --oom-check of VALL-E's trainer runs before training.
namespace timbre::train {

/// One criterion and the first batch that has the most of it.
struct Pessimistic {
  std::string criterion;  ///< by lhotse's name: "single_longest_cut", "max_num_cuts" …
  double value = 0;       ///< seconds, or a number of cuts
  std::size_t batch = 0;  ///< index into `batches`
  /// "largest_batch_cuts_duration = 79.3 s".
  std::string text() const;
};

/// All six, in lhotse's order; nothing without batches. `seconds` of each item, whose one supervision is as long as it
/// is (as lhotse's own recipes of such corpora have it). The batches hold indices into them.
std::vector<Pessimistic> pessimistic_batches(const std::vector<std::vector<std::size_t>>& batches,
                                             std::span<const double> seconds);

}  // namespace timbre::train
