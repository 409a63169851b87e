#include <gtest/gtest.h>

#include <map>

#include "base/files.h"
#include "train/optim.h"
#include "train/tiny_for_test.h"

/// Recipes that keep another trainer's books beside the loop's, and the mean of the weights they ask for.
namespace timbre::train {
namespace {

/// Batches by seconds, five an epoch, and a companion that writes down what it is told.
class ToldRecipe final : public TinyRecipe, public Companion {
 public:
  explicit ToldRecipe() : TinyRecipe({.equal_lengths = true, .use_norm = false}) {
    for (int i = 0; i < 10; ++i) list_.push_back({"utt" + std::to_string(i), 12, 1.0});
    valid_.push_back({"valid0", 8, 1.0});
  }
  const std::vector<batch::Item>& items(Split split) const override { return split == Split::train ? list_ : valid_; }
  Companion* companion() override { return this; }
  void validated(const State& state, const std::map<std::string, double>&,
                 const std::map<std::string, double>&) override {
    validated_after.push_back(state.info.batch);
  }
  void epoch_ended(const State& state) override {
    if (dies_at == state.info.epoch) throw SystemError("killed before the epoch's file was written");
    ended.push_back(state.info.epoch);
    if (state.average) averages.push_back(state.average->state());
  }
  std::vector<std::int64_t> ended, validated_after;
  std::vector<weights::TensorMap> averages;
  std::int64_t dies_at = -1;

