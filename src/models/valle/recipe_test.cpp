#include "models/valle/recipe.h"

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "nn/dropout.h"
#include "support/golden.h"
#include "support/messages.h"
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
  const std::string text = testing_support::message_of([&] { prenet.open(); });
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
  const std::string text = testing_support::message_of(
      [&] { recipe->start_from({.source = vallex / "vallex-checkpoint.pt", .tensors = {}}); });
  EXPECT_NE(text.find("is of VALL-E X: its text rows are characters of IPA"), std::string::npos) << text;
}

/// A file beside which its symbols lie is taken row by row; one without is taken to have the data's table, and says so.
TEST(ValleRecipe, TakesTextRowsBySymbol) {
  TIMBRE_GOLDEN_OR_SKIP(data, "valle_data");
  const Scratch folder;
  {
    Command first(data, folder / "exp");
    first.trainer->options().num_epochs = 1;
    const auto recipe = first.open();
    first.train(*recipe);
  }
  const fs::path lone = folder / "lone" / "epoch-1.pt", kept = folder / "kept" / "epoch-1.pt";
  for (const fs::path& file : {lone, kept}) {
    fs::create_directories(file.parent_path());
    Checkpoint checkpoint = read_checkpoint(folder / "exp" / "epoch-1.pt");
    checkpoint.parameters.put("text_tokens", "gone.k2symbols");
    write_checkpoint(file, checkpoint);
  }
  // Its table had one symbol more, before all others.
  const std::string table = read_file(data / "tokenized" / "unique_text_tokens.k2symbols");
  write_file_atomic(folder / "kept" / "unique_text_tokens.k2symbols", table + "! 999\n");
  const auto rows_of = [&](const fs::path& base, std::vector<std::string>& lines) {
    Command command(data, folder / base.parent_path().filename().string());
    const auto recipe = command.open();
    lines = recipe->start_from({.source = base, .tensors = {}}).lines;
    return std::pair(recipe->about().at("symbols").get<std::vector<std::string>>(),
                     recipe->model().state_dict().at("ar_text_embedding.word_embeddings.weight").to_f32());
  };
  std::vector<std::string> by_symbol, as_they_are;
  const auto [symbols, rows] = rows_of(kept, by_symbol);
  EXPECT_EQ(symbols.at(3), "!");
  const auto said = [](const std::vector<std::string>& lines, const char* text) {
    return std::ranges::any_of(lines, [&](const std::string& line) { return line.find(text) != line.npos; });
  };
  EXPECT_TRUE(said(by_symbol, "which name all of the data's"));
  const auto [same_symbols, same_rows] = rows_of(lone, as_they_are);
  EXPECT_NE(same_symbols.at(3), "!");
  EXPECT_EQ(same_rows, rows);  // the tables themselves are the file's either way
  EXPECT_TRUE(said(as_they_are, "the file names no symbols: its text rows are taken to be those of "));
}

/// Seed 001: clips of another language than their text was read as get the wrong row of the language tables.
TEST(ValleRecipe, RefusesALanguageThatTheFrontEndDoesNotRead) {
  TIMBRE_GOLDEN_OR_SKIP(data, "valle_data");
  const Scratch folder;
  Command command(data, folder / "exp");
  command.config->languages = {"en", "zh", "ja"};
  command.config->front_end = "vallex:en";
  const std::string text = testing_support::message_of([&] { command.open(); });
  EXPECT_NE(text.find("is in 'zh', and its text was read as 'en' (front end vallex:en)"), std::string::npos) << text;
}

