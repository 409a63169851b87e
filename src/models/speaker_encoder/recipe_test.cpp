#include "models/speaker_encoder/recipe.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "base/rng.h"
#include "models/speaker_encoder/files.h"
#include "models/speaker_encoder/model_embedder.h"
#include "nn/init.h"
#include "prepare/plan.h"
#include "train/loop.h"
#include "train/tiny_for_test.h"

namespace timbre::speaker_encoder {
namespace {

using nlohmann::json;
using train::Split;

constexpr int kSpeakers = 5, kClips = 12;

Config tiny_config() {
  Config config;
  apply_debug(config);
  config.batches = {.speakers = 4, .clips = 3, .slice_frames = 8, .per_epoch = 200};
  config.slices.frames = 16;
  config.split.valid = 0.25;
  return config;
}

/// A corpus whose mels are noise around one pattern a speaker; the last speaker has a single clip.
void make_corpus(const fs::path& folder, const Config& config) {
  corpus::CorpusWriter writer(folder);
  for (int s = 0; s < kSpeakers; ++s)
    for (int c = 0; c < (s + 1 == kSpeakers ? 1 : kClips); ++c)
      writer.add({.id = fmt::format("s{}_{}", s, c),
                  .audio = "nowhere.wav",
                  .text = fmt::format("Text {} of {}.", c, s),
                  .speaker = fmt::format("s{}", s),
                  .duration_s = 1,
                  .rate_hz = 16000,
                  .channels = 1});
  writer.finish({{"name", "noise"}});
  const auto corpus = corpus::Corpus::open(folder);
  const auto need = columns_of(config).front();
  const auto plan = prepare::make_plan(corpus, {{need.column, need.settings}});
  const auto& step = plan.step("speaker_mel");
  corpus::ColumnWriter mels(folder, step.key("speaker_mel"), {}, step.recorded);
  for (const auto& utterance : corpus.utterances()) {
    Philox voice(7, static_cast<std::uint64_t>(utterance.speaker[1]));
    std::vector<float> pattern(40), values;
    for (float& x : pattern) x = static_cast<float>(voice.normal());
    const std::int64_t frames = utterance.id.ends_with("_3") ? 5 : 30;  // shorter than a slice, too
    Philox random(9, std::hash<std::string>()(utterance.id));
    for (std::int64_t f = 0; f < frames; ++f)
      for (const float x : pattern) values.push_back(x + static_cast<float>(random.normal()));
    mels.put(utterance.id, weights::Tensor::of<float>({frames, 40}, values));
  }
  mels.commit();
}

struct Opened {
  train::Scratch scratch;
  Config config = tiny_config();
  std::unique_ptr<Recipe> recipe;
  std::vector<std::string> warnings;
  explicit Opened(std::uint64_t seed = 3) {
    at::set_num_threads(1);
    make_corpus(scratch / "corpus", config);
    recipe = std::make_unique<Recipe>(config);
    open(*recipe, seed);
  }
  void open(Recipe& other, std::uint64_t seed, const json& continued = nullptr) {
    const nn::InitSeed first(seed);
    train::DataContext context{.corpus = scratch / "corpus", .seed = seed, .continued = continued};
    context.events = [this](const Event& event) { warnings.push_back(event.data.value("text", "")); };
    other.open(context);
  }
};

TEST(SpeakerEncoderRecipe, BatchesHoldAsManyOfEachSpeaker) {
  const Opened opened;
  EXPECT_EQ(opened.recipe->speakers(), (std::vector<std::string>{"s0", "s1", "s2", "s3"}));
  ASSERT_EQ(opened.warnings.size(), 1u);
  EXPECT_THAT(opened.warnings[0], testing::HasSubstr("'s4' has one clip"));
  const std::size_t pick[] = {5};
  const batch::Batch batch = opened.recipe->collate(Split::train, pick);
  EXPECT_EQ(batch["slices_BTM"].sizes(), (std::vector<std::int64_t>{12, 8, 40}));
  std::map<char, std::set<std::string>> clips;
  for (const std::string& id : batch.ids) clips[id[1]].insert(id);
  ASSERT_EQ(clips.size(), 4u);
  for (const auto& [speaker, ids] : clips) EXPECT_EQ(ids.size(), 3u);
  for (int g = 0; g < 4; ++g)
    EXPECT_EQ(batch.ids[static_cast<std::size_t>(3 * g)][1], '0' + batch["speaker_of_group"][g].item<int>());
  // The same number draws the same batch, another number or seed another one.
  const batch::Batch again = opened.recipe->collate(Split::train, pick);
  EXPECT_TRUE(again["slices_BTM"].equal(batch["slices_BTM"]));
  const std::size_t next[] = {6};
  EXPECT_NE(opened.recipe->collate(Split::train, next).ids, batch.ids);
  EXPECT_NE(Opened(4).recipe->collate(Split::train, pick).ids, batch.ids);
}

TEST(SpeakerEncoderRecipe, HeldOutClipsAreNeverTrainedOn) {
  const Opened opened;
  std::set<std::string> trained;
  for (std::size_t i = 0; i < 100; ++i) {
    const std::size_t pick[] = {i};
    const auto batch = opened.recipe->collate(Split::train, pick);
    trained.insert(batch.ids.begin(), batch.ids.end());
  }
  ASSERT_EQ(opened.recipe->items(Split::valid).size(), 1u);
  const std::size_t all[] = {0};
  const batch::Batch held = opened.recipe->collate(Split::valid, all);
  EXPECT_EQ(held.ids.size() + trained.size(), 48u);
  for (const std::string& id : held.ids) EXPECT_FALSE(trained.contains(id)) << id;
}

TEST(SpeakerEncoderRecipe, TheLoopTrainsItAndItsFolderEmbeds) {
  Opened opened;
  train::TrainOptions options = train::tiny_options();
  options.batch.items = 1;
  options.accumulate = 1;
  options.ema = 0;
  options.max_steps = 150;
  options.save_every_steps = 0;
  options.valid_at_epoch_end = false;
  options.valid_every_steps = 50;
  const train::Ranks ranks;
  train::Job job{.recipe = *opened.recipe, .options = options, .ranks = ranks, .run = opened.scratch / "run"};
  ASSERT_EQ(train::train(job).step, 150);
  std::vector<double> rates;
  std::istringstream lines(read_file(opened.scratch / "run/events.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const json event = json::parse(line);
    if (event.at("kind") == "metric" && event.at("set") == "valid")
      rates.push_back(event.at("values").at("equal_error_rate"));
  }
  ASSERT_EQ(rates.size(), 3u);
  EXPECT_LT(rates.back(), 0.05);  // one vector a speaker under noise: easily told apart

  const fs::path voice = opened.scratch / "run/voice";
  const json about = json::parse(read_file(voice / "voice.json"));
  EXPECT_EQ(about.at("speakers"), json({"s0", "s1", "s2", "s3"}));
  const auto encoder = open_encoder({voice, about});
  EXPECT_EQ(encoder->size(), 16);
  std::vector<float> tone(16000);
  for (std::size_t i = 0; i < tone.size(); ++i) tone[i] = 0.3f * std::sin(0.05f * static_cast<float>(i));
  const auto vector = encoder->embed(tone);
  double norm = 0;
  for (const float x : vector) norm += static_cast<double>(x) * x;
  EXPECT_GT(norm, 0.2);
  EXPECT_LE(norm, 1.0 + 1e-5);
  EXPECT_EQ(encoder->mean({vector, vector}), vector);

  Recipe other(opened.config);
  EXPECT_THROW(opened.open(other, 3, {{"speakers", {"s0", "x"}}}), DataError);
}

}  // namespace
}  // namespace timbre::speaker_encoder
