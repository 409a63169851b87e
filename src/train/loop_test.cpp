#include "train/loop.h"
#include "train/job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <mutex>
#include <set>

#include "base/files.h"
#include "train/tiny_for_test.h"
#include "weights/safetensors.h"

namespace timbre::train {
namespace {

Outcome run(TinyRecipe& recipe, const TrainOptions& options, const fs::path& folder,
            std::optional<Checkpoint> resume = {}, EventSink events = no_events()) {
  const Ranks ranks;
  Job job{.recipe = recipe,
          .options = options,
          .ranks = ranks,
          .run = folder,
          .resume = std::move(resume),
          .events = std::move(events)};
  return train(job);
}

Checkpoint last_of(const fs::path& folder) {
  return load_checkpoint(list_checkpoints(folder / "checkpoints").back().second);
}

void expect_same(const weights::TensorMap& a, const weights::TensorMap& b, const char* what) {
  ASSERT_EQ(a.names(), b.names()) << what;
  for (const auto& [name, tensor] : a) EXPECT_TRUE(weights::same(tensor, b.at(name))) << what << ' ' << name;
}

/// Weights, moments, averages, place in the data, recipe state: bit by bit.
void expect_same_run(const Checkpoint& a, const Checkpoint& b) {
  EXPECT_EQ(a.step, b.step);
  expect_same(a.model, b.model, "model");
  expect_same(a.optimizer, b.optimizer, "optimiser");
  expect_same(a.average, b.average, "average");
  auto strip = [](nlohmann::json progress) {
    progress.erase("train_s");
    return progress;
  };
  EXPECT_EQ(strip(a.state.at("progress")), strip(b.state.at("progress")));
  EXPECT_EQ(a.state.at("recipe_state"), b.state.at("recipe_state"));
}

std::vector<nlohmann::json> events_of(const fs::path& folder, const std::string& kind) {
  std::vector<nlohmann::json> list;
  std::istringstream lines(read_file(folder / "events.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const auto event = nlohmann::json::parse(line);
    if (event.at("kind") == kind) list.push_back(event);
  }
  return list;
}

TEST(Loop, LearnsAndLeavesARunFolder) {
  const Scratch folder;
  TinyRecipe recipe({.dropout = 0.0});
  TrainOptions o = tiny_options();
  o.max_steps = 400;
  o.accumulate = 1;
  o.optim.lr = 2e-2;
  const Outcome outcome = run(recipe, o, folder / "run");
  EXPECT_EQ(outcome.step, 400);
  EXPECT_EQ(outcome.ended_by, "steps");
  const auto metrics = events_of(folder / "run", "metric");
  std::vector<double> valid;
  for (const auto& event : metrics)
    if (event.at("set") == "valid") valid.push_back(event.at("values").at("loss"));
  ASSERT_GT(valid.size(), 5u);
  EXPECT_LT(valid.back(), 0.7 * valid.front());
  EXPECT_TRUE(fs::exists(folder / "run/voice/voice.json"));
  EXPECT_TRUE(fs::exists(folder / "run/voice/model.safetensors"));
  EXPECT_TRUE(fs::exists(folder / "run/checkpoints/last/state.json"));
  EXPECT_TRUE(fs::exists(folder / "run/checkpoints/best/state.json"));
  EXPECT_EQ(events_of(folder / "run", "end").size(), 1u);
  // The learning rate that is told is the one that was used.
  for (const auto& event : metrics)
    if (event.at("set") == "train" && event.at("step") == 400)
      EXPECT_NEAR(event.at("values").at("lr").get<double>(), 2e-2 * 0.05, 1e-12);
}

TEST(Loop, ContinuesBitByBitFromAnyCheckpoint) {
  const Scratch folder;
  TinyRecipe whole;
  run(whole, tiny_options(), folder / "whole");
  const Checkpoint want = last_of(folder / "whole");
  for (const std::int64_t stop : {1, 5, 9, 10, 13, 23}) {  // within an epoch, at its end, beside and on a checkpoint
    const fs::path part = folder / ("part" + std::to_string(stop));
    {
      TinyRecipe recipe;
      TrainOptions o = tiny_options();
      o.log_every_steps = 1;
      const Outcome outcome = run(recipe, o, part, {}, [&](const Event& event) {
        if (event.kind == "progress" && event.data.at("done") == static_cast<double>(stop)) request_stop();
      });
      EXPECT_EQ(outcome.ended_by, "signal");
      EXPECT_EQ(outcome.step, stop);
    }
    TinyRecipe again;
    run(again, tiny_options(), part, last_of(part));
    expect_same_run(want, last_of(part));
  }
}

TEST(Loop, ContinuesBitByBitAfterACheckpointWasLost) {
  const Scratch folder;
  TinyRecipe whole;
  run(whole, tiny_options(), folder / "whole");
  // As if killed right after step 14: what was saved at step 10 is all there is.
  const auto list = list_checkpoints(folder / "whole/checkpoints");
  const Checkpoint want = last_of(folder / "whole");
  const auto middle = std::find_if(list.begin(), list.end(), [](const auto& entry) { return entry.first == 20; });
  ASSERT_NE(middle, list.end());
  TinyRecipe again;
  run(again, tiny_options(), folder / "other", load_checkpoint(middle->second));
  expect_same_run(want, last_of(folder / "other"));
}

TEST(Loop, TrialChangesNothing) {
  const Scratch folder;
  TinyRecipe a, b;
  TrainOptions o = tiny_options();
  run(a, o, folder / "without");
  o.probe = true;
  const Outcome outcome = run(b, o, folder / "with");
  expect_same_run(last_of(folder / "without"), last_of(folder / "with"));
  EXPECT_GT(outcome.forecast.step_s, 0);
  EXPECT_GT(outcome.forecast.memory_bytes, 1 << 20);
}

TEST(Loop, AccumulatedBatchesAreOneLargeBatch) {
  const Scratch folder;
  TrainOptions o = tiny_options();
  o.ema = 0;
  o.max_steps = 6;
  o.batch.order = "corpus";
  o.batch.shuffle = false;
  o.optim.clip_norm = 0;
  const TinyOptions tiny{.dropout = 0.0, .use_norm = false};
  o.batch.items = 4;
  o.accumulate = 2;
  TinyRecipe small(tiny);
  run(small, o, folder / "small");
  o.batch.items = 8;
  o.accumulate = 1;
  TinyRecipe large(tiny);
  run(large, o, folder / "large");
  const auto a = last_of(folder / "small").model, b = last_of(folder / "large").model;
  for (const auto& [name, tensor] : a) {
    const auto x = tensor.to_f32(), y = b.at(name).to_f32();
    // Sums in another order: a few roundings of 1.2e-7, which Adam's division may enlarge where a gradient is nearly 0.
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_NEAR(x[i], y[i], 2e-5) << name;
  }
}

/// transformers since 4.46: the batches that are left at the end of an epoch make a step of their own.
TEST(Loop, TheLastBatchesOfAnEpochMakeAStepWhereAsked) {
  const Scratch folder;
  TrainOptions o = tiny_options();
  o.max_steps = 0;
  o.max_epochs = 2;
  o.schedule.kind = "constant";  // no rate depends on where the run ends
  o.batch.items = 8;             // 40 items: 5 batches
  o.batch.units = 0;
  o.accumulate = 3;
  TinyRecipe straight;
  o.partial_steps = true;
  EXPECT_EQ(run(straight, o, folder / "partial").step, 4);
  EXPECT_EQ(last_of(folder / "partial").state.at("progress").at("batches"), 10);
  o.partial_steps = false;
  TinyRecipe whole;
  EXPECT_EQ(run(whole, o, folder / "whole").step, 2);  // a third of the next epoch's waits for ever
  // Stopped in the first epoch's last step's place, it goes on there.
  o.partial_steps = true;
  o.max_steps = 1;
  TinyRecipe first, second;
  run(first, o, folder / "pieces");
  o.max_steps = 0;
  run(second, o, folder / "pieces", last_of(folder / "pieces"));
  EXPECT_EQ(last_of(folder / "pieces").state.at("progress").at("batches"), 10);
  expect_same(last_of(folder / "pieces").model, last_of(folder / "partial").model, "model");
}

TEST(Loop, TwoPlayersMoveTheirOwnWeightsAtTheirOwnPace) {
  const Scratch folder;
  TinyRecipe recipe({.two_players = true});
  TrainOptions o = tiny_options();
  o.max_steps = 1;
  o.ema = 0;
  const weights::TensorMap before = recipe.model().state_dict();
  run(recipe, o, folder / "one");
  const weights::TensorMap after = recipe.model().state_dict();
  EXPECT_FALSE(weights::same(before.at("critic.weight"), after.at("critic.weight")));
  EXPECT_TRUE(weights::same(before.at("in.weight"), after.at("in.weight")));  // the maker plays at even steps
  TinyRecipe longer({.two_players = true}), again({.two_players = true});
  o.max_steps = 8;
  run(longer, o, folder / "eight");
  EXPECT_FALSE(weights::same(before.at("in.weight"), longer.model().state_dict().at("in.weight")));
  const auto list = list_checkpoints(folder / "eight/checkpoints");
  const auto five = std::find_if(list.begin(), list.end(), [](const auto& entry) { return entry.first == 5; });
  ASSERT_NE(five, list.end());
  run(again, o, folder / "eight2", load_checkpoint(five->second));
  expect_same_run(last_of(folder / "eight"), last_of(folder / "eight2"));
}

TEST(Loop, APlayerMayComeLater) {
  const Scratch folder;
  TinyRecipe recipe({.two_players = true, .critic_first_step = 4});
  TrainOptions o = tiny_options();
  o.max_steps = 3;
  o.ema = 0;
  const weights::TensorMap before = recipe.model().state_dict();
  run(recipe, o, folder / "run");
  const weights::TensorMap three = recipe.model().state_dict();
  EXPECT_TRUE(weights::same(before.at("critic.weight"), three.at("critic.weight")));
  EXPECT_FALSE(weights::same(before.at("in.weight"), three.at("in.weight")));
  TinyRecipe longer({.two_players = true, .critic_first_step = 4});
  o.max_steps = 4;
  run(longer, o, folder / "longer");
  EXPECT_FALSE(weights::same(before.at("critic.weight"), longer.model().state_dict().at("critic.weight")));
}

TEST(Loop, ARecipeOrItsUserMayWantTheLastWeightsInsteadOfTheBest) {
  const Scratch folder;
  for (const std::string who : {"nobody", "recipe", "user"}) {
    const bool last = who != "nobody";
    TinyRecipe recipe({.last_is_best = who == "recipe"});
    TrainOptions o = tiny_options();
    o.voice_of = who == "user" ? "last" : "best";
    o.optim.lr = 300.0;  // grows worse with every step
    o.schedule.kind = "constant";
    o.ema = 0;
    o.valid_every_steps = 1;
    o.max_steps = 3;
    o.accumulate = 1;
    o.save_every_steps = 0;
    const fs::path run_folder = folder / who;
    run(recipe, o, run_folder);
    EXPECT_EQ(weights::same(open_base(run_folder).tensors.at("in.weight"), recipe.model().state_dict().at("in.weight")),
              last);
    const weights::TensorMap voice = weights::read_safetensors(run_folder / "voice/model.safetensors");
    EXPECT_EQ(weights::same(voice.at("in.weight"), recipe.model().state_dict().at("in.weight")), last);
  }
}

TEST(Loop, NotANumberStopsBeforeTheStepAndNamesTheUtterances) {
  const Scratch folder;
  TinyRecipe recipe({.dropout = 0.0, .nan_item = 7});
  TrainOptions o = tiny_options();
  o.accumulate = 1;
  o.batch.shuffle = false;
  o.batch.order = "corpus";
  o.ema = 0;
  try {
    run(recipe, o, folder / "run");
    FAIL() << "it went on";
  } catch (const DataError& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("step 2: loss 'square' is nan; no weight was changed"));
    EXPECT_THAT(e.what(), testing::HasSubstr("utt4, utt5, utt6, utt7"));
  }
  for (const nn::Named& named : recipe.model().named_parameters())
    EXPECT_TRUE(std::isfinite(named.tensor.sum().item<double>())) << named.name;
}

TEST(Loop, AVanishedFileKeepsACheckpoint) {
  const Scratch folder;
  const fs::path file = folder / "audio.wav";
  write_file_atomic(file, "x");
  TinyRecipe recipe({.vanishing = file});
  TrainOptions o = tiny_options();
  o.save_every_steps = 0;
  o.log_every_steps = 1;
  o.max_steps = 100000;
  EXPECT_THROW(run(recipe, o, folder / "run", {},
                   [&](const Event& event) {
                     if (event.kind == "progress" && event.data.at("done") == 3.0) fs::remove(file);
                   }),
               DataError);
  EXPECT_GE(last_of(folder / "run").step, 3);
}

TEST(Loop, FreezesAndGroupsByName) {
  const Scratch folder;
  TinyRecipe recipe;
  TrainOptions o = tiny_options();
  o.ema = 0;
  o.optim.freeze = {"in"};
  o.optim.group_lr = {"out=0.5"};
  o.max_steps = 4;
  const auto before = recipe.model().state_dict();
  run(recipe, o, folder / "run");
  EXPECT_TRUE(weights::same(before.at("in.weight"), recipe.model().state_dict().at("in.weight")));
  EXPECT_FALSE(weights::same(before.at("out.weight"), recipe.model().state_dict().at("out.weight")));
  const auto metrics = events_of(folder / "run", "metric");
  EXPECT_DOUBLE_EQ(metrics[0].at("values").at("lr.out").get<double>(),
                   0.5 * metrics[0].at("values").at("lr").get<double>());
  TinyRecipe other;
  o.optim.freeze = {"encoder"};
  EXPECT_THROW(run(other, o, folder / "run2"), UsageError);
}

TEST(Loop, PatienceEndsTheRun) {
  const Scratch folder;
  TinyRecipe recipe;
  TrainOptions o = tiny_options();
  o.optim.lr = 0;
  o.ema = 0;
  o.max_steps = 1000;
  o.valid_every_steps = 2;
  o.patience = 3;
  const Outcome outcome = run(recipe, o, folder / "run");
  EXPECT_EQ(outcome.ended_by, "patience");
  EXPECT_LT(outcome.step, 40);
}

/// Remembers what was collated.
struct WatchedRecipe : TinyRecipe {
  using TinyRecipe::TinyRecipe;
  batch::Batch collate(Split split, std::span<const std::size_t> which) const override {
    const std::scoped_lock lock(guard);  // the loader collates on threads of its own
    for (const std::size_t item : which) used.emplace(split, item);
    return TinyRecipe::collate(split, which);
  }
  mutable std::mutex guard;
  mutable std::set<std::pair<Split, std::size_t>> used;
};

/// The validation losses of a run, in order.
std::vector<double> valid_losses(const fs::path& folder) {
  std::vector<double> losses;
  for (const auto& event : events_of(folder, "metric"))
    if (event.at("set") == "valid") losses.push_back(event.at("values").at("loss"));
  return losses;
}

TEST(Loop, OverfitSeesTheFirstUtterancesOnlyAndLearnsThemByHeart) {
  const Scratch folder;
  WatchedRecipe recipe(TinyOptions{.dropout = 0.0});
  TrainOptions o = tiny_options();
  o.overfit = 3;
  o.accumulate = 1;
  o.ema = 0;
  o.optim.lr = 3e-2;
  o.max_steps = 300;
  o.valid_at_epoch_end = false;
  o.valid_every_steps = 100;
  run(recipe, o, folder / "run");
  using Used = std::set<std::pair<Split, std::size_t>>;
  EXPECT_EQ(recipe.used, (Used{{Split::train, 0}, {Split::train, 1}, {Split::train, 2}}));  // validation too
  const auto losses = valid_losses(folder / "run");
  ASSERT_EQ(losses.size(), 3u);
  WatchedRecipe untrained(TinyOptions{.dropout = 0.0});
  o.max_steps = 1;
  o.optim.lr = 0;
  o.valid_every_steps = 1;
  const Outcome outcome = run(untrained, o, folder / "untrained");
  ASSERT_TRUE(outcome.overfit);
  EXPECT_FALSE(outcome.overfit->pass()) << outcome.overfit->text();
  EXPECT_EQ(outcome.overfit->items, 3);
  EXPECT_FALSE(outcome.advice) << "a curve of utterances to be learned by heart says nothing";
  EXPECT_LT(losses.back(), 0.2 * valid_losses(folder / "untrained").at(0));
}

TEST(Loop, Bf16FollowsFp32) {
  const Scratch folder;
  const auto losses_of = [&](const std::string& precision) {
    TinyRecipe recipe({.dropout = 0.0});
    TrainOptions o = tiny_options();
    o.precision = precision;
    o.accumulate = 1;
    o.max_steps = 40;
    o.valid_at_epoch_end = false;
    o.valid_every_steps = 10;
    run(recipe, o, folder / precision);
    for (const nn::Named& named : recipe.model().named_parameters())
      EXPECT_EQ(named.tensor.scalar_type(), at::kFloat) << named.name;  // the weights themselves stay whole
    return valid_losses(folder / precision);
  };
  const auto fp32 = losses_of("fp32"), bf16 = losses_of("bf16");
  ASSERT_EQ(fp32.size(), 4u);
  ASSERT_EQ(bf16.size(), 4u);
  EXPECT_NE(fp32, bf16);  // else nothing was computed in bf16
  // 8 bits of mantissa: each product is off by up to 2^-9; a few per cent after forty steps.
  for (std::size_t i = 0; i < fp32.size(); ++i) EXPECT_NEAR(bf16[i], fp32[i], 0.03 * fp32[i]) << i;
}

TEST(Loop, RunWithoutEndIsRefused) {
  const Scratch folder;
  TinyRecipe recipe;
  TrainOptions o = tiny_options();
  o.max_steps = 0;
  EXPECT_THROW(run(recipe, o, folder / "run"), UsageError);
}

}  // namespace
}  // namespace timbre::train
