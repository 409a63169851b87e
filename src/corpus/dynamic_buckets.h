#pragma once
#include <cstdint>
#include <vector>

#include "base/python_random.h"

/// Batches by seconds, as lhotse's DynamicBucketingSampler and SimpleCutSampler cut them: cuts of like duration share a
/// bucket, a batch holds as many of one bucket as fit. Facts: lhotse 1.16, `lhotse/dataset/sampling`.
///
/// The rule of 1.16 closes a batch (1.20 and later let a longer late-comer push a batch over its limit), and a shuffled
/// run draws from Python's generator seeded with seed + epoch: an epoch holds the batches that lhotse 1.16 makes.
namespace timbre::corpus {

struct BucketOptions {
  double max_duration_s = 0;      ///< cuts × longest effective duration of a batch; 0 = bounded by max_cuts alone
  std::int64_t max_cuts = 0;      ///< of a batch; 0 = bounded by seconds alone
  std::int64_t num_buckets = 10;  ///< as many as there are cuts at most; 0 = none: a batch is what comes next
  double quadratic_s = 0;         ///< effective duration = d + d² / quadratic_s; 0 = d
  bool shuffle = false;
  bool drop_last = false;  ///< leave out what fills no batch at the end
  std::uint64_t seed = 0;
  std::int64_t buffer = 10000;          ///< cuts held in the buckets at a time
  std::int64_t shuffle_buffer = 20000;  ///< cuts that a shuffled order draws from
  std::int64_t edges_from = 10000;      ///< cuts that the edges are made of
};

/// What ranks do with a last round that has no batch for each of them.
enum class LastRound {
  drop,  ///< nobody gets one: equal counts, as gradients need them
  keep   ///< as lhotse: the first ranks get one more, unless drop_last
};

class DynamicBuckets {
 public:
  /// Seconds of each cut. Throws UsageError without cuts or limits, for a limit below 0, DataError for a duration that
  /// is no number above 0.
  DynamicBuckets(std::vector<double> durations_s, BucketOptions options, int rank = 0, int world = 1,
                 LastRound last_round = LastRound::drop);

  /// Durations at which a next bucket begins: each bucket holds about the same sum of seconds.
  const std::vector<double>& edges() const { return edges_; }
  /// Batches of this rank in their order, a function of (seed, epoch) alone; indices into the durations. Rank r takes
  /// batch k·world + r of the common list.
  std::vector<std::vector<std::size_t>> epoch(std::int64_t epoch) const;
  /// The common list.
  std::vector<std::vector<std::size_t>> joined_epoch(std::int64_t epoch) const;
  /// d + d² / quadratic_s of a cut.
  double effective_s(std::size_t item) const;
  /// Cuts × longest duration, over the sum of durations of an epoch, minus 1.
  double padding_waste(std::int64_t epoch) const;
  /// The batch with the most padded seconds that any epoch may hold.
  std::vector<std::size_t> largest() const;
  std::size_t item_count() const { return durations_s_.size(); }

 private:
  class Load;
  std::vector<std::size_t> order(PythonRandom random) const;
  std::vector<std::vector<std::size_t>> simple(const std::vector<std::size_t>& order) const;
  std::vector<std::vector<std::size_t>> bucketed(const std::vector<std::size_t>& order, PythonRandom random) const;
  std::vector<double> durations_s_;
  BucketOptions options_;
  int rank_, world_;
  LastRound last_round_;
  std::vector<double> edges_;
};

/// Edges alone: sorted durations are walked, and where the sum has passed 1/buckets of the whole, the next one begins a
/// bucket; at most buckets - 1 of them.
std::vector<double> bucket_edges(std::vector<double> durations_s, std::int64_t buckets);

}  // namespace timbre::corpus
