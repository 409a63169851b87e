#include "batch/sampler.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/rng.h"
#include "batch/loader.h"

namespace timbre::batch {
namespace {

/// Lengths as speech has them: many short, few long.
std::vector<std::int64_t> lengths(std::size_t count, std::uint64_t seed = 1) {
  Philox random(seed);
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(40 + static_cast<std::int64_t>(700 * random.uniform() * random.uniform()));
  return out;
}

TEST(BucketSampler, EveryItemOnceAnEpoch) {
  const auto units = lengths(257);
  const BucketSampler sampler(units, {.items = 16}, 5);
  for (std::int64_t epoch = 0; epoch < 3; ++epoch) {
    std::multiset<std::size_t> seen;
    for (const auto& batch : sampler.epoch(epoch)) {
      EXPECT_LE(batch.size(), 16u);
      seen.insert(batch.begin(), batch.end());
    }
    EXPECT_EQ(seen.size(), 257u);
    EXPECT_EQ(std::set<std::size_t>(seen.begin(), seen.end()).size(), 257u);
  }
  EXPECT_EQ(sampler.epoch(1), BucketSampler(units, {.items = 16}, 5).epoch(1));
  EXPECT_NE(sampler.epoch(0), sampler.epoch(1));
  EXPECT_NE(sampler.epoch(0), BucketSampler(units, {.items = 16}, 6).epoch(0));
}

TEST(BucketSampler, BucketsWasteLittle) {
  const auto units = lengths(256);
  // Sorted exactly, 16 batches of these lengths waste 8 to 10 %, and batches of 3000 frames 6 %; jitter may add one.
  EXPECT_LT(BucketSampler(units, {.items = 16}, 5).padding_waste(0), 0.12);
  EXPECT_LT(BucketSampler(units, {.items = 0, .units = 3000}, 5).padding_waste(0), 0.08);
  EXPECT_GT(BucketSampler(units, {.items = 16, .order = "random"}, 5).padding_waste(0), 0.4);
}

TEST(BucketSampler, UnitsBoundAPaddedBatch) {
  const auto units = lengths(300);
  const BucketSampler sampler(units, {.items = 0, .units = 2000}, 5);
  const auto cost = [&](const std::vector<std::size_t>& batch) {
    std::int64_t longest = 0;
    for (const std::size_t i : batch) longest = std::max(longest, units[i]);
    return longest * static_cast<std::int64_t>(batch.size());
  };
  for (const auto& batch : sampler.epoch(0)) EXPECT_LE(cost(batch), 2000);
  std::int64_t heaviest = 0;
  for (std::int64_t epoch = 0; epoch < 5; ++epoch)
    for (const auto& batch : BucketSampler(units, {.items = 16}, 5).epoch(epoch))
      heaviest = std::max(heaviest, cost(batch));
  EXPECT_GE(cost(BucketSampler(units, {.items = 16}, 5).largest()), heaviest);
}

TEST(BucketSampler, RanksGetEqualNumbersOfLikeBatches) {
  const auto units = lengths(103);
  for (const int world : {2, 3, 5}) {
    std::set<std::size_t> seen;
    std::size_t count = 0, all = 0;
    for (int rank = 0; rank < world; ++rank) {
      const auto mine = BucketSampler(units, {.items = 8}, 5, rank, world).epoch(2);
      if (rank == 0) count = mine.size();
      EXPECT_EQ(mine.size(), count);
      for (const auto& batch : mine) {
        seen.insert(batch.begin(), batch.end());
        all += batch.size();
      }
    }
    EXPECT_EQ(seen.size(), all);  // no item twice
    EXPECT_GT(all, 103u * 2 / 3);
  }
  // Fewer batches than ranks: items are dealt out.
  EXPECT_EQ(BucketSampler(units, {.items = 1000}, 5, 3, 4).epoch(0).size(), 1u);
}

TEST(BucketSampler, LeavesOutAndTells) {
  const BucketSampler sampler({5, 100, 2000}, {.items = 4, .min_units = 10, .max_units = 1000}, 5);
  EXPECT_EQ(sampler.left_out(), (std::vector<std::size_t>{0, 2}));
  EXPECT_THROW(BucketSampler({5}, {.items = 4, .min_units = 10}, 5), UsageError);
  EXPECT_THROW(BucketSampler({5}, {.items = 0, .units = 0}, 5), UsageError);
}

TEST(BucketSampler, CorpusOrderIsKept) {
  const auto batches = BucketSampler({9, 1, 5, 3}, {.items = 2, .shuffle = false, .order = "corpus"}, 5).epoch(0);
  EXPECT_EQ(batches, (std::vector<std::vector<std::size_t>>{{0, 1}, {2, 3}}));
}

TEST(Loader, GoesOnAnywhereAndRethrowsInPlace) {
  const BucketSampler sampler(lengths(50), {.items = 8}, 5);
  const auto make = [](std::span<const std::size_t> items, const Position& place) {
    Batch batch;
    batch.real_units = static_cast<double>(place.epoch * 100 + place.batch);
    for (const std::size_t i : items) batch.ids.push_back(std::to_string(i));
    return batch;
  };
  std::vector<std::vector<std::string>> all;
  std::vector<bool> last;
  {
    Loader loader(sampler, make, {});
    for (int i = 0; i < 20; ++i) {
      const Loaded loaded = loader.next();
      all.push_back(loaded.batch.ids);
      last.push_back(loaded.last_of_epoch);
    }
  }
  EXPECT_TRUE(last[6]);
  EXPECT_FALSE(last[5]);
  Loader again(sampler, make, {1, 3});
  for (std::size_t i = 10; i < 20; ++i) {
    const Loaded loaded = again.next();
    EXPECT_EQ(loaded.batch.ids, all[i]);
    EXPECT_EQ(loaded.batch.real_units, static_cast<double>(i / 7 * 100 + i % 7)) << "collate is told its place";
  }
  int calls = 0;
  Loader failing(sampler,
                 [&](std::span<const std::size_t> items, const Position& place) {
                   if (++calls == 3) throw DataError("gone");
                   return make(items, place);
                 },
                 {});
  EXPECT_EQ(failing.next().batch.ids, all[0]);
  EXPECT_EQ(failing.next().batch.ids, all[1]);
  EXPECT_THROW(failing.next(), DataError);
}

/// torch.randperm(24) seeded with 42 and 43, as transformers 4.45 and 4.57 take rows (golden/llasa_lm).
TEST(BucketSampler, TakesTheRowsThatTransformersTakes) {
  const std::vector<std::int64_t> units(24, 5);
  SamplerOptions o;
  o.items = 2;
  o.order = "trainer";
  o.seed = 42;
  const auto flat = [](const std::vector<std::vector<std::size_t>>& batches) {
    std::vector<std::size_t> all;
    for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
    return all;
  };
  const BucketSampler one(units, o, 7);
  EXPECT_THAT(flat(one.epoch(0)), testing::ElementsAre(6, 15, 22, 2, 10, 19, 3, 18, 14, 17, 4, 13, 8, 9, 1, 5, 12, 23,
                                                       21, 20, 7, 11, 16, 0));
  EXPECT_EQ(flat(one.epoch(1)).front(), 4u);
  const BucketSampler second(units, o, 7, 1, 2);
  EXPECT_EQ(second.epoch(0).front(), (std::vector<std::size_t>{22, 2}));
}

}  // namespace
}  // namespace timbre::batch
