#include "codecs/vocos/recipe.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "base/rng.h"
#include "codecs/vocos/convert.h"
#include "codecs/vocos/model_vocoder.h"
#include "nn/init.h"
#include "train/loop.h"
#include "train/tiny_for_test.h"
#include "weights/load.h"
#include "weights/safetensors.h"

namespace timbre::vocos {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::int64_t kRate = 8000;

Config tiny_config() {
  Config config;
  apply_debug(config);
  config.mel.rate_hz = kRate;
  config.mel.fft_samples = config.mel.window_samples = config.head.fft_samples = 128;
  config.mel.hop_samples = config.head.hop_samples = 32;
  config.mel.mels = 20;
  config.mel.f_max_hz = 4000;
  config.segments.samples = 2048;
  config.discriminators.fft_samples = {128};
  config.split.valid = 2;
  return config;
}

/// Tones of a clip's own pitch that swell and fade.
void make_corpus(const fs::path& folder, const fs::path& audio) {
  make_folders(audio);
  corpus::CorpusWriter writer(folder);
  for (int c = 0; c < 8; ++c) {
    std::vector<float> wave_N;
    for (int n = 0; n < 5000; ++n)
      wave_N.push_back(static_cast<float>(0.5 * std::sin(0.1 * (c + 2) * n) * std::sin(0.002 * n)));
    const fs::path path = audio / fmt::format("{}.wav", c);
    auto out = audio::AudioWriter::open(path, kRate, "wav");
    out->write(wave_N);
    out->close();
    writer.add({.id = fmt::format("c{}", c),
                .audio = path.string(),
                .text = fmt::format("Tone {}.", c),
                .duration_s = 5000.0 / kRate,
                .rate_hz = kRate,
                .channels = 1});
  }
  writer.finish({{"name", "tones"}});
}

struct Opened {
  train::Scratch scratch;
  Config config;
  std::unique_ptr<Recipe> recipe;
  explicit Opened(const Config& given = tiny_config()) : config(given) {
    at::set_num_threads(1);
    make_corpus(scratch / "corpus", scratch / "audio");
    recipe = fresh();
  }
  std::unique_ptr<Recipe> fresh() const {
    const nn::InitSeed first(3);
    auto made = std::make_unique<Recipe>(config);
    made->open({.corpus = scratch / "corpus", .seed = 3});
    return made;
  }
  train::Outcome run(Recipe& of, const std::string& folder, std::int64_t steps,
                     std::optional<train::Checkpoint> resume = {}) const {
    train::TrainOptions o = train::tiny_options();
    o.accumulate = 1;
    o.optim.lr = 2e-3;
    o.max_steps = steps;
    o.schedule.kind = "constant";
    o.save_every_steps = 4;
    o.valid_at_epoch_end = false;
    o.valid_every_steps = steps;
    const train::Ranks ranks;
    train::Job job{.recipe = of, .options = o, .ranks = ranks, .run = scratch / folder, .resume = std::move(resume)};
    return train::train(job);
  }
  std::vector<json> metrics(const std::string& folder, const std::string& set) const {
    std::vector<json> list;
    std::istringstream lines(read_file(scratch / folder / "events.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const json event = json::parse(line);
      if (event.at("kind") == "metric" && event.at("set") == set) list.push_back(event.at("values"));
    }
    return list;
  }
};

TEST(VocosRecipe, SpectralLossesAloneTeachIt) {
  Config config = tiny_config();
  config.loss.adversarial_from_step = 0;
  Opened opened(config);
  EXPECT_EQ(opened.recipe->players().size(), 1u);
  opened.run(*opened.recipe, "run", 60);
  const auto train = opened.metrics("run", "train");
  ASSERT_GE(train.size(), 10u);
  EXPECT_LT(train.back().at("mel").get<double>(), 0.6 * train.front().at("mel").get<double>());
  EXPECT_FALSE(opened.recipe->last_is_best());
}

TEST(VocosRecipe, DiscriminatorsComeLaterAndARunContinuesToTheBit) {
  Opened opened;  // discriminators from step 3 on
  opened.run(*opened.recipe, "whole", 6);
  const auto train = opened.metrics("whole", "train");
  EXPECT_FALSE(train.front().contains("discriminator.periods"));
  ASSERT_TRUE(train.back().contains("discriminator.periods"));
  EXPECT_NEAR(train.back().at("discriminator.periods").get<double>(), 2, 0.5) << "hinge losses begin at 2";
  EXPECT_GT(train.back().at("generator.resolutions_features").get<double>(), 0);
  EXPECT_TRUE(opened.recipe->last_is_best());
  const auto list = train::list_checkpoints(opened.scratch / "whole/checkpoints");
  const auto four = std::find_if(list.begin(), list.end(), [](const auto& entry) { return entry.first == 4; });
  ASSERT_NE(four, list.end());
  const auto again = opened.fresh();
  opened.run(*again, "again", 6, train::load_checkpoint(four->second));
  const auto a = opened.recipe->model().state_dict(), b = again->model().state_dict();
  for (const auto& [name, tensor] : a) EXPECT_TRUE(weights::same(tensor, b.at(name))) << name;
}

TEST(VocosRecipe, PiecesMoveInTrainingAndStayInValidation) {
  const Opened opened;
  const std::size_t pick[] = {0};
  const auto wave = [&](train::Split split, std::int64_t epoch) {
    return opened.recipe->collate_in_epoch(split, pick, epoch)["wave_BN"];
  };
  EXPECT_FALSE(wave(train::Split::train, 0).equal(wave(train::Split::train, 1)));
  EXPECT_TRUE(wave(train::Split::valid, 0).equal(wave(train::Split::valid, 1)));
  const auto batch = opened.recipe->collate(train::Split::train, pick);
  EXPECT_EQ(batch["mel_BFM"].sizes(), (std::vector<std::int64_t>{1, 2048 / 32 + 1, 20}));
}

TEST(VocosRecipe, FineTuningTakesTheAcousticModelsFramesAndHearsTheRecordings) {
  Config config = tiny_config();
  config.fine_tune.column = "mel_of.x";
  config.segments.gain_db = 6;
  const train::Scratch scratch;
  make_corpus(scratch / "corpus", scratch / "audio");
  audio::MelOptions mel = config.mel;
  {
    corpus::ColumnWriter column(scratch / "corpus", {"mel_of.x", "s", "i"}, {},
                                {{"facts", {{"mel", config::to_json(audio::fields(mel))}}}});
    for (int c = 1; c < 8; ++c) {  // c0 has none: it is left out
      const std::int64_t F = audio::mel_frames(5000, mel);
      std::vector<float> mel_FM;
      for (std::int64_t i = 0; i < F * 20; ++i) mel_FM.push_back(static_cast<float>(c * 1000 + i / 20));
      column.put(fmt::format("c{}", c), weights::Tensor::of<float>({F, 20}, mel_FM));
    }
    column.commit();
  }
  at::set_num_threads(1);
  const nn::InitSeed first(3);
  Recipe recipe(config);
  recipe.open({.corpus = scratch / "corpus", .seed = 3});
  std::vector<std::size_t> items(recipe.items(train::Split::train).size());
  for (std::size_t i = 0; i < items.size(); ++i) items[i] = i;
  const auto batch = recipe.collate_in_epoch(train::Split::train, items, 1);
  EXPECT_EQ(batch["mel_BFM"].sizes(),
            (std::vector<std::int64_t>{static_cast<std::int64_t>(items.size()), 2048 / 32 + 1, 20}));
  bool moved = false;
  for (std::int64_t b = 0; b < batch["wave_BN"].size(0); ++b) {
    const int c = std::stoi(batch.ids[static_cast<std::size_t>(b)].substr(1));
    EXPECT_GT(c, 0);
    const auto begin = std::llround(batch["mel_BFM"][b][0][0].item<double>()) - c * 1000;
    moved = moved || begin > 0;
    EXPECT_EQ(batch["mel_BFM"][b][64][19].item<double>(), static_cast<double>(c * 1000 + begin + 64));
    // The samples are those of the same place, as loud as they were recorded.
    for (const std::int64_t i : {0, 777, 2047}) {
      const auto n = static_cast<double>(begin * 32 + i);
      EXPECT_NEAR(batch["wave_BN"][b][i].item<double>(), 0.5 * std::sin(0.1 * (c + 2) * n) * std::sin(0.002 * n), 1e-4);
    }
  }
  EXPECT_TRUE(moved);
  // What is validated is the distance from the recording, not from what it was given.
  const std::size_t pick[] = {0};
  const auto valid = recipe.collate(train::Split::valid, pick);
  EXPECT_LT(recipe.validate(valid, {}).front().sum.item<double>(), 100);
  config.mel.floor = 1e-7;
  Recipe bridged(config);
  bridged.open({.corpus = scratch / "corpus", .seed = 3});
  config.mel.mels = 19;
  Recipe other(config);
  EXPECT_THROW(other.open({.corpus = scratch / "corpus", .seed = 3}), DataError);
}

TEST(VocosRecipe, ItsFolderIsAVocoderAndTravelsToTheReferenceAndBack) {
  Opened opened;
  opened.run(*opened.recipe, "run", 2);
  const fs::path voice = opened.scratch / "run/voice";
  const auto vocoder = open_vocoder({voice, json::parse(read_file(voice / "voice.json"))});
  EXPECT_EQ(vocoder->mel(), opened.config.mel);
  const std::vector<float> mel_FM(7 * 20, -2.0f);
  EXPECT_EQ(vocoder->synthesize(mel_FM, 7).size(), 7u * 32);
  EXPECT_THROW(vocoder->synthesize(mel_FM, 6), DataError);
  std::vector<float> odd = mel_FM;
  odd[45] = NAN;
  try {
    vocoder->synthesize(odd, 7);
    FAIL() << "NaN was spoken";
  } catch (const DataError& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("frame 2"));
  }
  // A stretch with its context around it comes out as in the whole.
  const std::int64_t frames = 70, first = 30, count = 12, context = vocoder->context_frames().value();
  ASSERT_EQ(context, 3 * (1 + 2) + 4);
  Philox random(5);
  std::vector<float> noise_FM;
  for (std::int64_t i = 0; i < frames * 20; ++i) noise_FM.push_back(static_cast<float>(random.normal()));
  const auto whole_N = vocoder->synthesize(noise_FM, frames);
  const auto miss = [&](std::int64_t around) {
    const auto part_N =
        vocoder->synthesize(std::span(noise_FM).subspan(static_cast<std::size_t>((first - around) * 20),
                                                        static_cast<std::size_t>((count + 2 * around) * 20)),
                            count + 2 * around);
    float worst = 0;
    for (std::int64_t n = 0; n < count * 32; ++n)
      worst = std::max(worst, std::abs(part_N[static_cast<std::size_t>(around * 32 + n)] -
                                       whole_N[static_cast<std::size_t>(first * 32 + n)]));
    return worst;
  };
  EXPECT_LT(miss(context), 1e-5);
  EXPECT_GT(miss(1), 1e-4);
  const weights::TensorMap ours = weights::read_safetensors(voice / "model.safetensors");
  EXPECT_FALSE(ours.contains("multiperioddisc.discriminators.0.convs.0.bias"));
  folder_to_vocos({.source = opened.scratch / "run", .out = opened.scratch / "theirs"});
  EXPECT_TRUE(looks_like_vocos(opened.scratch / "theirs"));
  vocos_to_folder({.source = opened.scratch / "theirs", .out = opened.scratch / "back"});
  const weights::TensorMap back = weights::read_safetensors(opened.scratch / "back/model.safetensors");
  ASSERT_EQ(back.names(), ours.names());
  for (const auto& [name, tensor] : ours) EXPECT_TRUE(weights::same(tensor, back.at(name))) << name;
}

TEST(VocosRecipe, RefusesMelsHalfAHopAwayFromItsHead) {
  Opened opened;
  for (const char* mel : {"same", "center_zero"}) {
    Config config = tiny_config();
    config.mel.padding = mel;
    config.head.padding = config.mel.padding == "same" ? "center" : "same";
    Recipe recipe(config);
    EXPECT_THROW(recipe.open({.corpus = opened.scratch / "corpus", .seed = 3}), UsageError) << mel;
  }
}

}  // namespace
}  // namespace timbre::vocos
