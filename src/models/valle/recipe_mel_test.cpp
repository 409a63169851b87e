#include "models/valle/recipe_mel.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "models/valle/recipe.h"
#include "support/messages.h"
#include "train/job.h"
#include "train/loop.h"
#include "train/tiny_for_test.h"
#include "weights/hdf5.h"

namespace timbre::valle {
namespace {

using train::Scratch;

/// data/tokenized as the reference's tokenizer leaves it with --audio-extractor Fbank: waves of 100 bands.
void write_cuts(const fs::path& folder, int count, int bins = 100) {
  fs::create_directories(folder);
  weights::Hdf5Writer store(folder / "feats.h5");
  for (const char* side : {"train", "dev"}) {
    std::string lines;
    for (int i = 0; i < (side[0] == 't' ? count : 2); ++i) {
      const std::string id = fmt::format("{}-{}", side, i);
      const std::int64_t frames = 30 + 5 * i;
      std::vector<float> mel;
      for (std::int64_t f = 0; f < frames; ++f)
        for (int m = 0; m < bins; ++m)
          mel.push_back(static_cast<float>(-4 + std::sin(0.3 * static_cast<double>(f) + 0.1 * m + i)));
      store.put(id, weights::Tensor::of<float>({frames, bins}, std::move(mel)));
      const double seconds = static_cast<double>(frames) * 256 / 24000;
      lines += nlohmann::json{{"id", id},
                              {"start", 0},
                              {"duration", seconds},
                              {"channel", 0},
                              {"type", "MonoCut"},
                              {"supervisions",
                               {{{"id", id},
                                 {"recording_id", id},
                                 {"start", 0},
                                 {"duration", seconds},
                                 {"text", "a b"},
                                 {"speaker", "s"},
                                 {"custom", {{"tokens", {{"text", {"a", "b", i % 2 == 0 ? "a" : "b"}}}}}}}}},
                              {"features",
                               {{"type", "bigvgan_fbank"},
                                {"num_frames", frames},
                                {"num_features", bins},
                                {"frame_shift", 256.0 / 24000},
                                {"sampling_rate", 24000},
                                {"start", 0},
                                {"duration", seconds},
                                {"storage_type", "numpy_hdf5"},
                                {"storage_path", (folder / "feats.h5").string()},
                                {"storage_key", id},
                                {"recording_id", id},
                                {"channels", 0}}}}
                   .dump() +
               "\n";
    }
    write_file_atomic(folder / fmt::format("cuts_{}.jsonl", side), lines);
  }
  store.close();
  write_file_atomic(folder / "unique_text_tokens.k2symbols", "<eps> 0\na 1\nb 2\n");
}

struct Command {
  train::RunOptions run;
  std::shared_ptr<Trainer> trainer = std::make_shared<Trainer>();
  std::shared_ptr<Config> config = std::make_shared<Config>();
  Command(const fs::path& data, const fs::path& exp_dir) {
    trainer_defaults(run.loop, "lifeiteng");
    apply_lifeiteng(*config);
    config->model_name = "Transformer";
    config->decoder_dim = 16;
    config->nhead = 2;
    config->num_decoder_layers = 1;
    config->dropout = 0;
    run.config = config;
    TrainerOptions& o = trainer->options();
    o.manifest_dir = data.string();
    o.exp_dir = exp_dir.string();
    o.max_duration = 2;
    o.num_buckets = 2;
    o.drop_last = "false";
    o.num_epochs = 30;
    o.warmup_steps = 0;
    o.tensorboard = "false";
    o.visualize = "true";
    o.valid_interval = 1000;
    o.log_interval = 1;
    run.loop.probe = false;
  }
  std::unique_ptr<MelRecipe> open() {
    trainer->apply(run);
    trainer->place(run);
    auto recipe = std::make_unique<MelRecipe>(*config);
    const nn::InitSeed seed(42);
    recipe->open({.seed = 42, .run = run.out, .trainer = trainer.get()});
    return recipe;
  }
};

TEST(ValleMelRecipe, TrainsTheDebugNetworkAndGoesOnFromItsFile) {
  const Scratch folder;
  write_cuts(folder / "data", 6);
  {
    Command command(folder / "data", folder / "exp");
    const auto recipe = command.open();
    const train::Ranks ranks;
    train::Job job{.recipe = *recipe, .options = command.run.loop, .ranks = ranks, .run = command.run.out};
    train::train(job);
  }
  std::string log;
  for (const auto& entry : fs::directory_iterator(folder / "exp" / "log")) log += read_file(entry.path());
  const auto loss_of = [&](const std::string& epoch) {
    const auto at = log.find("Epoch " + epoch + ", validation: loss=");
    return at == log.npos ? 0.0 : std::stod(log.substr(log.find('=', at) + 1));
  };
  EXPECT_GT(loss_of("1"), 300) << log.substr(0, 2000);
  EXPECT_LT(loss_of("30"), 0.2 * loss_of("1"));
  EXPECT_NE(log.find("stop_loss="), std::string::npos);
  EXPECT_NE(log.find("stop_accuracy="), std::string::npos);
  EXPECT_FALSE(fs::is_empty(folder / "exp" / "eval"));
  const Checkpoint file = read_checkpoint(folder / "exp" / "epoch-30.pt");
  EXPECT_EQ(file.config.network(), Network::transformer);
  EXPECT_TRUE(file.optimizer.is_dict());
  Command more(folder / "data", folder / "exp");
  more.trainer->options().start_epoch = 31;
  more.trainer->options().num_epochs = 31;
  const auto recipe = more.open();
  for (const auto& [name, tensor] : recipe->model().state_dict())
    EXPECT_TRUE(weights::same(tensor, file.model.at(name))) << name;
}

TEST(ValleMelRecipe, RefusesCodesAndStages) {
  const Scratch folder;
  write_cuts(folder / "data", 2, 8);
  Command codes(folder / "data", folder / "exp");
  EXPECT_NE(testing_support::message_of([&] { codes.open(); }).find("expected frames × 100 mel bins"),
            std::string::npos);
  Command staged(folder / "data", folder / "exp");
  staged.trainer->options().train_stage = 1;
  EXPECT_EQ(testing_support::message_of([&] { staged.open(); }),
            "--train-stage 1: --model-name Transformer has no stages");
}

}  // namespace
}  // namespace timbre::valle
