#include "batch/sampler.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randperm.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/rng.h"
#include "corpus/rank_share.h"
#include "nn/shapes.h"

namespace timbre::batch {
namespace {

/// Stream numbers of the data order, apart from those of first values and dropout.
constexpr std::uint64_t kOrderStream = 2ull << 40;

}  // namespace

config::Fields fields(SamplerOptions& o) {
  config::Fields f;
  f.add("items", o.items, "utterances a batch; 0 = bounded by units alone").range(0, 1 << 20);
  f.add("units", o.units, "padded units (frames) a batch at most; 0 = bounded by items alone").range(0, 1e12);
  f.add("shuffle", o.shuffle, "another order every epoch");
  f.add("order", o.order,
        "bucket: utterances of like length together; random: as shuffled; corpus: as listed; trainer: the rows that "
        "transformers' Trainer takes, torch.randperm seeded with seed + epoch")
      .choices({"bucket", "random", "corpus", "trainer"});
  f.add("spread", o.spread, "bucket: lengths are jittered by this share, so that batches differ between epochs")
      .range(0, 1);
  f.add("min_units", o.min_units, "shorter utterances are left out").range(0, 1e12);
  f.add("max_units", o.max_units, "longer utterances are left out; 0 = none").range(0, 1e12);
  f.add("seconds", o.seconds,
        "seconds of audio a batch at most, items times the longest, in dynamic buckets of like duration (lhotse's "
        "sampler); 0 = batches by items or units")
      .range(0, 1e9);
  f.add("quadratic_seconds", o.quadratic_seconds, "with seconds: a clip of d seconds counts d + d²/this; 0 = d alone")
      .range(0, 1e9);
  f.add("buckets", o.buckets, "with seconds: buckets of about equal total duration; 0 = none, sorted by duration")
      .range(0, 1e6);
  f.add("drop_last", o.drop_last, "with seconds: what fills no batch at the end of an epoch waits for the next");
  f.add("buffer", o.buffer, "with seconds: clips held in the buckets at a time").range(1, 1e12);
  f.add("shuffle_buffer", o.shuffle_buffer, "with seconds: clips that a shuffled order draws from").range(1, 1e12);
  f.add("seed", o.seed, "with seconds or order trainer: of the order, to which the epoch is added; -1 = the run's")
      .range(-1, 1e15);
  return f;
}

BucketSampler::BucketSampler(std::vector<std::int64_t> units, SamplerOptions options, std::uint64_t seed, int rank,
                             int world, std::vector<double> seconds, int cut_for)
    : units_(std::move(units)),
      options_(std::move(options)),
      seed_(seed),
      rank_(rank),
      world_(world),
      cut_for_(cut_for > 0 ? cut_for : world) {
  if (options_.seconds > 0) {
    if (seconds.size() != units_.size())
      throw UsageError("batch.seconds: the durations of this model's items are not known",
                       "bound batches by --batch.items or --batch.units");
    options_.items = 0;
    options_.units = 0;
  } else if (options_.items == 0 && options_.units == 0) {
    throw UsageError("batch.items and batch.units are both 0", "give one of them, e.g. --batch.items 16");
  }
  std::size_t over = 0;
  for (std::size_t i = 0; i < units_.size(); ++i) {
    const bool too_long = options_.max_units > 0 && units_[i] > options_.max_units;
    const bool too_big = options_.units > 0 && units_[i] > options_.units;
    over += too_big && !too_long;
    (units_[i] < options_.min_units || too_long || too_big ? left_out_ : kept_).push_back(i);
  }
  if (kept_.empty())
    throw UsageError(
        fmt::format("none of {} utterances is left: {} are shorter than batch.min_units={}, or longer than "
                    "batch.max_units={} or batch.units={}",
                    units_.size(), left_out_.size(), options_.min_units, options_.max_units, options_.units),
        over ? "raise --batch.units" : "loosen --batch.min-units and --batch.max-units");
  if (kept_.size() < static_cast<std::size_t>(world_))
    throw UsageError(fmt::format("{} utterances cannot feed {} ranks", kept_.size(), world_), "start fewer ranks");
  if (options_.seconds <= 0) return;
  // Without buckets batches are cut from what comes next: like beside like, as lhotse's users sort before it.
  if (options_.buckets == 0)
    std::stable_sort(kept_.begin(), kept_.end(), [&](std::size_t a, std::size_t b) { return seconds[a] < seconds[b]; });
  std::vector<double> kept_seconds;
  for (const std::size_t item : kept_) kept_seconds.push_back(seconds[item]);
  corpus::BucketOptions by;
  by.max_duration_s = options_.seconds;
  by.num_buckets = std::min<std::int64_t>(options_.buckets, static_cast<std::int64_t>(kept_.size()));
  by.quadratic_s = options_.quadratic_seconds;
  by.shuffle = options_.shuffle;
  by.drop_last = options_.drop_last;
  by.seed = options_.seed >= 0 ? static_cast<std::uint64_t>(options_.seed) : seed_;
  by.buffer = options_.buffer;
  by.shuffle_buffer = options_.shuffle_buffer;
  by_seconds_ = std::make_shared<const corpus::DynamicBuckets>(kept_seconds, by, 0, cut_for_);
  if (!by_seconds_->joined_epoch(0).empty()) return;
  if (!by.drop_last)
    throw UsageError(fmt::format("{} utterances make no batch for each of {} ranks", kept_.size(), world_),
                     "start fewer ranks");
  // A corpus smaller than its buckets' batches would never be trained on.
  by.drop_last = false;
  by_seconds_ = std::make_shared<const corpus::DynamicBuckets>(kept_seconds, by, 0, cut_for_);
}

std::vector<std::vector<std::size_t>> BucketSampler::cut(const std::vector<std::size_t>& order) const {
  std::vector<std::vector<std::size_t>> batches;
  std::vector<std::size_t> now;
  std::int64_t longest = 0;
  for (const std::size_t item : order) {
    const std::int64_t with = std::max(longest, units_[item]);
    const bool full =
        !now.empty() && ((options_.items > 0 && static_cast<std::int64_t>(now.size()) >= options_.items) ||
                         (options_.units > 0 && with * static_cast<std::int64_t>(now.size() + 1) > options_.units));
    if (full) {
      batches.push_back(std::move(now));
      now.clear();
      longest = 0;
    }
    longest = std::max(longest, units_[item]);
    now.push_back(item);
  }
  if (!now.empty()) batches.push_back(std::move(now));
  return batches;
}

std::vector<std::vector<std::size_t>> BucketSampler::joined_epoch(std::int64_t epoch) const {
  if (by_seconds_) {
    auto batches = by_seconds_->joined_epoch(epoch);
    for (std::vector<std::size_t>& batch : batches)
      for (std::size_t& item : batch) item = kept_[item];
    return batches;
  }
  if (options_.order == "trainer") return trainer_epoch(epoch);
  Philox random(seed_, kOrderStream + static_cast<std::uint64_t>(epoch));
  std::vector<std::size_t> order = kept_;
  if (options_.shuffle) random.shuffle(order);
  if (options_.order == "bucket") {
    // Sorting by a jittered size keeps like with like, while equal neighbours change from epoch to epoch.
    std::vector<double> size(units_.size());
    for (const std::size_t item : order)
      size[item] = static_cast<double>(units_[item]) *
                   (options_.shuffle ? 1.0 + options_.spread * (random.uniform() - 0.5) : 1.0);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return size[a] < size[b]; });
  }
  std::vector<std::vector<std::size_t>> batches = cut(order);
  const std::size_t world = static_cast<std::size_t>(cut_for_);
  if (world > 1) {
    if (batches.size() < world) {  // too few for a batch each: deal the items out instead
      batches.assign(world, {});
      for (std::size_t i = 0; i < order.size(); ++i) batches[i % world].push_back(order[i]);
    }
    // The round that is not full waits: one batch more or less on a rank would leave the others waiting for ever.
    const std::size_t spare = batches.size() % world;
    for (std::size_t i = 0; i < spare; ++i)
      batches.erase(batches.begin() +
                    static_cast<std::ptrdiff_t>(options_.shuffle ? random.below(batches.size()) : batches.size() - 1));
  }
  if (!options_.shuffle) return batches;
  // Rounds are shuffled whole, so that the ranks of one step carry like loads.
  std::vector<std::size_t> rounds(batches.size() / world);
  std::iota(rounds.begin(), rounds.end(), 0);
  random.shuffle(rounds);
  std::vector<std::vector<std::size_t>> shuffled;
  shuffled.reserve(batches.size());
  for (const std::size_t round : rounds)
    for (std::size_t r = 0; r < world; ++r) shuffled.push_back(std::move(batches[round * world + r]));
  return shuffled;
}

