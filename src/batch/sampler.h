#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "config/fields.h"
#include "corpus/dynamic_buckets.h"

/// Which items go into which batch: a function of (sizes, options, seed, epoch), so a run continues at any batch.
namespace timbre::batch {

struct SamplerOptions {
  std::int64_t items = 16;  ///< items a batch; 0 = only bounded by units
  std::int64_t units = 0;   ///< padded units (frames) a batch; 0 = only bounded by items
  bool shuffle = true;
  /// bucket: items of like size together; random: as shuffled; corpus: as listed; trainer: as transformers' Trainer has
  /// it
  std::string order = "bucket";
  double spread =
      0.03;  ///< bucket: sizes are jittered by this share before sorting, so batches differ from epoch to epoch
  std::int64_t min_units = 1;  ///< shorter items are left out (and reported)
  std::int64_t max_units = 0;  ///< longer items are left out (and reported); 0 = none
  double seconds = 0;          ///< > 0: batches by seconds in dynamic buckets, whatever items, units and order say
  double quadratic_seconds = 0;
  std::int64_t buckets = 10;
  bool drop_last = true;
  std::int64_t buffer = 40000, shuffle_buffer = 100000;
  std::int64_t seed = -1;
};
config::Fields fields(SamplerOptions& o);

/// A place in the data: batch `batch` of epoch `epoch` comes next.
struct Position {
  std::int64_t epoch = 0;
  std::int64_t batch = 0;
};

/// Cuts an epoch into batches. Every rank gets the same number of batches; rank r takes batch k·world + r of the common
/// list, whose batches k·world … k·world + world - 1 are of like size. Items that do not fill up the last round wait
/// for the next epoch when world > 1 (which ones is shuffled); with one rank every item is seen once an epoch.
class BucketSampler {
 public:
  /// Throws UsageError when nothing is left to train on, naming the option that left it out.
  /// `seconds` of each item: for options.seconds, else empty. `cut_for`: the common list is that of so many ranks, as
  /// that of a run that began with them; 0 = world. Batches that do not go round are left out.
  BucketSampler(std::vector<std::int64_t> units, SamplerOptions options, std::uint64_t seed, int rank = 0,
                int world = 1, std::vector<double> seconds = {}, int cut_for = 0);

  /// Batches of this rank in their order; indices into `units`.
  std::vector<std::vector<std::size_t>> epoch(std::int64_t epoch) const;
  /// The same for all ranks.
  std::vector<std::vector<std::size_t>> joined_epoch(std::int64_t epoch) const;
  /// Items × longest, over Σ units of an epoch, minus 1: the share of work spent on padding.
  double padding_waste(std::int64_t epoch) const;
  /// The items left out by min_units and max_units.
  const std::vector<std::size_t>& left_out() const { return left_out_; }
  /// The batch with most padded units that an epoch may hold (for the trial before step 1).
  std::vector<std::size_t> largest() const;
  std::size_t item_count() const { return kept_.size(); }

 private:
  std::vector<std::vector<std::size_t>> trainer_epoch(std::int64_t epoch) const;
  std::vector<std::vector<std::size_t>> cut(const std::vector<std::size_t>& order) const;
  std::vector<std::int64_t> units_;
  SamplerOptions options_;
  std::uint64_t seed_;
  int rank_, world_, cut_for_;
  std::vector<std::size_t> kept_, left_out_;
  std::shared_ptr<const corpus::DynamicBuckets> by_seconds_;  ///< over kept_
};

}  // namespace timbre::batch
