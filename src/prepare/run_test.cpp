#include "prepare/run.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/threads.h"
#include "prepare/toy_stages.h"

namespace timbre::prepare {
namespace {

using testing::HasSubstr;
using testing_support::Calls;
using testing_support::ToyCorpus;

const std::vector<ColumnRequest> kTotal = {{"total"}};

double total_of(const ToyCorpus& toy) { return corpus::Column::open(toy.dir(), "total").get("all").to_f64().at(0); }

// Text lengths go 1…7; 7 is skipped, so 7 utterances give 2 · (1 + … + 6).
constexpr double kTotalOf7 = 42;

TEST(Run, MakesEverythingOnceAndCountsSkips) {
  const ToyCorpus toy(70);
  Calls calls;
  const Stages stages = testing_support::toy_stages(calls);
  const Report first = run_plan(toy.open(), kTotal, {}, no_events(), stages);
  ASSERT_EQ(first.stages.size(), 3u);
  EXPECT_EQ(first.stages[0].made, 60);
  ASSERT_EQ(first.stages[0].skipped.size(), 10u);
  EXPECT_EQ(first.stages[0].skipped[0].id, "u6");
  EXPECT_EQ(first.stages[0].skipped[0].reason, "seven is too many");
  EXPECT_THAT(first.stages[1].skipped.at(0).reason, HasSubstr("no length: seven is too many"));
  EXPECT_EQ(total_of(toy), 10 * kTotalOf7);
  const Report second = run_plan(toy.open(), kTotal, {}, no_events(), stages);
  EXPECT_EQ(second.stages[0].kept, 70);
  EXPECT_EQ(calls.length, 70);
  EXPECT_EQ(calls.total, 1);
}

TEST(Run, OtherSettingsRemakeAllThatDependsOnThem) {
  const ToyCorpus toy(14);
  Calls calls;
  const Stages stages = testing_support::toy_stages(calls);
  run_plan(toy.open(), kTotal, {}, no_events(), stages);
  run_plan(toy.open(), {{"total", {{"times", 3}}}}, {}, no_events(), stages);
  EXPECT_EQ(total_of(toy), 3 * 2 * kTotalOf7);
  EXPECT_EQ(calls.length, 28);
}

TEST(Run, GoesOnAfterAStop) {
  const ToyCorpus toy(200);
  Calls calls;
  const Stages stages = testing_support::toy_stages(calls);
  std::atomic<bool> stop{false};
  calls.stop_after_first = &stop;
  RunOptions options;
  options.stop = &stop;
  set_thread_count(2);
  const Report stopped = run_plan(toy.open(), kTotal, options, no_events(), stages);
  EXPECT_TRUE(stopped.stopped);
  const int made_before = calls.length;
  EXPECT_LT(made_before, 200);
  EXPECT_GT(made_before, 0);
  calls.stop_after_first = nullptr;
  const Report rest = run_plan(toy.open(), kTotal, {}, no_events(), stages);
  set_thread_count(0);
  EXPECT_FALSE(rest.stopped);
  EXPECT_EQ(rest.stages[0].kept, made_before);
  EXPECT_EQ(calls.length, 200);  // nothing was made twice, nothing was lost
}

TEST(Run, ShardsTogetherMakeTheWholeAndTheLastOneTheTotals) {
  const ToyCorpus toy(21);
  Calls calls;
  const Stages stages = testing_support::toy_stages(calls);
  std::vector<std::string> notes;
  const EventSink sink = [&](const Event& event) {
    if (event.kind == "note") notes.push_back(event.data.at("text"));
  };
  for (std::int64_t i = 0; i < 3; ++i) {
    RunOptions options;
    options.shard = {i, 3};
    const Report report = run_plan(toy.open(), kTotal, options, sink, stages);
    EXPECT_EQ(report.stages[0].made + static_cast<std::int64_t>(report.stages[0].skipped.size()), 7);
    EXPECT_EQ(report.stages.back().postponed, i < 2);
  }
  EXPECT_EQ(calls.length, 21);
  ASSERT_EQ(notes.size(), 2u);
  EXPECT_THAT(notes[0], HasSubstr("total looks at the whole corpus"));
  EXPECT_EQ(total_of(toy), 3 * kTotalOf7);
}

TEST(Run, AShardOpenedAloneMakesTheSame) {
  const ToyCorpus toy(21);
  Calls calls;
  const Stages stages = testing_support::toy_stages(calls);
  for (std::int64_t round = 0; round < 2; ++round)
    for (std::int64_t i = 0; i < 3; ++i) {
      const RunOptions options{.shard = {i, 3}};
      const auto corpus = corpus::Corpus::open(toy.dir(), options.shard);
      ASSERT_FALSE(corpus.whole());
      run_plan(corpus, kTotal, options, no_events(), stages);  // the total is over all utterances
    }
  EXPECT_EQ(calls.length, 21);
  EXPECT_EQ(total_of(toy), 3 * kTotalOf7);
}

TEST(Run, OnlyAndStageNumbersChoose) {
  const ToyCorpus toy(7);
  Calls calls;
  const Stages stages = testing_support::toy_stages(calls);
  RunOptions only;
  only.only = "twice";
  EXPECT_THROW(run_plan(toy.open(), kTotal, only, no_events(), stages), DataError);  // length is not there yet
  RunOptions first;
  first.last_stage = 0;
  EXPECT_EQ(run_plan(toy.open(), kTotal, first, no_events(), stages).stages.size(), 1u);
  run_plan(toy.open(), kTotal, only, no_events(), stages);
  EXPECT_EQ(calls.twice, 6);
  EXPECT_EQ(calls.total, 0);
  only.redo = true;
  run_plan(toy.open(), kTotal, only, no_events(), stages);
  EXPECT_EQ(calls.twice, 12);
  only.only = "twise";
  EXPECT_THROW(run_plan(toy.open(), kTotal, only, no_events(), stages), UsageError);
  RunOptions beyond;
  beyond.first_stage = 3;
  EXPECT_THROW(run_plan(toy.open(), kTotal, beyond, no_events(), stages), UsageError);
}

TEST(Run, ProgressTellsWhatIsLeft) {
  const ToyCorpus toy(50);
  Calls calls;
  const Stages stages = testing_support::toy_stages(calls);
  double done = 0, left_s = -1;
  run_plan(
      toy.open(), {{"length"}}, {},
      [&](const Event& event) {
        if (event.kind != "progress") return;
        EXPECT_GT(event.data.at("done").get<double>(), done);
        done = event.data.at("done");
        left_s = event.data.at("left_s");
      },
      stages);
  EXPECT_EQ(done, 50);
  EXPECT_EQ(left_s, 0);
}

}  // namespace
}  // namespace timbre::prepare