/// One permutation for all ranks, cut as it comes; what makes no whole round of the ranks is left out (the Trainer goes
/// round to the first rows again).
std::vector<std::vector<std::size_t>> BucketSampler::trainer_epoch(std::int64_t epoch) const {
  const std::uint64_t seed = options_.seed >= 0 ? static_cast<std::uint64_t>(options_.seed) : seed_;
  const at::Generator drawing = at::detail::createCPUGenerator(seed + static_cast<std::uint64_t>(epoch));
  const auto count = static_cast<std::int64_t>(kept_.size());
  const nn::Tensor places = at::randperm(count, drawing, at::TensorOptions().dtype(at::kLong));
  std::vector<std::size_t> order;
  for (std::int64_t i = 0; i < count; ++i)
    order.push_back(kept_[static_cast<std::size_t>(places.const_data_ptr<std::int64_t>()[i])]);
  std::vector<std::vector<std::size_t>> batches = cut(options_.shuffle ? order : kept_);
  batches.resize(batches.size() - batches.size() % static_cast<std::size_t>(world_));
  return batches;
}

std::vector<std::vector<std::size_t>> BucketSampler::epoch(std::int64_t epoch) const {
  auto joined = joined_epoch(epoch);
  joined.resize(joined.size() - joined.size() % static_cast<std::size_t>(world_));
  return corpus::rank_share(std::move(joined), rank_, world_);
}

double BucketSampler::padding_waste(std::int64_t epoch) const {
  double real = 0, padded = 0;
  for (const auto& batch : joined_epoch(epoch)) {
    std::int64_t longest = 0;
    for (const std::size_t item : batch) {
      longest = std::max(longest, units_[item]);
      real += static_cast<double>(units_[item]);
    }
    padded += static_cast<double>(longest) * static_cast<double>(batch.size());
  }
  return real > 0 ? padded / real - 1.0 : 0.0;
}

std::vector<std::size_t> BucketSampler::largest() const {
  // The heaviest batch any epoch can hold: the longest items together, cut by the limits; a batch bounded by units
  // alone may weigh more with many short ones, never more than the limit.
  if (by_seconds_) {
    std::vector<std::size_t> batch = by_seconds_->largest();
    for (std::size_t& item : batch) item = kept_[item];
    return batch;
  }
  std::vector<std::size_t> order = kept_;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return units_[a] > units_[b]; });
  std::vector<std::size_t> best;
  std::int64_t best_units = -1;
  for (const auto& batch : cut(order)) {
    const std::int64_t units = units_[batch.front()] * static_cast<std::int64_t>(batch.size());
    if (units > best_units) {
      best_units = units;
      best = batch;
    }
  }
  return best;
}

}  // namespace timbre::batch
