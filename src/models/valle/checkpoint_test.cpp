#include "models/valle/checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include <numeric>

#include "base/error.h"
#include "models/valle/convert.h"
#include "models/valle/draws.h"
#include "models/valle/layout.h"
#include "models/valle/model_for_test.h"
#include "models/valle/totals.h"
#include "models/valle/vocabulary.h"
#include "support/messages.h"
#include "weights/torch_file.h"

namespace timbre::valle {
namespace {

using weights::Tensor;
using weights::TensorMap;
using weights::Value;

/// A network of that layout, every number another; ties share their bytes.
TensorMap tensors_of(const Config& config) {
  TensorMap out;
  float next = 0;
  for (const Slot& slot : layout(config)) {
    if (!slot.tied_to.empty()) {
      out.insert(slot.name, out.at(slot.tied_to));
      continue;
    }
    std::int64_t count = 1;
    for (const auto n : slot.shape) count *= n;
    if (slot.integer) {
      out.insert(slot.name, Tensor::of<std::int64_t>(slot.shape, std::vector<std::int64_t>(1, 5)));
      continue;
    }
    std::vector<float> values(static_cast<std::size_t>(count));
    std::iota(values.begin(), values.end(), next += 0.5f);
    out.insert(slot.name, Tensor::of<float>(slot.shape, values));
  }
  return out;
}

Config tiny() {
  Config config = tiny_config();
  config.decoder_dim = 8;
  config.codebook_size = 10;
  config.num_quantizers = 4;
  config.text_rows = 16;
  config.share_embedding = true;
  config.dropout = 0.1;  // which the file has no place for
  return config;
}

/// As a trainer leaves it.
Value root_of(const Config& config) {
  Checkpoint checkpoint;
  checkpoint.config = config;
  checkpoint.model = tensors_of(config);
  checkpoint.parameters.put("cur_epoch", 3);
  set_parameters(checkpoint.parameters, config);
  Value::Opaque path{.class_name = "pathlib.PosixPath",
                     .arguments = std::make_shared<Value>(Value::tuple({Value("exp"), Value("valle")}))};
  Value root = to_value(checkpoint);
  root.put("exp_dir", Value::opaque(path));
  return root;
}

TEST(ValleCheckpoint, KeepsOptionsTiesAndRunParameters) {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("timbre-valle-{}", ::getpid());
  std::filesystem::create_directories(folder);
  for (const bool languages : {false, true}) {
    Config config = tiny();
    config.scale_factor = 0.5;
    config.add_prenet = config.prepend_bos = true;
    if (languages) config.languages = {"en", "zh", "ja"};
    const Checkpoint read = parse_checkpoint(root_of(config), "memory");
    Config same = config, got = read.config;
    same.front_end = got.front_end;
    same.codec = got.codec;
    same.prompt_frames = got.prompt_frames;
    EXPECT_EQ(config::to_json(got.fields()), config::to_json(same.fields()));
    EXPECT_EQ(read.line(), languages ? Line::vallex : Line::lifeiteng);
    EXPECT_EQ(read.parameter("exp_dir")->as_text(), "exp/valle");
    ASSERT_EQ(read.notes.size(), 1u);
    EXPECT_EQ(read.notes[0], "exp_dir: pathlib.PosixPath → its text");

    const auto file = folder / (languages ? "x.pt" : "l.pt");
    write_checkpoint(file, read);
    const Checkpoint again = read_checkpoint(file);
    EXPECT_TRUE(weights::same(to_value(again), to_value(read)));
    const auto& table = again.model.at("nar_audio_embeddings.2.word_embeddings.weight");
    EXPECT_EQ(again.model.at("nar_predict_layers.0.weight").data, table.data);  // one storage
    EXPECT_TRUE(looks_like_checkpoint(file, read.line()));
    EXPECT_FALSE(looks_like_checkpoint(file, languages ? Line::lifeiteng : Line::vallex));
  }
  std::filesystem::remove_all(folder);
}

TEST(ValleCheckpoint, ShapesDecideOverRunParameters) {
  Value root = root_of(tiny());
  root.put("add_prenet", true);  // what the fork's option parser makes of --add-prenet false
  root.put("num_decoder_layers", 12);
  const Checkpoint read = parse_checkpoint(root, "memory");
  EXPECT_FALSE(read.config.add_prenet);
  EXPECT_EQ(read.config.num_decoder_layers, 2);
  EXPECT_EQ(read.notes[1], "add_prenet is false by the shapes of the tensors; the run parameter says true");
}

TEST(ValleCheckpoint, TakesAwayThePrefixOfParallelTraining) {
  Value root = root_of(tiny());
  Value wrapped = Value::dict({}, true);
  for (const auto& [name, tensor] : root.at("model").as_dict()) wrapped.put("module." + name.as_text(), tensor);
  root.put("model", wrapped);
  EXPECT_TRUE(parse_checkpoint(root, "memory").model.contains("ar_predict_layer.weight"));
}

TEST(ValleCheckpoint, NamesEveryTensorThatDoesNotFit) {
  const Config config = tiny();
  Value root = root_of(config);
  TensorMap model = tensors_of(config);
  model.erase("ar_decoder.norm.bias");
  model.set("nar_stage_embeddings.0.word_embeddings.weight", Tensor::of<float>({2, 8}, std::vector<float>(16)));
  model.insert("extra.weight", Tensor::of<float>({1}, {1.0f}));
  model.set("nar_predict_layers.1.weight", Tensor::of<float>({10, 8}, std::vector<float>(80)));
  root.put("model", Value::state_dict(model));
  const std::string said = testing_support::message_of<DataError>([&] { parse_checkpoint(root, "bad.pt"); });
  EXPECT_EQ(said,
            "bad.pt: 4 tensors do not fit the network that its run parameters and shapes describe:\n"
            "  ar_decoder.norm.bias: missing\n"
            "  nar_predict_layers.1.weight: must be the same numbers as nar_audio_embeddings.3.word_embeddings.weight, "
            "of which it is another name\n"
            "  nar_stage_embeddings.0.word_embeddings.weight: [1, 8] expected, the file has [2, 8]\n"
            "  extra.weight: unknown");
  EXPECT_EQ(parse_checkpoint(root, "bad.pt", {.strict = false}).notes.size(), 5u);
  EXPECT_EQ(testing_support::message_of<DataError>([] { parse_checkpoint(Value::dict(), "x"); }),
            "x: no \"model\" in it, so no checkpoint of a VALL-E trainer");
}

TEST(ValleCheckpoint, FitsTextTablesAndSaysWhatWasKept) {
  Config config = tiny();
  TensorMap model = tensors_of(config);
  const auto before = model.at("ar_text_embedding.word_embeddings.weight").to_f32();
  EXPECT_EQ(fit_text_rows(model, 6).front(),
            "ar_text_embedding.word_embeddings.weight: rows 0 to 5 of 16 kept, the others dropped");
  const auto cut = model.at("ar_text_embedding.word_embeddings.weight").to_f32();
  EXPECT_TRUE(std::equal(cut.begin(), cut.end(), before.begin()));
  config.text_rows = 9;
  EXPECT_EQ(fit_text_rows(model, 9, tensors_of(config)).front(),
            "ar_text_embedding.word_embeddings.weight: all 6 rows kept, rows 6 to 8 new (drawn at random)");
  const auto longer = model.at("ar_text_embedding.word_embeddings.weight").to_f32();
  EXPECT_TRUE(std::equal(cut.begin(), cut.end(), longer.begin()));
  EXPECT_NE(longer.back(), 0.0f);
  EXPECT_TRUE(fit_text_rows(model, 9).empty());
}

TEST(ValleVocabulary, KnowsTheOtherLinesSymbols) {
  Config config = tiny();
  const std::vector<std::string> collater = {"<pad>", "<bos>", "<eos>", "!", "a"}, bpe = {"[UNK]", "[CLS]", "a"};
  EXPECT_NO_THROW(check_symbols(config, "phonemizer:en-us", collater, "x"));
  EXPECT_NO_THROW(check_symbols(config, "vallex:en", bpe, "x"));
  EXPECT_EQ(testing_support::message_of<DataError>([&] { check_symbols(config, "vallex:en", collater, "x"); }),
            "x: the front end vallex:en makes characters of VALL-E X's tokenizer, but the symbols are those of "
            "lifeiteng's collater");
  EXPECT_EQ(testing_support::message_of<DataError>([&] { check_symbols(config, "phonemizer:en-us", bpe, "x"); }),
            "x: the symbols are those of VALL-E X's tokenizer, but the front end phonemizer:en-us makes other tokens");
  config.text_rows = 4;
  EXPECT_EQ(testing_support::message_of<DataError>([&] { check_symbols(config, "phonemizer:en-us", collater, "x"); }),
            "x: 5 symbols, but the text tables have 4 rows");
}

TEST(ValleDraws, PrefixRangesOfBothLines) {
  Config config = tiny();
  EXPECT_EQ(prefix_range(config, 13), (std::pair<std::int64_t, std::int64_t>(3, 6)));
  config.languages = {"en"};
  EXPECT_EQ(prefix_range(config, 13), (std::pair<std::int64_t, std::int64_t>(0, 6)));
  EXPECT_THROW(prefix_range(config, 3), DataError);
}

TEST(ValleTotals, PrintsAsTheTrainerDoes) {
  Totals totals;
  totals.add("frames", 36);
  totals.add("utterances", 3);
  totals.add("loss", 244.60122680664062);
  totals.add("ArTop10Accuracy", 12);
  EXPECT_EQ(totals.text(), "loss=6.794, ArTop10Accuracy=0.3333, over 36.00 frames. ");
  Totals sum = totals;
  sum *= 0.5;
  sum += totals;
  EXPECT_EQ(sum.text(), "loss=6.794, ArTop10Accuracy=0.3333, over 54.00 frames. ");
}

}  // namespace
}  // namespace timbre::valle