 private:
  std::vector<batch::Item> list_, valid_;
};

TrainOptions told_options() {
  TrainOptions o = tiny_options();
  o.ema = 0;
  o.max_steps = 0;
  o.max_epochs = 4;
  o.accumulate = 2;
  o.batch.seconds = 2;
  o.batch.buckets = 2;
  o.batch.drop_last = false;
  o.save_every_steps = 1;
  o.keep = 100;
  return o;
}

Outcome run(ToldRecipe& recipe, const TrainOptions& options, const fs::path& folder,
            std::optional<Checkpoint> resume = {}) {
  const Ranks ranks;
  Job job{.recipe = recipe, .options = options, .ranks = ranks, .run = folder, .resume = std::move(resume)};
  return train(job);
}

Checkpoint last_of(const fs::path& folder) {
  return load_checkpoint(list_checkpoints(folder / "checkpoints").back().second);
}

/// The best validation of an epoch is saved before the companion writes the epoch's file: who is killed between the two
/// finds the file missing, and a run that goes on has to write it.
TEST(LoopCompanion, EndsTheEpochThatAKillCutShort) {
  const Scratch folder;
  TrainOptions o = told_options();
  o.accumulate = 1;
  ToldRecipe whole;
  run(whole, o, folder / "whole");
  EXPECT_EQ(whole.ended, (std::vector<std::int64_t>{0, 1, 2, 3}));
  ToldRecipe killed;
  killed.dies_at = 1;
  EXPECT_THROW(run(killed, o, folder / "part"), SystemError);
  ASSERT_EQ(killed.ended, (std::vector<std::int64_t>{0}));
  const Checkpoint at = last_of(folder / "part");
  ASSERT_EQ(at.step, 10);
  ToldRecipe again;
  run(again, o, folder / "part", at);
  EXPECT_EQ(again.ended, (std::vector<std::int64_t>{1, 2, 3}));
  const Checkpoint want = last_of(folder / "whole"), got = last_of(folder / "part");
  for (const auto& [name, tensor] : want.model) EXPECT_TRUE(weights::same(tensor, got.model.at(name))) << name;
  auto progress = [](const Checkpoint& c) {
    auto p = c.state.at("progress");
    p.erase("train_s");
    return p;
  };
  EXPECT_EQ(progress(want), progress(got));
}

/// Five batches an epoch, two a step: the first epoch ends in the middle of step 3, where valid_every_batches is due as
/// well. Once it was dropped for the epoch's own validation, which had heard the weights of step 2.
TEST(LoopCompanion, ValidatesByBatchesWhereAnEpochEndsWithinTheStep) {
  const Scratch folder;
  TrainOptions o = told_options();
  o.max_epochs = 2;
  o.valid_every_batches = 6;
  ToldRecipe recipe;
  run(recipe, o, folder / "run");
  EXPECT_EQ(recipe.validated_after, (std::vector<std::int64_t>{5, 6, 10}));
}

TEST(LoopCompanion, StopsForPatienceAtEpochEnds) {
  const Scratch folder;
  TrainOptions o = told_options();
  o.max_epochs = 50;
  o.patience = 2;
  o.optim.lr = 0;  // nothing gets better
  o.schedule.kind = "constant";
  ToldRecipe recipe;
  EXPECT_EQ(run(recipe, o, folder / "run").ended_by, "patience");
  EXPECT_LT(recipe.ended.size(), 6u);
}

/// icefall's update_averaged_model after every batch whose number the period divides, steps or no steps.
TEST(LoopCompanion, AveragesTheWeightsBetweenStepsToo) {
  for (const std::int64_t period : {1, 3}) {
    const Scratch folder;
    TrainOptions o = told_options();
    o.average_every_batches = period;
    ToldRecipe recipe;
    run(recipe, o, folder / "run");
    const std::string name = "in.weight";
    std::map<std::int64_t, std::vector<float>> after;  // step → weights
    for (const auto& [step, path] : list_checkpoints(folder / "run/checkpoints"))
      after[step] = load_checkpoint(path).model.at(name).to_f32();
    ASSERT_EQ(after.size(), 11u);
    std::vector<double> mean(after[0].begin(), after[0].end());
    for (std::int64_t batch = period; batch <= 20; batch += period) {
      const double share = static_cast<double>(period) / static_cast<double>(batch);
      for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += share * (after[batch / 2][i] - mean[i]);
    }
    const auto got = last_of(folder / "run").average.at(name).to_f64();
    for (std::size_t i = 0; i < mean.size(); ++i) EXPECT_NEAR(got[i], mean[i], 1e-7) << "period " << period;
  }
}

/// --oom-check: what the allocator says comes back with lhotse's criterion.
class HungryRecipe final : public Recipe {
 public:
  std::vector<Term> losses(const batch::Batch& batch, const StepInfo& info) override {
    if (batch.ids.size() > 2) throw std::bad_alloc();
    return tiny_.losses(batch, info);
  }
  void open(const DataContext&) override {}
  nn::Module& model() override { return tiny_.model(); }
  std::vector<Player> players() const override { return tiny_.players(); }
  const std::vector<batch::Item>& items(Split split) const override { return split == Split::train ? items_ : none_; }
  batch::Batch collate(Split split, std::span<const std::size_t> which) const override {
    return tiny_.collate(split, which);
  }
  nlohmann::json about() const override { return tiny_.about(); }

 private:
  TinyRecipe tiny_{{.equal_lengths = true}};
  std::vector<batch::Item> none_,
      items_{{"long", 12, 6.0}, {"a", 12, 2.0}, {"b", 12, 2.0}, {"c", 12, 2.0}, {"longer", 12, 6.0}};
};

TEST(LoopTrial, NamesTheCriterionThatRunsOutOfMemory) {
  const Scratch folder;
  HungryRecipe recipe;
  TrainOptions o = told_options();
  o.probe = true;
  o.batch.seconds = 6;
  const Ranks ranks;
  Job job{.recipe = recipe, .options = o, .ranks = ranks, .run = folder / "run"};
  try {
    train(job);
    FAIL() << "it went on";
  } catch (const SystemError& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("Failing criterion: max_num_cuts = 3, max_num_supervisions = 3"), std::string::npos) << text;
    EXPECT_NE(text.find("Its 3 utterances: "), std::string::npos) << text;
    EXPECT_NE(std::string(e.next()).find("--batch.seconds 6"), std::string::npos) << e.next();
  }
}

}  // namespace
}  // namespace timbre::train
