#include "models/llasa/recipe.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "models/llasa/adapter.h"
#include "models/llasa/hf_folder.h"
#include "models/llasa/layout.h"
#include "models/llasa/rows_for_test.h"
#include "models/llasa/voice_about.h"
#include "nn/init.h"
#include "support/messages.h"
#include "train/job.h"
#include "train/loop.h"
#include "train/tiny_for_test.h"
#include "weights/safetensors.h"

namespace timbre::llasa {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using timbre::testing_support::message_of;
using train::Scratch;

Config debug_config() {
  Config config;
  apply_debug(config);
  config.row_length = kRowLength;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.num_attention_heads = 2;
  config.num_key_value_heads = 1;
  return config;
}

std::unique_ptr<Recipe> open(const Config& config, const fs::path& rows) {
  auto recipe = std::make_unique<Recipe>(config);
  const nn::InitSeed seed(1);
  recipe->open({.corpus = rows});
  return recipe;
}

train::TrainOptions loop_options(std::int64_t steps) {
  train::TrainOptions options;
  recipe_defaults(options, "debug");
  options.max_steps = steps;
  options.batch.units = 600;
  options.optim.lr = 5e-3;
  options.schedule.warmup_steps = 5;
  options.valid_every_steps = 0;
  options.probe = false;
  options.log_every_steps = 1;
  return options;
}

train::Outcome train_with(Recipe& recipe, const train::TrainOptions& options, const fs::path& run) {
  const train::Ranks ranks;
  train::Job job{.recipe = recipe, .options = options, .ranks = ranks, .run = run};
  return train::train(job);
}

std::vector<std::size_t> first_items(std::size_t count) {
  std::vector<std::size_t> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = i;
  return out;
}

double loss_of(Recipe& recipe, const batch::Batch& batch) {
  const auto terms = recipe.losses(batch, {});
  return terms.front().sum.item<double>();
}

TEST(LlasaRecipe, RowsBecomeTargetsWithoutPadding) {
  const Scratch folder;
  const tokenizer::Tokenizer tokenizer = small_tokenizer();
  write_rows(folder / "rows", tokenizer);
  const auto recipe = open(debug_config(), folder);  // the folder above does as well
  EXPECT_EQ(recipe->items(train::Split::train).size(), 10u);
  EXPECT_EQ(recipe->items(train::Split::valid).size(), 3u);
  const std::vector<std::size_t> both{0, 4};
  const batch::Batch batch = recipe->collate(train::Split::train, both);
  EXPECT_EQ(batch.ids.at(1), "train row 4");
  // Start and end of speech are learned as well as its 8 and 12 codes.
  EXPECT_EQ(batch.counts.at("codes"), 20);
  EXPECT_EQ(batch.counts.at("targets"), 24);
  const tokenizer::RowExpander expander(tokenizer, tokenizer::kTemplateDate, kRowLength);
  const tokenizer::SpeechRows rows(tokenizer);
  const auto longest =
      static_cast<std::int64_t>(row_ids(rows, 4).size()) + expander.overhead() - 1;  // but its last end
  EXPECT_EQ(batch["ids_BT"].size(1), longest);
  EXPECT_EQ(batch.padded_units, 2 * longest);
  const tokenizer::TrainingRow want = expander.expand(row_ids(rows, 0), "row");
  for (std::int64_t t = 0; t < longest; ++t) {
    const bool there = t < recipe->items(train::Split::train)[0].units;
    const auto at = static_cast<std::size_t>(t);
    EXPECT_EQ(batch["ids_BT"][0][t].item<std::int64_t>(), there ? want.input_ids[at] : 0);
    EXPECT_EQ(batch["mask_BT"][0][t].item<std::int64_t>(), there ? want.attention_mask[at] : 0);
    EXPECT_EQ(batch["labels_BT"][0][t].item<std::int64_t>(), there ? want.labels[at] : tokenizer::kIgnoredLabel);
  }
}

/// What the reference computes on rows padded to their full length, packed and trimmed: one sum.
TEST(LlasaRecipe, TrimmedPackedAndPaddedRowsLoseTheSame) {
  const Scratch folder;
  const tokenizer::Tokenizer tokenizer = small_tokenizer();
  write_rows(folder, tokenizer);
  Config config = debug_config();
  const auto trimmed = open(config, folder);
  config.packing = true;
  const auto packed = open(config, folder);
  const auto items = first_items(4);
  const batch::Batch together = packed->collate(train::Split::train, items);
  EXPECT_EQ(together["ids_BT"].size(0), 1);
  EXPECT_EQ(together.padded_units, together.real_units);
  const double want = loss_of(*trimmed, trimmed->collate(train::Split::train, items));
  EXPECT_NEAR(loss_of(*packed, together), want, 1e-4 * want);
  double one_by_one = 0;
  for (const std::size_t item : items) {
    const std::size_t alone[] = {item};
    one_by_one += loss_of(*trimmed, trimmed->collate(train::Split::train, alone));
  }
  EXPECT_NEAR(one_by_one, want, 1e-4 * want);
  const tokenizer::RowExpander expander(tokenizer, tokenizer::kTemplateDate, kRowLength);
  const tokenizer::SpeechRows rows(tokenizer);
  const tokenizer::TrainingRow row = expander.expand(row_ids(rows, 2), "row");
  const auto tensor = [&](const std::vector<std::int32_t>& values) {
    return nn::to_torch(weights::Tensor::of<std::int64_t>({1, kRowLength}, {values.begin(), values.end()}));
  };
  const auto& model = dynamic_cast<const Model&>(trimmed->model());
  const std::size_t third[] = {2};
  EXPECT_NEAR(model.loss({.ids_BT = tensor(row.input_ids), .mask_BT = tensor(row.attention_mask)}, tensor(row.labels))
                  .sum.item<double>(),
              loss_of(*trimmed, trimmed->collate(train::Split::train, third)), 1e-3);
}

TEST(LlasaRecipe, LearnsAFewRowsByHeartAndSpeaksOfThemInItsVoice) {
  const Scratch folder;
  write_rows(folder / "rows", small_tokenizer());
  const auto recipe = open(debug_config(), folder / "rows");
  train::TrainOptions options = loop_options(200);
  options.overfit = 3;
  options.valid_every_steps = 200;
  const train::Outcome outcome = train_with(*recipe, options, folder / "run");
  ASSERT_TRUE(outcome.overfit.has_value());
  EXPECT_TRUE(outcome.overfit->pass()) << outcome.best_loss;
  const std::vector<std::size_t> learned = first_items(3);
  const batch::Batch batch = recipe->collate(train::Split::train, learned);
  std::map<std::string, double> sums;
  {
    const at::NoGradGuard no_grad;
    for (const train::Term& term : recipe->validate(batch, {})) sums[term.name] = term.sum.item<double>();
  }
  EXPECT_GT(sums.at("top1"), 0.95 * batch.counts.at("codes"));
  EXPECT_GE(sums.at("top10"), sums.at("top1"));
  EXPECT_LE(sums.at("bigram_top10"), batch.counts.at("codes"));

  const auto voice = nlohmann::json::parse(read_file(folder / "run/voice/voice.json"));
  EXPECT_EQ(voice["front_end"], "tokenizer");
  EXPECT_EQ(voice["model"]["kind"], "llasa");
  EXPECT_EQ(voice["model"]["config"]["vocab_size"], small_tokenizer().size());
  EXPECT_EQ(voice["codec"]["codec"], "small_codec");
  EXPECT_EQ(voice["codec"]["hop_samples"], 320);
  EXPECT_EQ(voice["speaking"]["date"], "26 Jul 2024");
  EXPECT_GT(voice["speaking"]["frames_per_letter"]["medium"], 0);
  EXPECT_EQ(voice["provenance"]["rows"]["stretched"]["copies"], 3);
  EXPECT_EQ(voice["tokenizer"], tokenizer_facts(tokenizer::Tokenizer::read(folder / "run/voice/tokenizer")));
  const weights::TensorMap weights = weights::read_safetensors(folder / "run/voice/model.safetensors");
  EXPECT_TRUE(misfits(layout(dynamic_cast<const Model&>(recipe->model()).config()), weights).empty());
}

/// A Hugging Face folder of a network with fewer tokens than the rows have.
TEST(LlasaRecipe, GrowsABaseForAddedTokensAndRefusesAnotherTokenizer) {
  const Scratch folder;
  const tokenizer::Tokenizer tokenizer = small_tokenizer();
  Config config = debug_config();
  config.vocab_size = tokenizer.size();
  const nn::InitSeed seed(5);
  Model base(config);
  write_hf_folder(folder / "hf", {.config = config, .config_json = {}, .generation_json = {}, .notes = {}},
                  sources_of(base.state_dict()), {});
  tokenizer.write(folder / "hf");
  tokenizer::Tokenizer more = small_tokenizer();
  tokenizer::add_speed_tokens(more);
  write_rows(folder / "more", more);
  {
    const auto recipe = open(config, folder / "more");
    const train::StartReport report = recipe->start_from({.source = folder / "hf", .tensors = {}});
    const auto& model = dynamic_cast<const Model&>(recipe->model());
    ASSERT_EQ(model.embed_tokens.size(0), tokenizer.size() + 3);
    EXPECT_TRUE(model.embed_tokens.narrow(0, 0, tokenizer.size()).equal(base.embed_tokens));
    EXPECT_LT((model.embed_tokens[tokenizer.size() + 1] - base.embed_tokens.mean(0)).abs().max().item<double>(), 1e-6);
    EXPECT_EQ(report.new_values, 3 * config.hidden_size);
    // A voice of it is a base again, and knows its tokens without any folder.
    const std::int64_t rows = model.embed_tokens.size(0);
    recipe->write_voice(folder / "voice", recipe->model().state_dict(), {{"run", "x"}});
    const train::Base voice = train::open_base(folder / "voice");
    const auto again = open(config, folder / "more");
    EXPECT_EQ(again->start_from(voice).new_values, 0);
    EXPECT_EQ(rows, tokenizer.size() + 3);
    write_rows(folder / "fewer", tokenizer);
    Config large = config;
    large.vocab_size = static_cast<std::int64_t>(rows);
    const auto fewer = open(large, folder / "fewer");
    EXPECT_THAT(message_of<DataError>([&] { fewer->start_from(voice); }), HasSubstr("of another tokenizer"));
  }
  write_rows(folder / "other", small_tokenizer(40, "zzz zzz qqq qqq"));
  const auto recipe = open(config, folder / "other");
  EXPECT_THAT(message_of<DataError>([&] { recipe->start_from({.source = folder / "hf", .tensors = {}}); }),
              HasSubstr("the rows are of another tokenizer than this base's: token 25"));
}

/// Only the adapters move; the voice has them merged, and beside it as peft's folder.
TEST(LlasaRecipe, TrainsAdaptersAlone) {
  const Scratch folder;
  write_rows(folder / "rows", small_tokenizer());
  Config config = debug_config();
  config.lora.r = 2;
  config.lora.alpha = 4;
  const auto recipe = open(config, folder / "rows");
  const weights::TensorMap before = recipe->model().state_dict();
  train_with(*recipe, loop_options(3), folder / "run");
  for (const auto& [name, tensor] : recipe->model().state_dict())
    EXPECT_EQ(std::ranges::equal(tensor.raw(), before.at(name).raw()), name.find(".lora_") == std::string::npos)
        << name;
  const Adapter adapter = read_adapter(folder / "run/voice/adapter");
  EXPECT_EQ(adapter.options.r, 2);
  check_adapter(adapter, debug_config(), "", "the run's adapter");
  const weights::TensorMap voice = weights::read_safetensors(folder / "run/voice/model.safetensors");
  EXPECT_FALSE(std::ranges::equal(voice.at("model.layers.0.self_attn.q_proj.weight").raw(),
                                  before.at("model.layers.0.self_attn.q_proj.weight").raw()));
  EXPECT_TRUE(std::ranges::equal(voice.at("model.layers.0.self_attn.k_proj.weight").raw(),
                                 before.at("model.layers.0.self_attn.k_proj.weight").raw()));
  // From the run's checkpoint: with adapters they go on, without they are merged.
  const train::Base base = train::open_base(folder / "run");
  const auto on = open(config, folder / "rows");
  EXPECT_EQ(on->start_from(base).new_values, 0);
  const auto whole = open(debug_config(), folder / "rows");
  whole->start_from(base);
  const weights::TensorMap merged = whole->model().state_dict();
  for (const auto& [name, tensor] : voice) {
    const std::vector<float> want = tensor.to_f32(), got = merged.at(name).to_f32();
    for (std::size_t i = 0; i < want.size(); ++i) ASSERT_NEAR(got[i], want[i], 1e-7) << name;
  }
}

/// peft's folder beside a voice goes on, on its own base and on no other.
TEST(LlasaRecipe, GoesOnWithAdaptersOfItsOwnBaseOnly) {
  const Scratch folder;
  write_rows(folder / "rows", small_tokenizer());
  const auto base = open(debug_config(), folder / "rows");
  base->write_voice(folder / "base", base->model().state_dict(), {{"run", "base"}});
  Config config = debug_config();
  config.lora.r = 3;
  config.lora.targets = {"o_proj"};
  const auto first = open(config, folder / "rows");
  first->start_from(train::open_base(folder / "base"));
  train_with(*first, loop_options(2), folder / "run");
  config = debug_config();
  config.adapter = (folder / "run/voice/adapter").string();
  const auto on = open(config, folder / "rows");
  EXPECT_EQ(on->start_from(train::open_base(folder / "base")).new_values, 0);
  const weights::TensorMap want = first->model().state_dict(), got = on->model().state_dict();
  for (const auto& [name, tensor] : want) EXPECT_TRUE(weights::same(tensor, got.at(name))) << name;
  const auto other = open(config, folder / "rows");
  EXPECT_THAT(message_of<DataError>([&] { other->start_from(train::open_base(folder / "run/voice")); }),
              HasSubstr("this adapter is for another base"));
}

TEST(LlasaRecipe, RefusesRowsThatTeachNothingOrAreOfOtherIds) {
  const Scratch folder;
  const tokenizer::Tokenizer tokenizer = small_tokenizer();
  write_rows(folder / "short", tokenizer);
  Config config = debug_config();
  config.row_length = 90;  // the template alone leaves no room
  EXPECT_THAT(message_of<DataError>([&] { open(config, folder / "short"); }),
              HasSubstr("train: none of 10 rows has anything to learn within 90 tokens"));

  write_rows(folder / "cut", tokenizer, 4, 0);
  resize_file(folder / "cut" / "train_input_ids.memmap", 4 * kRowLength * 3);
  EXPECT_THAT(message_of<DataError>([&] { open(debug_config(), folder / "cut"); }),
              HasSubstr("holds 3072 bytes, and train_input_ids_shape.npy says 4 rows of 256 ids"));

  write_rows(folder / "past", small_tokenizer(60), 30, 0);
  small_tokenizer(30).write(folder / "past" / "tokenizer");
  EXPECT_THAT(message_of<DataError>([&] { open(debug_config(), folder / "past"); }),
              HasSubstr("rows of another tokenizer"));

  fs::remove_all(folder / "short" / "tokenizer");
  EXPECT_THAT(message_of<DataError>([&] { open(debug_config(), folder / "short"); }),
              HasSubstr("there is no tokenizer beside the rows"));

  const tokenizer::SpeechRows rows(tokenizer);
  write_rows(folder / "endless", tokenizer, 2, 0);
  corpus::MemmapRowsWriter writer(folder / "endless", "train", 60);
  std::vector<std::int32_t> ids = row_ids(rows, 5);
  ids.pop_back();
  writer.add(rows.fitted(ids, 60));
  writer.commit();
  EXPECT_THAT(message_of<DataError>([&] { open(debug_config(), folder / "endless"); }), HasSubstr("no end of speech"));
  config = debug_config();
  config.cut_rows = "keep";
  EXPECT_EQ(open(config, folder / "endless")->items(train::Split::train).size(), 1u);
}

/// A run that goes on with other rows under it would go on wrongly without a word.
TEST(LlasaRecipe, ContinuesOnTheSameRowsOnly) {
  const Scratch folder;
  const tokenizer::Tokenizer tokenizer = small_tokenizer();
  write_rows(folder, tokenizer);
  const auto recipe = open(debug_config(), folder);
  const nlohmann::json about = recipe->about();
  Recipe same(debug_config());
  same.open({.corpus = folder, .continued = about});
  write_rows(folder, tokenizer, 9, 3);
  Recipe other(debug_config());
  EXPECT_THAT(message_of<DataError>([&] { other.open({.corpus = folder, .continued = about}); }),
              HasSubstr("its rows are not those this run was started with (train_hash"));
}

}  // namespace
}  // namespace timbre::llasa
