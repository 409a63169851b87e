#include "corpus/dynamic_buckets.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

#include "base/error.h"
#include "base/sums.h"
#include "corpus/rank_share.h"

namespace timbre::corpus {

/// What a batch weighs so far.
class DynamicBuckets::Load {
 public:
  explicit Load(const BucketOptions& options) : options_(&options) {}
  void add(double effective_s) {
    sum_s_ += effective_s;
    longest_s_ = std::max(longest_s_, effective_s);
    ++cuts_;
  }
  bool exceeded() const {
    if (options_->max_cuts > 0 && cuts_ > options_->max_cuts) return true;
    return options_->max_duration_s > 0 && static_cast<double>(cuts_) * longest_s_ > options_->max_duration_s;
  }
  /// One more of the longest would be too many.
  bool nearly_full() const {
    constexpr double kSlack_s = 1e-3;
    if (options_->max_cuts > 0 && cuts_ >= options_->max_cuts) return true;
    return options_->max_duration_s > 0 && sum_s_ + longest_s_ >= options_->max_duration_s - kSlack_s;
  }

 private:
  const BucketOptions* options_;
  double sum_s_ = 0, longest_s_ = 0;
  std::int64_t cuts_ = 0;
};

namespace {

/// Items leave a buffer in random order while the stream goes on filling it; what is left in the end follows as it
/// lies.
class StreamShuffle {
 public:
  StreamShuffle(PythonRandom& random, std::size_t room) : random_(random), room_(room) {}

  std::vector<std::size_t> operator()(std::size_t count) {
    std::vector<std::size_t> out, held;
    bool filling = true;
    for (std::size_t next = 0; next < count;) {
      std::size_t item = next++;
      if (held.size() < room_ && next < count) held.push_back(next++);
      if (!held.empty()) std::swap(item, held[random_.below(held.size())]);
      filling = filling && held.size() < room_;
      (filling ? held : out).push_back(item);
    }
    out.insert(out.end(), held.begin(), held.end());
    return out;
  }

