#include "models/g2p/recipe.h"

#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "nn/init.h"
#include "text/g2p_voice.h"
#include "text/lexicon.h"
#include "train/loop.h"
#include "train/tiny_for_test.h"
#include "weights/safetensors.h"

namespace timbre::g2p {
namespace {

using nlohmann::json;
using train::Split;

std::unique_ptr<Recipe> open_recipe(const json& continued = nullptr) {
  at::set_num_threads(1);
  Config config;
  apply_debug(config);
  config.dropout = 0;
  auto recipe = std::make_unique<Recipe>(config);
  const nn::InitSeed seed(5);
  train::DataContext context;
  context.continued = continued;
  recipe->open(context);
  return recipe;
}

TEST(G2pRecipe, HoldsWordsOutAndNeedsNoCorpus) {
  const auto recipe = open_recipe();
  std::set<std::string> trained;
  for (const batch::Item& item : recipe->items(Split::train)) {
    EXPECT_EQ(item.units, static_cast<std::int64_t>(item.id.size()));
    trained.insert(item.id);
  }
  EXPECT_EQ(trained.size(), recipe->items(Split::train).size());
  EXPECT_GT(trained.size(), 110000u);
  EXPECT_GT(recipe->items(Split::valid).size(), 2000u);
  for (const batch::Item& item : recipe->items(Split::valid)) EXPECT_FALSE(trained.contains(item.id)) << item.id;
  const json data = recipe->about().at("data");
  EXPECT_GT(data.at("test_words").get<int>(), 2000);
}

TEST(G2pRecipe, BatchesAreTheDictionarysWords) {
  const auto recipe = open_recipe();
  const std::size_t pick[] = {3, 70000};
  const batch::Batch batch = recipe->collate(Split::train, pick);
  double phones = 0, letters = 0;
  for (std::int64_t b = 0; b < 2; ++b) {
    const std::string& word = batch.ids[static_cast<std::size_t>(b)];
    const std::vector<std::string> wanted = text::cmudict_lookup(word);
    const auto count = static_cast<std::int64_t>(wanted.size());
    std::vector<std::int64_t> rows;
    for (std::int64_t t = 0; t < count; ++t) {
      rows.push_back(batch["after_BT"][b][t].item<std::int64_t>());
      EXPECT_EQ(batch["before_BT"][b][t + 1].item<std::int64_t>(), rows.back());
    }
    EXPECT_EQ(phone_names(rows, recipe->symbols()), wanted);
    EXPECT_EQ(batch["before_BT"][b][0].item<std::int64_t>(), kStart);
    EXPECT_EQ(batch["after_BT"][b][count].item<std::int64_t>(), kEnd);
    EXPECT_EQ(batch["lengths_B"][b].item<std::int64_t>(), static_cast<std::int64_t>(word.size()));
    phones += static_cast<double>(count);
    letters += static_cast<double>(word.size());
  }
  EXPECT_EQ(batch.counts.at("phones"), phones);
  EXPECT_EQ(batch.counts.at("phones_and_ends"), phones + 2);
  EXPECT_EQ(batch.real_units, letters);
}

TEST(G2pRecipe, ErrorsAreReportedButNotLearnedFrom) {
  const auto recipe = open_recipe();
  recipe->model().eval();
  const std::size_t pick[] = {0, 1, 2, 3, 4, 5, 6, 7};
  const batch::Batch batch = recipe->collate(Split::valid, pick);
  const auto terms = recipe->validate(batch, {.step = 1, .training = false});
  ASSERT_EQ(terms.size(), 3u);
  EXPECT_EQ(terms[0].name, "phone");
  EXPECT_EQ(terms[0].weight, 1.0);
  // Untrained, every row of the table is about as likely as any other.
  EXPECT_NEAR(terms[0].sum.item<double>() / batch.counts.at("phones_and_ends"), std::log(72.0), 0.5);
  std::int64_t wrong = 0, words = 0;
  for (const std::string& word : batch.ids) {
    const std::int64_t errors = phone_errors(recipe->pronounce(word), text::cmudict_lookup(word));
    wrong += errors;
    words += errors > 0;
  }
  EXPECT_EQ(terms[1].name, "phone_error_rate");
  EXPECT_EQ(terms[1].weight, 0.0);
  EXPECT_EQ(terms[1].sum.item<double>(), static_cast<double>(wrong));
  EXPECT_EQ(terms[2].name, "word_error_rate");
  EXPECT_EQ(terms[2].sum.item<double>(), static_cast<double>(words));
  EXPECT_GT(words, 4);
}

TEST(G2pRecipe, ContinuesOnlyWithTheSamePhones) {
  json about = open_recipe()->about();
  EXPECT_NO_THROW(open_recipe(about));
  about["symbols"][5] = "X";
  EXPECT_THROW(open_recipe(about), DataError);
}

/// Our own loop learns a few words by heart, and the folder it leaves says them again.
TEST(G2pRecipe, TheLoopTrainsItAndLeavesAVoiceFolder) {
  const train::Scratch folder;
  const auto recipe = open_recipe();
  train::TrainOptions options = train::tiny_options();
  options.optim.lr = 1e-2;
  options.batch.items = 8;
  options.accumulate = 1;
  options.overfit = 16;
  options.max_steps = 160;
  options.ema = 0;
  options.save_every_steps = 0;
  options.valid_at_epoch_end = false;
  options.valid_every_steps = 40;
  const train::Ranks ranks;
  train::Job job{.recipe = *recipe, .options = options, .ranks = ranks, .run = folder / "run"};
  EXPECT_EQ(train::train(job).step, 160);

  std::vector<double> rates;
  std::istringstream lines(read_file(folder / "run/events.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    const json event = json::parse(line);
    if (event.at("kind") == "metric" && event.at("set") == "valid")
      rates.push_back(event.at("values").at("phone_error_rate"));
  }
  ASSERT_EQ(rates.size(), 4u);
  EXPECT_LT(rates.back(), 0.05);

  const json voice = json::parse(read_file(folder / "run/voice/voice.json"));
  EXPECT_EQ(voice.at("model").at("kind"), "g2p");
  EXPECT_FALSE(voice.contains("mel"));
  const auto read = open_recipe(voice);
  read->model().load_exactly(weights::read_safetensors(folder / "run/voice/model.safetensors"), "the voice");
  read->model().eval();
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    const std::string& word = read->items(Split::train)[i].id;
    wrong += phone_errors(read->pronounce(word), text::cmudict_lookup(word));
  }
  EXPECT_LE(wrong, 5);  // of about a hundred phones

  // The front end's own arithmetic, below the torch line, says the same of any word.
  const auto beside = text::G2pVoice::open(folder / "run");
  const auto& words = read->items(Split::train);
  for (std::size_t i = 0; i < 300; ++i) {
    const std::string& word = words[i < 16 ? i : i * words.size() / 300].id;
    EXPECT_EQ(beside->pronounce(word), read->pronounce(word)) << word;
  }
  EXPECT_EQ(beside->pronounce("Rock-N-Roll"), read->pronounce("rocknroll"));
  EXPECT_TRUE(beside->pronounce("42").empty());
  EXPECT_THROW(text::G2pVoice::open(folder / "nothing"), UsageError);
  json other = voice;
  other["model"]["kind"] = "fastspeech2";
  write_file_atomic(folder / "run/voice/voice.json", other.dump());
  EXPECT_THROW(text::G2pVoice::open(folder / "run"), UsageError);
  other = voice;
  other["model"]["config"]["encoder_width"] = 7;
  write_file_atomic(folder / "run/voice/voice.json", other.dump());
  EXPECT_THROW(text::G2pVoice::open(folder / "run"), DataError);
}

}  // namespace
}  // namespace timbre::g2p
