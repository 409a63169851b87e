#include "corpus/dynamic_buckets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/rng.h"

namespace timbre::corpus {
namespace {

using Batches = std::vector<std::vector<std::size_t>>;

/// As speech has them: around 4 s, a few of 12 s.
std::vector<double> durations(std::size_t count) {
  Philox random(count);
  std::vector<double> all(count);
  for (double& d : all) d = 0.6 + 3.0 * (random.uniform() + random.uniform()) + (random.below(40) == 0 ? 6.0 : 0.0);
  return all;
}

BucketOptions training() {
  return {.max_duration_s = 40, .quadratic_s = 10, .shuffle = true, .drop_last = true, .seed = 5};
}

void expect_within_limit(const DynamicBuckets& sampler, const Batches& batches, double limit_s) {
  for (const auto& batch : batches) {
    double longest_s = 0;
    for (const std::size_t item : batch) longest_s = std::max(longest_s, sampler.effective_s(item));
    if (batch.size() > 1) EXPECT_LE(longest_s * static_cast<double>(batch.size()), limit_s);
  }
}

std::vector<std::size_t> all_of(const Batches& batches) {
  std::vector<std::size_t> items;
  for (const auto& batch : batches) items.insert(items.end(), batch.begin(), batch.end());
  std::sort(items.begin(), items.end());
  return items;
}

TEST(DynamicBuckets, takes_every_cut_once_within_the_limit) {
  const auto lengths = durations(400);
  for (const std::int64_t buckets : {0, 1, 2, 10, 30}) {
    BucketOptions options = training();
    options.drop_last = false;
    options.num_buckets = buckets;
    const DynamicBuckets sampler(lengths, options);
    for (const std::int64_t epoch : {0, 1, 7}) {
      const Batches batches = sampler.epoch(epoch);
      const auto items = all_of(batches);
      ASSERT_EQ(items.size(), lengths.size());
      for (std::size_t i = 0; i < items.size(); ++i) EXPECT_EQ(items[i], i);
      expect_within_limit(sampler, batches, 40);
    }
  }
}

TEST(DynamicBuckets, honours_the_number_of_buckets) {
  const auto lengths = durations(400);
  std::vector<double> waste;
  for (const std::int64_t buckets : {1, 4, 16}) {
    BucketOptions options = training();
    options.num_buckets = buckets;
    const DynamicBuckets sampler(lengths, options);
    EXPECT_EQ(sampler.edges().size() + 1, static_cast<std::size_t>(buckets));
    EXPECT_TRUE(std::is_sorted(sampler.edges().begin(), sampler.edges().end()));
    waste.push_back(sampler.padding_waste(0));
  }
  EXPECT_LT(waste[1], waste[0] / 2);
  EXPECT_LT(waste[2], waste[1]);
}

TEST(DynamicBuckets, holds_like_seconds_in_every_bucket) {
  const auto lengths = durations(1000);
  const auto edges = bucket_edges(lengths, 8);
  ASSERT_EQ(edges.size(), 7u);
  std::vector<double> sums(8, 0.0);
  double all = 0;
  for (const double d : lengths) {
    sums[static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), d) - edges.begin())] += d;
    all += d;
  }
  for (const double sum : sums) EXPECT_NEAR(sum, all / 8, 0.02 * all);
}

TEST(DynamicBuckets, gives_a_longer_cut_a_batch_of_its_own) {
  const DynamicBuckets sampler({1, 1, 1, 50, 1, 1}, {.max_duration_s = 4, .num_buckets = 1});
  const Batches batches = sampler.epoch(0);
  EXPECT_EQ(batches, (Batches{{0, 1, 2}, {3}, {4, 5}}));
}

TEST(DynamicBuckets, leaves_out_at_most_one_part_batch_a_bucket) {
  const auto lengths = durations(400);
  const DynamicBuckets sampler(lengths, training());
  const auto batches = sampler.epoch(0);
  const auto items = all_of(batches);
  EXPECT_EQ(std::set<std::size_t>(items.begin(), items.end()).size(), items.size());
  double left_s = 0;
  for (std::size_t i = 0; i < lengths.size(); ++i)
    if (!std::binary_search(items.begin(), items.end(), i)) left_s += sampler.effective_s(i);
  EXPECT_GT(left_s, 0);
  EXPECT_LT(left_s, 10 * 40);
}

TEST(DynamicBuckets, is_a_function_of_seed_and_epoch) {
  const auto lengths = durations(300);
  const DynamicBuckets one(lengths, training()), again(lengths, training());
  again.epoch(9);  // what was asked before does not matter
  EXPECT_EQ(one.epoch(3), again.epoch(3));
  EXPECT_NE(one.epoch(3), one.epoch(4));
  BucketOptions other = training();
  other.seed = 6;
  EXPECT_NE(one.epoch(3), DynamicBuckets(lengths, other).epoch(3));
  EXPECT_EQ(one.epoch(4), DynamicBuckets(lengths, other).epoch(3));  // the seed of an epoch is their sum, as in lhotse
}

TEST(DynamicBuckets, deals_ranks_equal_counts) {
  const auto lengths = durations(300);
  for (const bool drop : {true, false}) {
    BucketOptions options = training();
    options.drop_last = drop;
    const Batches whole = DynamicBuckets(lengths, options).epoch(1);
    Batches dealt;
    const std::size_t rounds = whole.size() / 3;
    for (int rank = 0; rank < 3; ++rank) {
      const Batches mine = DynamicBuckets(lengths, options, rank, 3).epoch(1);
      ASSERT_EQ(mine.size(), rounds);
      for (std::size_t i = 0; i < rounds; ++i) EXPECT_EQ(mine[i], whole[i * 3 + static_cast<std::size_t>(rank)]);
    }
  }
}

TEST(DynamicBuckets, finds_the_heaviest_batch) {
  const auto lengths = durations(300);
  const DynamicBuckets sampler(lengths, training());
  const auto padded_s = [&](const std::vector<std::size_t>& batch) {
    double longest_s = 0;
    for (const std::size_t item : batch) longest_s = std::max(longest_s, lengths[item]);
    return longest_s * static_cast<double>(batch.size());
  };
  const auto largest = sampler.largest();
  expect_within_limit(sampler, {largest}, 40);
  for (std::int64_t epoch = 0; epoch < 20; ++epoch)
    for (const auto& batch : sampler.epoch(epoch)) EXPECT_LE(padded_s(batch), padded_s(largest) * 1.02);
}

TEST(DynamicBuckets, bears_fewer_cuts_than_buckets) {
  const DynamicBuckets sampler({2.0, 3.0, 4.0, 2.5}, {.max_duration_s = 40, .num_buckets = 10});
  EXPECT_EQ(all_of(sampler.epoch(0)), (std::vector<std::size_t>{0, 1, 2, 3}));
}

TEST(DynamicBuckets, says_what_is_wrong) {
  EXPECT_THROW(DynamicBuckets({}, training()), UsageError);
  EXPECT_THROW(DynamicBuckets({1.0}, {}), UsageError);
  EXPECT_THROW(DynamicBuckets({0.0}, training()), DataError);
  EXPECT_THROW(DynamicBuckets({1.0}, training(), 2, 2), UsageError);
}

}  // namespace
}  // namespace timbre::corpus
