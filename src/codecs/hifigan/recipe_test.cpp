#include "codecs/hifigan/recipe.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "base/rng.h"
#include "codecs/hifigan/convert.h"
#include "codecs/hifigan/files.h"
#include "codecs/hifigan/model_vocoder.h"
#include "nn/init.h"
#include "train/loop.h"
#include "train/stepper.h"
#include "train/tiny_for_test.h"
#include "weights/load.h"
#include "weights/npy.h"
#include "weights/torch_file.h"

namespace timbre::hifigan {
namespace {

using train::Split;

constexpr int kClips = 8;

Config tiny_config() {
  Config config;
  apply_debug(config);
  config.mel.fft_samples = 512;
  config.mel.window_samples = 400;
  config.segments.samples = 1000;
  config.split.valid = 0.25;
  return config;
}

/// Clips of 0.3 s: two tones under noise.
void make_corpus(const fs::path& folder) {
  corpus::CorpusWriter writer(folder);
  make_folders(writer.staging() / "wavs");
  for (int c = 0; c < kClips; ++c) {
    const std::string id = fmt::format("clip{}", c);
    Philox random(3, static_cast<std::uint64_t>(c));
    std::vector<float> wave_N(4800);
    for (std::size_t n = 0; n < wave_N.size(); ++n)
      wave_N[n] = static_cast<float>(0.2 * std::sin(0.05 * (c + 2) * static_cast<double>(n)) + 0.02 * random.normal());
    audio::write_audio(writer.staging() / "wavs" / (id + ".wav"), wave_N, 16000, "wav");
    writer.add({.id = id,
                .audio = "wavs/" + id + ".wav",
                .text = fmt::format("Tone {}.", c),
                .speaker = "s",
                .duration_s = 0.3,
                .rate_hz = 16000,
                .channels = 1});
  }
  writer.finish({{"name", "tones"}});
}

void open(Recipe& recipe, const fs::path& corpus) {
  at::set_num_threads(1);
  const nn::InitSeed first(3);
  recipe.open({.corpus = corpus, .seed = 3});
}

train::TrainOptions options() {
  train::TrainOptions o = train::tiny_options();
  o.optim.kind = "adamw";
  o.optim.lr = 1e-3;
  o.optim.clip_norm = 0;
  o.schedule.kind = "exponential";
  o.schedule.decay = 0.5;
  o.batch.items = 3;
  o.max_steps = 4;
  o.save_every_steps = 2;
  o.valid_at_epoch_end = false;
  return o;
}

TEST(HifiganRecipe, ARunGoesOnToTheBitAndItsVoiceGoesBackToUpstream) {
  const train::Scratch scratch;
  make_corpus(scratch / "corpus");
  const train::Ranks ranks;
  const auto run = [&](Recipe& recipe, const std::string& name, std::optional<train::Checkpoint> resume = {}) {
    open(recipe, scratch / "corpus");
    train::Job job{
        .recipe = recipe, .options = options(), .ranks = ranks, .run = scratch / name, .resume = std::move(resume)};
    train::train(job);
    return train::load_checkpoint(train::list_checkpoints(scratch / (name + "/checkpoints")).back().second);
  };
  Recipe whole(tiny_config()), again(tiny_config());
  const train::Checkpoint last = run(whole, "whole");
  const auto list = train::list_checkpoints(scratch / "whole/checkpoints");
  const auto two = std::find_if(list.begin(), list.end(), [](const auto& entry) { return entry.first == 2; });
  ASSERT_NE(two, list.end());
  const train::Checkpoint gone_on = run(again, "again", train::load_checkpoint(two->second));
  for (const auto& [name, tensor] : last.model) EXPECT_TRUE(weights::same(tensor, gone_on.model.at(name))) << name;
  for (const auto& [name, tensor] : last.optimizer)
    EXPECT_TRUE(weights::same(tensor, gone_on.optimizer.at(name))) << name;
  // Both players have moved, the spectral vectors too.
  const train::Checkpoint earlier = train::load_checkpoint(two->second);
  for (const char* name : {"generator.conv_pre.weight_v", "mpd.discriminators.1.conv_post.bias",
                           "msd.discriminators.0.convs.0.weight_u", "msd.discriminators.1.convs.3.weight_g"})
    EXPECT_FALSE(weights::same(last.model.at(name), earlier.model.at(name))) << name;

  const fs::path voice = scratch / "whole/voice";
  const auto about = nlohmann::json::parse(read_file(voice / "voice.json"));
  EXPECT_EQ(open_vocoder({voice, about})->mel().rate_hz, 16000);
  voice_to_upstream({.source = scratch / "whole", .out = scratch / "upstream"});
  const auto root = weights::read_torch(scratch / "upstream/do_00000004");
  EXPECT_EQ(root.at("steps").as_int(), 4);
  EXPECT_TRUE(root.find("optim_g") && root.find("optim_d"));
  // Ours → upstream's → ours → upstream's: the same to the last bit.
  upstream_to_voice({.source = scratch / "upstream", .out = scratch / "back"});
  voice_to_upstream({.source = scratch / "back", .out = scratch / "upstream2"});
  for (const char* name : {"g_00000004", "do_00000004"})
    EXPECT_TRUE(weights::same(weights::read_torch(scratch / (std::string("upstream/") + name)),
                              weights::read_torch(scratch / (std::string("upstream2/") + name))))
        << name;
  // A new run may start from all of it.
  Recipe next(tiny_config());
  open(next, scratch / "corpus");
  train::Base base{.source = voice, .tensors = weights::load_tensors(voice / "model.safetensors"), .about = about};
  const auto report = next.start_from(base);
  EXPECT_EQ(report.new_tensors, 0) << testing::PrintToString(report.lines);
  const auto from_voice = next.model().state_dict();
  for (const auto& [name, tensor] : last.average) EXPECT_TRUE(weights::same(tensor, from_voice.at(name))) << name;
}

TEST(HifiganRecipe, TheGeneratorsTurnSeesTheOutputTheDiscriminatorsHeard) {
  const train::Scratch scratch;
  make_corpus(scratch / "corpus");
  Recipe recipe(tiny_config());
  open(recipe, scratch / "corpus");
  const std::size_t items[] = {0, 1};
  const batch::Batch batch = recipe.collate_in_epoch(Split::train, items, 0);
  const train::Ranks ranks;
  train::Stepper stepper(recipe, options(), ranks);
  stepper.run({.step = 1}, {&batch}, 1e-3);
  std::map<std::string, Tensor> shared;
  const auto parameters = dynamic_cast<Learner&>(recipe.model()).generator.named_parameters();
  for (const nn::Named& named : parameters) shared[named.name] = named.tensor.grad().clone();
  // The same step with a forward pass of its own in each turn: the same gradients and weights.
  struct Apart : Recipe {
    using Recipe::Recipe;
    std::vector<train::Player> players() const override {
      auto list = Recipe::players();
      for (auto& player : list) player.records.clear();
      return list;
    }
    std::vector<train::Term> losses(const batch::Batch& one, const train::StepInfo& info) override {
      batch::Batch copy = one;
      copy.put("mel_BFM", one["mel_BFM"].clone());  // another tensor: nothing waits for it
      return Recipe::losses(copy, info);
    }
  };
  Apart apart(tiny_config());
  open(apart, scratch / "corpus");
  train::Stepper other(apart, options(), ranks);
  other.run({.step = 1}, {&batch}, 1e-3);
  const auto found = dynamic_cast<Learner&>(apart.model()).generator.named_parameters();
  for (const nn::Named& named : found) {
    EXPECT_GT(named.tensor.grad().abs().max().item<double>(), 0) << named.name;
    EXPECT_TRUE(named.tensor.grad().equal(shared.at(named.name))) << named.name;
  }
  const auto state = recipe.model().state_dict(), apart_state = apart.model().state_dict();
  for (const auto& [name, tensor] : state) EXPECT_TRUE(weights::same(tensor, apart_state.at(name))) << name;
}

TEST(HifiganRecipe, FineTuningTakesTheAcousticModelsFrames) {
  const train::Scratch scratch;
  make_corpus(scratch / "corpus");
  make_folders(scratch / "mels");
  const std::int64_t M = tiny_config().mel.mels, F = 24;
  audio::MelOptions mel = tiny_config().mel;
  corpus::ColumnWriter column(scratch / "corpus", {"made_mel", "s", "i"}, {},
                              {{"facts", {{"mel", config::to_json(audio::fields(mel))}}}});
  for (int c = 0; c < kClips; ++c) {
    std::vector<float> mel_MF, mel_FM(static_cast<std::size_t>(M * F));
    for (std::int64_t m = 0; m < M; ++m)
      for (std::int64_t f = 0; f < F; ++f) {
        mel_MF.push_back(static_cast<float>(c * 1000 + f) + 0.01f * static_cast<float>(m));
        mel_FM[static_cast<std::size_t>(f * M + m)] = mel_MF.back();
      }
    weights::write_npy(scratch / fmt::format("mels/clip{}.npy", c), weights::Tensor::of<float>({1, M, F}, mel_MF));
    column.put(fmt::format("clip{}", c), weights::Tensor::of<float>({F, M}, mel_FM));
  }
  column.commit();
  Config files = tiny_config(), columns = tiny_config();
  files.fine_tune.mels = (scratch / "mels").string();
  columns.fine_tune.column = "made_mel";
  Recipe from_files(files), from_column(columns);
  open(from_files, scratch / "corpus");
  open(from_column, scratch / "corpus");
  std::vector<std::size_t> items(from_files.items(Split::train).size());
  for (std::size_t i = 0; i < items.size(); ++i) items[i] = i;
  const auto batch = from_files.collate_in_epoch(Split::train, items, 2);
  EXPECT_TRUE(batch["mel_BFM"].equal(from_column.collate_in_epoch(Split::train, items, 2)["mel_BFM"]));
  bool moved = false;
  for (std::int64_t b = 0; b < batch["wave_BN"].size(0); ++b) {
    const int clip = std::stoi(batch.ids[static_cast<std::size_t>(b)].substr(4));
    const auto first = std::llround(batch["mel_BFM"][b][0][0].item<double>()) - clip * 1000;
    moved = moved || first > 0;
    EXPECT_NEAR(batch["mel_BFM"][b][4][3].item<double>(), static_cast<double>(clip * 1000 + first + 4) + 0.03, 1e-3);
    // The samples are those of the same place, as loud as they were recorded.
    Philox random(3, static_cast<std::uint64_t>(clip));
    std::vector<double> wave;
    for (int n = 0; n < 4800; ++n) wave.push_back(0.2 * std::sin(0.05 * (clip + 2) * n) + 0.02 * random.normal());
    for (const std::int64_t n : {0, 500, 999})
      EXPECT_NEAR(batch["wave_BN"][b][n].item<double>(), wave[static_cast<std::size_t>(first * 200 + n)], 1e-4);
  }
  EXPECT_TRUE(moved);
  for (const auto& entry : fs::directory_iterator(scratch / "mels"))
    weights::write_npy(entry.path(),
                       weights::Tensor::of<float>({M, 3}, std::vector<float>(static_cast<std::size_t>(M * 3))));
  EXPECT_THROW(from_files.collate_in_epoch(Split::train, items, 2), DataError);
  // As many frames as twice the hop makes, and then as half of it: neither is on the recordings' clock.
  for (const std::int64_t frames : {F / 2, 2 * F}) {
    for (const auto& entry : fs::directory_iterator(scratch / "mels"))
      weights::write_npy(entry.path(), weights::Tensor::of<float>(
                                           {M, frames}, std::vector<float>(static_cast<std::size_t>(M * frames))));
    Recipe apart(files);
    EXPECT_THROW(open(apart, scratch / "corpus"), DataError) << frames;
  }
  for (const auto& entry : fs::directory_iterator(scratch / "mels")) fs::remove(entry.path());
  Recipe without(files);
  EXPECT_THROW(open(without, scratch / "corpus"), DataError);
  // Mels of another hop are none of its.
  columns.mel.hop_samples = 100;
  Recipe other(columns);
  EXPECT_THROW(open(other, scratch / "corpus"), DataError);
}

TEST(HifiganRecipe, AMelHasAsManyFramesAsTheGeneratorMakesHops) {
  const train::Scratch scratch;
  make_corpus(scratch / "corpus");
  Config config = tiny_config();
  config.mel.padding = "center";  // a frame more than hops
  Recipe recipe(config);
  open(recipe, scratch / "corpus");
  const std::vector<std::size_t> items{0, 1};
  EXPECT_EQ(recipe.collate_in_epoch(Split::train, items, 0)["mel_BFM"].size(1),
            config.segments.samples / config.mel.hop_samples);
}

}  // namespace
}  // namespace timbre::hifigan
