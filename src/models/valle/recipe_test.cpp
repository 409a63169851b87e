#include "models/valle/recipe.h"

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "support/golden.h"
#include "train/job.h"
#include "train/loop.h"
#include "train/tiny_for_test.h"
#include "weights/torch_file.h"

namespace timbre::valle {
namespace {

using train::Scratch;

/// One command line of `timbre train valle` on the set's data/tokenized, without the program around it.
struct Command {
  train::RunOptions run;
  std::shared_ptr<Trainer> trainer = std::make_shared<Trainer>();
  std::shared_ptr<Config> config = std::make_shared<Config>();
  explicit Command(const fs::path& data, const fs::path& exp_dir) {
    trainer_defaults(run.loop, "lifeiteng");
    apply_lifeiteng(*config);
    config->decoder_dim = 16;
    config->nhead = 2;
    config->num_decoder_layers = 1;
    run.config = config;
    TrainerOptions& o = trainer->options();
    o.manifest_dir = (data / "tokenized").string();
    o.exp_dir = exp_dir.string();
    o.max_duration = 12;
    o.num_buckets = 2;
    o.num_epochs = 2;
    o.train_stage = 1;
    o.accumulate_grad_steps = 2;
    o.tensorboard = "false";
    o.log_interval = 1;
    run.loop.probe = false;
  }
  std::unique_ptr<Recipe> open() {
    trainer->apply(run);
    trainer->place(run);
    auto recipe = std::make_unique<Recipe>(*config);
    const nn::InitSeed seed(42);
    recipe->open({.seed = 42, .run = run.out, .trainer = trainer.get()});
    return recipe;
  }
  train::Outcome train(Recipe& recipe) {
    const train::Ranks ranks;
    train::Job job{.recipe = recipe, .options = run.loop, .ranks = ranks, .run = run.out};
    return train::train(job);
  }
};

std::string log_of(const fs::path& exp_dir) {
  std::string all;
  for (const auto& entry : fs::directory_iterator(exp_dir / "log")) all += read_file(entry.path());
  return all;
}

template <class Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing was thrown";
}

/// Seed 001: --valid-interval 10000 and fewer batches, so that no best-valid-loss.pt was ever written, and the NAR's
/// command line had nothing to start from.
TEST(ValleRecipe, ValidatesAtEpochEndsAndHandsOverToTheNar) {
  TIMBRE_GOLDEN_OR_SKIP(data, "valle_data");
  const Scratch folder;
  const fs::path exp_dir = folder / "exp";
  {
    Command ar(data, exp_dir);
    ar.trainer->options().valid_interval = 10000;
    const auto recipe = ar.open();
    ar.train(*recipe);
  }
  ASSERT_TRUE(fs::exists(exp_dir / "best-valid-loss.pt"));
  EXPECT_NE(log_of(exp_dir).find("Epoch 1, validation: loss="), std::string::npos);
  const Checkpoint first = read_checkpoint(exp_dir / "epoch-1.pt");
  EXPECT_EQ(first.parameter("cur_epoch")->as_int(), 1);
  EXPECT_EQ(first.parameter("train_stage")->as_int(), 1);
  fs::copy_file(exp_dir / "best-valid-loss.pt", exp_dir / "epoch-2.pt", fs::copy_options::overwrite_existing);
  Command nar(data, exp_dir);
  nar.trainer->options().train_stage = 2;
  nar.trainer->options().start_epoch = 3;
  nar.trainer->options().num_epochs = 1;
  const auto recipe = nar.open();
  const weights::TensorMap before = recipe->model().state_dict();
  nar.train(*recipe);
  EXPECT_TRUE(fs::exists(exp_dir / "best-valid-loss-stage1.pt"));
  // The trainer's rule: another stage begins at epoch 1, and what it does not train stays.
  const Checkpoint now = read_checkpoint(exp_dir / "epoch-1.pt");
  EXPECT_EQ(now.parameter("train_stage")->as_int(), 2);
  for (const auto& [name, tensor] : recipe->model().state_dict()) {
    const bool same = std::ranges::equal(tensor.raw(), before.at(name).raw());
    if (!name.starts_with("nar_")) EXPECT_TRUE(same) << name;
    if (name.starts_with("nar_decoder")) EXPECT_FALSE(same) << name;
  }
}

TEST(ValleRecipe, GoesOnFromItsOwnFileAsFromTheReferences) {
  TIMBRE_GOLDEN_OR_SKIP(data, "valle_data");
  const Scratch folder;
  const fs::path exp_dir = folder / "exp";
  weights::TensorMap straight;
  {
    Command all(data, folder / "straight");
    all.config->dropout = 0;
    all.trainer->options().accumulate_grad_steps = 1;
    const auto recipe = all.open();
    all.train(*recipe);
    straight = recipe->model().state_dict();
  }
  for (const std::int64_t epoch : {1, 2}) {
    Command one(data, exp_dir);
    one.config->dropout = 0;
    one.trainer->options().accumulate_grad_steps = 1;
    one.trainer->options().num_epochs = epoch;
    one.trainer->options().start_epoch = epoch;
    if (epoch == 2) one.trainer->options().base_lr = 0.001;
    const auto recipe = one.open();
    one.train(*recipe);
    if (epoch == 1) continue;
    for (const auto& [name, tensor] : recipe->model().state_dict())
      EXPECT_TRUE(std::ranges::equal(tensor.raw(), straight.at(name).raw())) << name;
  }
  // Seed 001 gave a new --base-lr to a run that went on, and took the curve for its effect.
  EXPECT_NE(log_of(exp_dir).find("--base-lr 0.001 does not count"), std::string::npos);
}

/// Seed 001, runs 1 to 10: a prenet that the weights do not have was left at random by a load that was not strict.
TEST(ValleRecipe, RefusesWeightsWithoutItsPrenet) {
  TIMBRE_GOLDEN_OR_SKIP(data, "valle_data");
  const Scratch folder;
  {
    Command plain(data, folder / "exp");
    plain.trainer->options().num_epochs = 1;
    const auto recipe = plain.open();
    plain.train(*recipe);
  }
  Command prenet(data, folder / "exp");
  prenet.config->add_prenet = true;
  prenet.trainer->options().start_epoch = 2;
  const std::string text = message_of([&] { prenet.open(); });
  EXPECT_NE(text.find("epoch-1.pt does not fit the network of this command:\n  ar_text_prenet.1.weight: missing"),
            std::string::npos)
      << text;
}

/// Seed 001: LF's table under PL's weights (PAD 0 against PAD 3, phonemes against characters).
TEST(ValleRecipe, RefusesTheOtherLinesTokenizer) {
  TIMBRE_GOLDEN_OR_SKIP(data, "valle_data");
  TIMBRE_GOLDEN_OR_SKIP(vallex, "valle_x");
  const Scratch folder;
  Command command(data, folder / "exp");
  const auto recipe = command.open();
  const std::string text =
      message_of([&] { recipe->start_from({.source = vallex / "vallex-checkpoint.pt", .tensors = {}}); });
  EXPECT_NE(text.find("is of VALL-E X: its text rows are characters of IPA"), std::string::npos) << text;
}

TEST(ValleRecipe, NamesTokensThatHaveNoRow) {
  TIMBRE_GOLDEN_OR_SKIP(data, "valle_data");
  const Scratch folder;
  write_file_atomic(folder / "few.k2symbols", "<eps> 0\na3 1\n");
  Command command(data, folder / "exp");
  command.trainer->options().text_tokens = (folder / "few.k2symbols").string();
  const std::string text = message_of([&] { command.open(); });
  EXPECT_NE(text.find("tokens of the data have no row: "), std::string::npos) << text;
}

TEST(ValleRecipe, TrainsOnlyWhatIsUnfrozen) {
  TIMBRE_GOLDEN_OR_SKIP(data, "valle_data");
  const Scratch folder;
  Command command(data, folder / "exp");
  command.run.loop.optim.unfreeze = {"ar_predict_layer"};
  command.trainer->options().num_epochs = 1;
  const auto recipe = command.open();
  const weights::TensorMap before = recipe->model().state_dict();
  command.train(*recipe);
  for (const auto& [name, tensor] : recipe->model().state_dict())
    EXPECT_EQ(std::ranges::equal(tensor.raw(), before.at(name).raw()), name != "ar_predict_layer.weight") << name;
}

/// Seed 001: "any non-empty text is true".
TEST(ValleTrainer, ReadsTrueAndFalseAsTheyAreWritten) {
  Config config;
  config::Fields fields = config.fields();
  fields = {};
  fields.group("", config.fields(), "Model");
  config::parse_flags(fields, {"--add-prenet", "false", "--share-embedding", "False", "--prepend-bos", "yes"});
  EXPECT_FALSE(config.add_prenet);
  EXPECT_FALSE(config.share_embedding);
  EXPECT_TRUE(config.prepend_bos);
  EXPECT_FALSE(truth(std::string("0"), true, "--visualize"));
  EXPECT_THROW(truth(std::string("maybe"), true, "--visualize"), UsageError);
}

TEST(ValleTrainer, FollowsTheTrainersRulesOfResuming) {
  const Resumption same = resume(1, 1, 3, 0, 40, 2);
  EXPECT_EQ(same.batch_idx_train, 40);
  EXPECT_TRUE(same.optimizer_kept && same.scheduler_kept && same.books_kept);
  const Resumption batch = resume(1, 1, 1, 30, 30, 7);
  EXPECT_EQ(batch.start_epoch, 7);
  const Resumption other = resume(1, 2, 3, 0, 40, 2);
  EXPECT_EQ(other.start_epoch, 1);
  EXPECT_EQ(other.batch_idx_train, 0);
  EXPECT_FALSE(other.optimizer_kept || other.scheduler_kept || other.books_kept);
  const Resumption from_all = resume(0, 2, 3, 0, 40, 2);
  EXPECT_EQ(from_all.start_epoch, 3);
  EXPECT_EQ(from_all.batch_idx_train, 40);
  EXPECT_TRUE(from_all.scheduler_kept && !from_all.optimizer_kept);
}

}  // namespace
}  // namespace timbre::valle