 private:
  PythonRandom& random_;
  std::size_t room_;
};

void check(const std::vector<double>& durations_s, const BucketOptions& o) {
  if (durations_s.empty()) throw UsageError("no utterance is left to make batches of");
  if (!(o.max_duration_s >= 0) || o.max_cuts < 0 || !(o.quadratic_s >= 0) || o.num_buckets < 0)
    throw UsageError("batches: max_duration, max_cuts, num_buckets and the quadratic term are 0 or more");
  if (o.max_duration_s == 0 && o.max_cuts == 0)
    throw UsageError("batches have no limit: max_duration and max_cuts are both 0", "e.g. --max-duration 40");
  if (o.buffer < 1 || o.shuffle_buffer < 1 || o.edges_from < 1)
    throw UsageError("batches: buffer, shuffle_buffer and edges_from are at least 1");
  for (const double d : durations_s)
    if (!(d > 0) || !std::isfinite(d))
      throw DataError(fmt::format("an utterance of {} s; expected seconds above 0", d));
}

}  // namespace

std::vector<double> bucket_edges(std::vector<double> durations_s, std::int64_t buckets) {
  std::vector<double> edges;
  if (buckets < 2 || durations_s.empty()) return edges;
  std::sort(durations_s.begin(), durations_s.end());
  const double share_s = pairwise_sum(durations_s.data(), durations_s.size()) / static_cast<double>(buckets);
  double sum_s = 0;
  for (const double d : durations_s) {
    if (sum_s > share_s) {
      edges.push_back(d);
      sum_s = 0;
    }
    sum_s += d;
  }
  return edges;
}

DynamicBuckets::DynamicBuckets(std::vector<double> durations_s, BucketOptions options, int rank, int world,
                               LastRound last_round)
    : durations_s_(std::move(durations_s)), options_(options), rank_(rank), world_(world), last_round_(last_round) {
  check(durations_s_, options_);
  if (world_ < 1 || rank_ < 0 || rank_ >= world_)
    throw UsageError(fmt::format("rank {} of {} ranks", rank_, world_), "ranks count from 0");
  if (options_.num_buckets == 0) return;
  // lhotse refuses to cut fewer durations than buckets; there are as many buckets as durations then.
  const std::vector<std::size_t> seen = order(PythonRandom(options_.seed));
  std::vector<double> sample_s;
  for (std::size_t i = 0; i < seen.size() && i < static_cast<std::size_t>(options_.edges_from); ++i)
    sample_s.push_back(durations_s_[seen[i]]);
  const auto most = static_cast<std::int64_t>(sample_s.size());
  edges_ = bucket_edges(std::move(sample_s), std::min(options_.num_buckets, most));
}

double DynamicBuckets::effective_s(std::size_t item) const {
  const double d = durations_s_[item];
  return options_.quadratic_s > 0 ? d + d * d / options_.quadratic_s : d;
}

std::vector<std::size_t> DynamicBuckets::order(PythonRandom random) const {
  std::vector<std::size_t> all(durations_s_.size());
  std::iota(all.begin(), all.end(), 0);
  if (!options_.shuffle) return all;
  return StreamShuffle(random, static_cast<std::size_t>(options_.shuffle_buffer))(all.size());
}

std::vector<std::vector<std::size_t>> DynamicBuckets::simple(const std::vector<std::size_t>& order) const {
  std::vector<std::vector<std::size_t>> batches;
  std::vector<std::size_t> now;
  Load load(options_);
  for (const std::size_t item : order) {
    load.add(effective_s(item));
    if (load.exceeded() && !now.empty()) {
      batches.push_back(std::move(now));
      now.clear();
      load = Load(options_);
      load.add(effective_s(item));
    }
    now.push_back(item);
  }
  if (!now.empty() && (!options_.drop_last || load.nearly_full())) batches.push_back(std::move(now));
  return batches;
}

std::vector<std::vector<std::size_t>> DynamicBuckets::bucketed(const std::vector<std::size_t>& order,
                                                               PythonRandom random) const {
  std::vector<std::deque<std::size_t>> buckets(edges_.size() + 1);
  std::size_t next = 0;
  const auto fill = [&](std::size_t count) {
    for (; count > 0 && next < order.size(); --count, ++next) {
      const auto edge = std::upper_bound(edges_.begin(), edges_.end(), durations_s_[order[next]]);
      buckets[static_cast<std::size_t>(edge - edges_.begin())].push_back(order[next]);
    }
  };
  const auto is_ready = [&](const std::deque<std::size_t>& bucket) {
    Load load(options_);
    return std::any_of(bucket.begin(), bucket.end(), [&](std::size_t item) {
      load.add(effective_s(item));
      return load.nearly_full();
    });
  };
  fill(static_cast<std::size_t>(options_.buffer));
  std::vector<std::vector<std::size_t>> batches;
  for (;;) {
    std::vector<std::deque<std::size_t>*> ready;
    for (auto& bucket : buckets)
      if (is_ready(bucket)) ready.push_back(&bucket);
    if (ready.empty() && !options_.drop_last)
      for (auto& bucket : buckets)
        if (!bucket.empty()) ready.push_back(&bucket);
    if (ready.empty()) return batches;
    auto& bucket = *ready[random.below(ready.size())];
    std::vector<std::size_t> batch;
    Load load(options_);
    while (!bucket.empty()) {
      load.add(effective_s(bucket.front()));
      if (load.exceeded() && !batch.empty()) break;
      batch.push_back(bucket.front());
      bucket.pop_front();
    }
    fill(batch.size());
    batches.push_back(std::move(batch));
  }
}

std::vector<std::vector<std::size_t>> DynamicBuckets::joined_epoch(std::int64_t epoch) const {
  // The order and the choice of buckets each begin with the same seed, as they do in lhotse.
  const PythonRandom random(options_.seed + static_cast<std::uint64_t>(epoch));
  auto batches = options_.num_buckets == 0 ? simple(order(random)) : bucketed(order(random), random);
  const std::size_t spare = batches.size() % static_cast<std::size_t>(world_);
  if (last_round_ == LastRound::drop || options_.drop_last) batches.resize(batches.size() - spare);
  return batches;
}

std::vector<std::vector<std::size_t>> DynamicBuckets::epoch(std::int64_t epoch) const {
  return rank_share(joined_epoch(epoch), rank_, world_);
}

double DynamicBuckets::padding_waste(std::int64_t epoch) const {
  double real_s = 0, padded_s = 0;
  for (const auto& batch : joined_epoch(epoch)) {
    double longest_s = 0;
    for (const std::size_t item : batch) {
      longest_s = std::max(longest_s, durations_s_[item]);
      real_s += durations_s_[item];
    }
    padded_s += longest_s * static_cast<double>(batch.size());
  }
  return real_s > 0 ? padded_s / real_s - 1.0 : 0.0;
}

std::vector<std::size_t> DynamicBuckets::largest() const {
  // Of every bucket its longest cuts together: no epoch can fill a batch with more seconds.
  std::vector<std::size_t> all(durations_s_.size());
  std::iota(all.begin(), all.end(), 0);
  std::stable_sort(all.begin(), all.end(),
                   [&](std::size_t a, std::size_t b) { return durations_s_[a] > durations_s_[b]; });
  const auto bucket_of = [&](std::size_t item) {
    return std::upper_bound(edges_.begin(), edges_.end(), durations_s_[item]) - edges_.begin();
  };
  std::vector<std::size_t> best;
  double best_s = -1;
  for (std::size_t from = 0; from < all.size();) {
    std::vector<std::size_t> batch;
    Load load(options_);
    std::size_t at = from;
    for (; at < all.size() && bucket_of(all[at]) == bucket_of(all[from]); ++at) {
      load.add(effective_s(all[at]));
      if (load.exceeded() && !batch.empty()) break;
      batch.push_back(all[at]);
    }
    const double padded_s = durations_s_[batch.front()] * static_cast<double>(batch.size());
    if (padded_s > best_s) best_s = padded_s, best = batch;
    from = at;
  }
  return best;
}

}  // namespace timbre::corpus