/// Ranks hear other utterances and must go on predicting the same codebook; a checkpoint keeps one state for all.
TEST(ValleRecipe, RanksGoOnDrawingTheSameStages) {
  Config config;
  config.prefix_mode = 2;
  StepDraws first(8), second(8);
  for (std::uint64_t step = 0; step < 4; ++step) {
    const nn::NoiseScope noise(1, step, 0, 0);
    const NarDraws a = next_draws(first, config, {.code_lens_B = {40, 60}}, 2);
    const NarDraws b = next_draws(second, config, {.code_lens_B = {80, 90, 100}}, 2);
    EXPECT_EQ(a.stage, b.stage);
    ASSERT_EQ(b.starts_B.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_LE(b.starts_B[i], 80 + 10 * static_cast<std::int64_t>(i) - 20);
  }
  EXPECT_EQ(first.random().state(), second.random().state());
}

/// Heads that are tables answer to both names.
TEST(ValleTrainer, UnfreezesTiedHeadsByTheirOwnName) {
  TIMBRE_GOLDEN_OR_SKIP(data, "valle_data");
  const Scratch folder;
  Command command(data, folder / "exp");
  command.trainer->options().train_stage = 2;
  command.run.loop.optim.unfreeze = {"nar_predict_layers"};
  for (int again = 0; again < 2; ++again)
    command.trainer->apply(command.run);  // a continued run applies them once more
  EXPECT_EQ(command.run.loop.optim.unfreeze.size(), 7u);
  EXPECT_EQ(command.run.loop.optim.unfreeze.back(), "nar_audio_embeddings.7.word_embeddings.weight");
}

/// The reference's SimpleCutSampler: by ascending duration, no quadratic term, nothing dropped.
TEST(ValleTrainer, CutsBatchesWithoutBuckets) {
  TIMBRE_GOLDEN_OR_SKIP(data, "valle_data");
  const Scratch folder;
  Command command(data, folder / "exp");
  command.trainer->options().bucketing_sampler = "false";
  command.trainer->options().shuffle = "false";
  const auto recipe = command.open();
  std::vector<std::int64_t> units;
  std::vector<double> seconds;
  for (const batch::Item& item : recipe->items(train::Split::train)) {
    units.push_back(item.units);
    seconds.push_back(item.seconds);
  }
  const batch::BucketSampler sampler(units, command.run.loop.batch, 42, 0, 1, seconds);
  std::vector<double> heard;
  for (const auto& batch : sampler.epoch(0)) {
    for (const std::size_t item : batch) heard.push_back(seconds[item]);
    EXPECT_LE(seconds[batch.back()] * static_cast<double>(batch.size()), 12 + 1e-9);
  }
  EXPECT_EQ(heard.size(), seconds.size());
  EXPECT_TRUE(std::ranges::is_sorted(heard));
}

/// A file that a run goes on from is that batch's checkpoint: it is not written once more after the first step.
TEST(ValleRecipe, DoesNotSaveTheFileItGoesOnFromAgain) {
  TIMBRE_GOLDEN_OR_SKIP(data, "valle_data");
  const Scratch folder;
  const fs::path exp_dir = folder / "exp";
  for (const std::int64_t epoch : {1, 2}) {
    Command command(data, exp_dir);
    command.trainer->options().accumulate_grad_steps = 1;
    command.trainer->options().num_epochs = epoch;
    command.trainer->options().start_epoch = epoch;
    command.trainer->options().save_every_n = epoch == 1 ? 1 : 1000;
    const auto recipe = command.open();
    command.train(*recipe);
    if (epoch > 1) continue;
    for (const auto& entry : fs::directory_iterator(exp_dir))
      if (entry.path().filename().string().starts_with("checkpoint-")) fs::remove(entry.path());
    Checkpoint file = read_checkpoint(exp_dir / "epoch-1.pt");
    file.parameters.put("batch_idx_train", 1500);
    write_checkpoint(exp_dir / "epoch-1.pt", file);
  }
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(exp_dir))
    if (const std::string name = entry.path().filename().string(); name.starts_with("checkpoint-"))
      left.push_back(name);
  EXPECT_TRUE(left.empty()) << left.front();
}

TEST(ValleRecipe, NamesTokensThatHaveNoRow) {
  TIMBRE_GOLDEN_OR_SKIP(data, "valle_data");
  const Scratch folder;
  write_file_atomic(folder / "few.k2symbols", "<eps> 0\na3 1\n");
  Command command(data, folder / "exp");
  command.trainer->options().text_tokens = (folder / "few.k2symbols").string();
  const std::string text = testing_support::message_of([&] { command.open(); });
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
