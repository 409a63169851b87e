#include "models/valle/model.h"

#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "models/valle/layout.h"
#include "models/valle/model_for_test.h"
#include "models/valle/model_losses.h"
#include "models/valle/model_transformer.h"
#include "nn/init.h"
#include "support/messages.h"

namespace timbre::valle {
namespace {

Config tiny() {
  Config config = tiny_config();
  config.num_quantizers = 4;
  return config;
}

Tensor numbers(at::IntArrayRef shape, std::int64_t below, std::uint64_t seed) {
  const nn::InitSeed init(seed);
  return nn::init_uniform(shape, 0, static_cast<double>(below) - 1e-3).to(at::kLong);
}

Inputs batch_of(const Config& config) {
  return {.text_BX = numbers({3, 6}, config.text_rows, 1),
          .text_lens_B = {6, 4, 1},
          .codes_BYQ = numbers({3, 16, config.num_quantizers}, config.codebook_size, 2),
          .code_lens_B = {16, 9, 12}};
}

void expect_layout(const Config& config, const nn::Module& model) {
  std::vector<std::string> want, got;
  for (const Slot& slot : layout(config))
    if (slot.tied_to.empty()) want.push_back(slot.name + " " + weights::shape_text(slot.shape));
  for (const auto& [name, tensor] : model.named_state()) got.push_back(name + " " + nn::shape_text(tensor.sizes()));
  std::sort(want.begin(), want.end());
  std::sort(got.begin(), got.end());
  EXPECT_EQ(got, want);
}

TEST(ValleModel, HoldsWhatItsLayoutSays) {
  Config config = tiny();
  expect_layout(config, Valle(config));
  config.add_prenet = config.prepend_bos = config.share_embedding = true;
  config.norm_first = false;
  config.scale_factor = 0.5;
  expect_layout(config, Valle(config));
  config.model_name = "VALL-F";
  expect_layout(config, Valle(config));
  config.model_name = "valle";
  config.languages = {"en", "zh"};
  expect_layout(config, Valle(config));
  config = tiny();
  config.model_name = "transformer";
  expect_layout(config, MelTransformer(config));
  config.scaling_xformers = true;
  expect_layout(config, MelTransformer(config));
}

TEST(ValleModel, CountsTheParametersOfThePublishedSizes) {
  const auto count = [](const Config& config) {
    std::int64_t sum = 0;
    for (const Slot& slot : layout(config)) {
      std::int64_t numel = slot.tied_to.empty() && slot.learned ? 1 : 0;
      for (const auto n : slot.shape) numel *= n;
      sum += numel;
    }
    return sum;
  };
  Config config;
  apply_lifeiteng(config);
  EXPECT_EQ(count(config), 367386628);
  apply_vallex(config);
  EXPECT_EQ(count(config), 370539524);
  config.share_embedding = false;
  EXPECT_EQ(count(config), 376830980);
}

TEST(ValleModel, PaddingChangesNoLogitsOfItsUtterance) {
  for (const char* name : {"valle", "vallf"}) {
    Config config = tiny();
    config.model_name = name;
    config.prepend_bos = true;
    const nn::InitSeed seed(3);
    Valle model(config);
    model.eval();
    const Inputs all = batch_of(config);
    const NarDraws draws{.stage = 2, .prefix = 2};
    const Outputs together = model.forward(all, Stage::both, draws);
    for (std::int64_t b = 0; b < 3; ++b) {
      const auto i = static_cast<std::size_t>(b);
      const std::int64_t text = all.text_lens_B[i], frames = all.code_lens_B[i];
      const Inputs alone{.text_BX = all.text_BX.narrow(0, b, 1).narrow(1, 0, text),
                         .text_lens_B = {text},
                         .codes_BYQ = all.codes_BYQ.narrow(0, b, 1).narrow(1, 0, frames),
                         .code_lens_B = {frames}};
      const Outputs one = model.forward(alone, Stage::both, draws);
      const auto far = [&](const Tensor& a, const Tensor& b_whole) {
        return (a - b_whole.narrow(0, b, 1).narrow(1, 0, a.size(1))).abs().max().item<double>();
      };
      EXPECT_LT(far(one.ar_logits_BYV, together.ar_logits_BYV), 1e-5) << name << b;
      EXPECT_LT(far(one.nar_logits_BYV, together.nar_logits_BYV), 1e-5) << name << b;
    }
  }
}

TEST(ValleModel, TheArPartHearsNoFrameThatIsYetToCome) {
  const Config config = tiny();
  const nn::InitSeed seed(4);
  Valle model(config);
  model.eval();
  Inputs in = batch_of(config);
  const Tensor before = model.forward(in, Stage::ar, {}).ar_logits_BYV;
  in.codes_BYQ = in.codes_BYQ.clone();
  in.codes_BYQ.select(2, 0).select(1, 7).add_(1).remainder_(config.codebook_size);
  const Tensor after = model.forward(in, Stage::ar, {}).ar_logits_BYV;
  EXPECT_LT((before - after).narrow(1, 0, 7).abs().max().item<double>(), 1e-6);
  EXPECT_GT((before - after).narrow(1, 7, 9).abs().max().item<double>(), 1e-3);
}

TEST(ValleModel, AgreesWithFiniteDifferences) {
  for (const std::int64_t mode : {0, 1, 2, 4}) {
    Config config = tiny();
    config.prefix_mode = mode;
    config.languages = {"en", "it"};
    const nn::InitSeed seed(5);
    Valle model(config);
    Inputs in = batch_of(config);
    in.prompts_BYQ = numbers({3, 5, config.num_quantizers}, config.codebook_size, 6);
    in.language_BX = at::full({1, 1}, 1, at::kLong);
    const NarDraws draws{.stage = 2, .prefix = 3, .starts_B = {1, 0, 5}};
    model.forward(in, Stage::both, draws).loss.backward();
    const at::NoGradGuard no_grad;
    double slope = 0;
    std::vector<Tensor> steps;
    for (const auto& [name, parameter] : model.named_parameters()) {
      const Tensor step = nn::init_normal(parameter.sizes(), 0, 1) * (parameter.grad().defined() ? 1.0 : 0.0);
      if (parameter.grad().defined()) slope += (step * parameter.grad()).sum().item<double>();
      steps.push_back(step);
    }
    constexpr double kStep = 2e-4;
    const auto loss_at = [&](double moved) {
      std::size_t i = 0;
      for (const auto& [name, parameter] : model.named_parameters()) Tensor(parameter).add_(steps[i++], moved);
      const double loss = model.forward(in, Stage::both, draws).loss.item<double>();
      i = 0;
      for (const auto& [name, parameter] : model.named_parameters()) Tensor(parameter).sub_(steps[i++], moved);
      return loss;
    };
    // a loss of about 100 in 32-bit numbers: 1e-5 / 4e-4 = 0.03 of rounding
    EXPECT_NEAR((loss_at(kStep) - loss_at(-kStep)) / (2 * kStep), slope, 0.02 * std::abs(slope) + 0.3) << mode;
  }
}

TEST(ValleModel, TopTenCountsNoPadding) {
  Tensor logits = nn::init_constant({1, 3, 21}, 0.0);
  for (std::int64_t v = 0; v < 21; ++v) logits.select(2, v).fill_(static_cast<double>(v));
  Tensor target = at::full({1, 3}, 11, at::kLong);  // ten are better than 10, nine than 11
  EXPECT_EQ(top10_accuracy(logits, target, 20), 1.0);
  target.select(1, 0).fill_(10);
  EXPECT_EQ(top10_accuracy(logits, target, 20), 2.0 / 3.0);
  target.select(1, 1).fill_(20);  // the end: counts for nothing
  EXPECT_EQ(top10_accuracy(logits, target, 20), 0.5);
}

TEST(ValleModel, RefusesWhatItCannotLearnFrom) {
  const Config config = tiny();
  Valle model(config);
  const auto with = [&](const auto& change) {
    Inputs in = batch_of(config);
    change(in);
    return testing_support::message_of<DataError>([&] { model.forward(in, Stage::both, {.stage = 1, .prefix = 3}); });
  };
  EXPECT_EQ(with([](Inputs&) {}), "");
  EXPECT_EQ(with([](Inputs& in) { in.codes_BYQ[1][4][2] = 20; }),
            "utterance 1 of the batch, frame 4, codebook 2: code 20 is outside the codebook, whose codes are 0 to 19");
  EXPECT_EQ(with([](Inputs& in) { in.codes_BYQ[1][9][2] = 20; }), "");  // padding
  EXPECT_EQ(with([](Inputs& in) { in.text_BX[0][3] = 12; }), "token 12 is outside the text table, which has 12 rows");
  EXPECT_EQ(with([](Inputs& in) { in.text_lens_B[2] = 0; }), "a text of this batch has no tokens");
  EXPECT_EQ(with([](Inputs& in) { in.code_lens_B[1] = 3; }),
            "an utterance of 3 frames is no longer than the prompt of 3");
  EXPECT_EQ(with([](Inputs& in) { in.codes_BYQ = in.codes_BYQ.narrow(2, 0, 3); }),
            "the codes have 3 codebooks, the model needs 4");
}

}  // namespace
}  // namespace timbre::valle
