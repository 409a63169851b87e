#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/files.h"
#include "train/distributed.h"
#include "train/tiny_for_test.h"

namespace timbre::train {
namespace {

constexpr const char* kFolder = "TIMBRE_TEST_RANK_FOLDER";
constexpr const char* kNorm = "TIMBRE_TEST_RANK_NORM";

TrainOptions options(std::int64_t items, const char* normalise = "global") {
  TrainOptions o = tiny_options();
  o.batch.items = items;
  o.batch.order = "corpus";
  o.batch.shuffle = false;
  o.accumulate = 1;
  o.max_steps = 20;
  o.optim.eps = 1e-4;  // keeps Adam from enlarging roundings where a gradient is nearly 0
  o.normalise = normalise;
  return o;
}

TinyOptions tiny() {
  return {.dropout = 0.0, .equal_lengths = std::getenv(kNorm) != nullptr, .use_norm = std::getenv(kNorm) != nullptr};
}

Outcome run(std::int64_t items, const fs::path& folder) {
  TinyRecipe recipe(tiny());
  const Ranks ranks;
  Job job{.recipe = recipe, .options = options(items), .ranks = ranks, .run = folder};
  return train(job);
}

/// Not a test of its own: what each rank of the tests below runs.
TEST(RanksChild, Train) {
  const char* folder = std::getenv(kFolder);
  if (!folder) GTEST_SKIP() << "started by Ranks.*";
  EXPECT_EQ(run(4, folder).step, 20);
}

/// Starts this program twice as ranks 0 and 1.
void run_two_ranks(const fs::path& folder) {
  ::setenv(kFolder, folder.c_str(), 1);
  ::setenv("TIMBRE_THREADS", "1", 1);
  const int code = launch_ranks(2, {"--gtest_filter=RanksChild.Train"});
  ::unsetenv(kFolder);
  ASSERT_EQ(code, 0);
}

/// Largest difference of any weight after 20 steps.
double difference(const fs::path& a, const fs::path& b) {
  const Checkpoint x = load_checkpoint(list_checkpoints(a / "checkpoints").back().second),
                   y = load_checkpoint(list_checkpoints(b / "checkpoints").back().second);
  EXPECT_EQ(x.step, y.step);
  double worst = 0;
  for (const auto& [name, tensor] : x.model) {
    const auto p = tensor.to_f32(), q = y.model.at(name).to_f32();
    for (std::size_t i = 0; i < p.size(); ++i) worst = std::max(worst, static_cast<double>(std::abs(p[i] - q[i])));
  }
  return worst;
}

// Bound: the gradients of both are the same sums in another order (relative roundings of about 1e-7 each); 20 Adam
// steps of rate 5e-3 with eps 1e-4 turn those into at most a few 1e-6 of weights of size 1.
constexpr double kBound = 2e-5;

TEST(Ranks, TwoGiveTheWeightsOfOneWithTheJoinedBatch) {
  const Scratch folder;
  run_two_ranks(folder / "two");
  run(8, folder / "one");
  EXPECT_LT(difference(folder / "two", folder / "one"), kBound);
}

TEST(Ranks, BatchStatisticsAreThoseOfTheJoinedBatch) {
  const Scratch folder;
  ::setenv(kNorm, "1", 1);
  run_two_ranks(folder / "two");
  run(8, folder / "one");
  ::unsetenv(kNorm);
  EXPECT_LT(difference(folder / "two", folder / "one"), kBound);
}

TEST(Ranks, OneRankThatFailsEndsAll) {
  // Rank 1 finds no such filter argument and ends with an error at once; rank 0 must not wait for ever.
  ::setenv(kFolder, "/proc/no-such-folder", 1);
  EXPECT_NE(launch_ranks(2, {"--gtest_filter=RanksChild.Train"}), 0);
  ::unsetenv(kFolder);
}

}  // namespace
}  // namespace timbre::train
