#include "models/fastspeech2/model_torphix.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "batch/collate.h"
#include "models/fastspeech2/recipe.h"
#include "nn/init.h"

namespace timbre::fastspeech2 {
namespace {

Config tiny(const std::string& compat) {
  Config config;
  apply_torphix(config);
  config.compat = compat;
  config.encoder = {.layers = 1, .width = 8, .heads = 2, .filter = 6, .kernel = 5, .kernel_second = 5, .dropout = 0};
  config.decoder = {.layers = 1, .width = 80, .heads = 2, .filter = 6, .kernel = 5, .kernel_second = 5, .dropout = 0};
  config.variance.filter = 6;
  config.variance.dropout = config.postnet_dropout = 0;
  config.variance.bins = 8;
  config.postnet_layers = 4;
  config.postnet_filter_first = 4;
  config.postnet_filter = compat == "torphix-head" ? 6 : 4;
  config.max_frames = 40;
  return config;
}

std::unique_ptr<Torphix> made(const Config& config) {
  const nn::InitSeed seed(3);
  auto model = std::make_unique<Torphix>(config, 20, Statistics{-2, 2, 0, 1}, Statistics{-2, 2, 0, 1});
  model->eval();
  return model;
}

Inputs two_texts() {
  Inputs in;
  in.text_BP = batch::pad_ids({{3, 4, 5, 6}, {7, 8}});
  in.text_lens_B = batch::to_lengths({4, 2});
  in.durations_BP = batch::pad_ids({{3, 1, 2, 4}, {5, 2}});
  return in;
}

TEST(TorphixModel, ItsStateHasTheReferencesNames) {
  const auto has = [](const Torphix& model, const char* name) { return model.state_dict().contains(name); };
  const auto head = made(tiny("torphix-head")), march = made(tiny("torphix-19e23c5"));
  for (const char* name : {"encoder.phoneme_embedding.weight", "encoder.layers.0.post_layers.3.weight",
                           "variance_adaptor.pitch_predictor.layers.12.bias", "postnet.layers.1.running_var",
                           "postnet.layers.6.1.weight", "decoder.positional_enc.pe"}) {
    EXPECT_TRUE(has(*head, name)) << name;
    if (std::string(name) != "decoder.positional_enc.pe") EXPECT_FALSE(has(*march, name)) << name;
  }
  for (const char* name : {"phoneme_embedding.weight", "positional_encoding.pe", "encoder.layers.0.layer_norm.weight",
                           "variance_adaptor.pitch_predictor.layers.11.bias", "postnet.layers.0.layers.0.weight",
                           "postnet.layers.4.3.bias", "postnet.layers.5.0.layers.0.bias"}) {
    EXPECT_TRUE(has(*march, name)) << name;
    EXPECT_FALSE(has(*head, name)) << name;
  }
  // Table and positions 2, two stacks of 16 + 1, bins 2, three predictors of 12, embeddings 2, projection 2,
  // post-net 12.
  EXPECT_EQ(march->state_dict().names().size(), 90u);
}

TEST(TorphixModel, OnlyTheOlderTakesGivenDurationsForLogarithmsWhenItEvaluates) {
  const at::NoGradGuard no_grad;
  Inputs in = two_texts();
  EXPECT_EQ(made(tiny("torphix-head"))->forward(in).mel_BFM.size(1), 10);
  const auto march = made(tiny("torphix-19e23c5"));
  // round(e^3 - 1) + round(e - 1) + round(e^2 - 1) + round(e^4 - 1); the other text e^5 - 1, e^2 - 1 and e^0 - 1 = 0.
  EXPECT_EQ(march->forward(in).mel_BFM.size(1), std::max(19 + 2 + 6 + 54, 147 + 6));
  in.whole_durations = true;
  EXPECT_EQ(march->forward(in).mel_BFM.size(1), 10) << "our validation is spared it";
  in.whole_durations = false;
  march->train();
  EXPECT_EQ(march->forward(in).mel_BFM.size(1), 10);
}

TEST(TorphixModel, OnlyTheLastCommitForgetsThePostNetsInput) {
  const at::NoGradGuard no_grad;
  for (const char* compat : {"torphix-head", "torphix-19e23c5"}) {
    const auto model = made(tiny(compat));
    Tensor correction_BFM;
    model->probe = [&](const std::string& name, const Tensor& value) {
      if (name == "postnet") correction_BFM = value;
    };
    Inputs in = two_texts();
    in.whole_durations = true;
    const Outputs out = model->forward(in);
    const Tensor want_BFM = std::string(compat) == "torphix-head" ? correction_BFM : correction_BFM + out.mel_BFM;
    EXPECT_TRUE(at::allclose(out.mel_postnet_BFM, want_BFM)) << compat;
  }
}

TEST(TorphixModel, FrameLevelEmbeddingsReachNothing) {
  const at::NoGradGuard no_grad;
  Config config = tiny("torphix-head");
  config.variance.pitch_level = config.variance.energy_level = "frame";
  const auto model = made(config);
  Inputs in = two_texts();
  in.pitch = in.energy = at::full({2, 10}, -1.0);
  const Tensor one = model->forward(in).mel_BFM;
  in.pitch = in.energy = at::full({2, 10}, 1.0);
  EXPECT_TRUE(at::allclose(one, model->forward(in).mel_BFM));
}

TEST(TorphixModel, BucketsCountTheBoundariesStrictlyBelow) {
  const Tensor bins = at::tensor({-1.0, 0.0, 1.0}, at::TensorOptions(at::kFloat));
  const double nan = std::nan("");
  const Tensor got = torphix_bucket(at::tensor({-2.0, -1.0, -0.5, 0.0, 1.0, 7.0, nan}), bins);
  EXPECT_TRUE(at::allclose(got, at::tensor({0, 0, 1, 1, 2, 3, 0}, at::TensorOptions(at::kLong))));
}

TEST(TorphixModel, ATargetOfAsManyFramesAsBinsIsTurnedOnlyThere) {
  batch::Batch batch;
  batch.put("durations_BP", at::full({1, 1}, 80, at::TensorOptions(at::kLong)));
  batch.put("mel_BFM", at::randint(0, 9, {1, 80, 80}, at::TensorOptions(at::kFloat)));
  batch.put("pitch", at::full({1, 1}, 0.0));
  batch.put("energy", at::full({1, 1}, 0.0));
  Outputs out;
  out.mel_BFM = out.mel_postnet_BFM = batch["mel_BFM"];
  out.pitch = out.energy = out.log_duration_BP = at::full({1, 1}, 0.0);
  out.text_pad_BP = at::full({1, 1}, 0, at::TensorOptions(at::kBool));
  out.mel_pad_BF = at::full({1, 80}, 0, at::TensorOptions(at::kBool));
  const auto mel_loss = [&](const Config& config) { return loss_terms(config, out, batch).front().sum.item<double>(); };
  EXPECT_EQ(mel_loss(tiny("none")), 0);
  EXPECT_GT(mel_loss(tiny("torphix-head")), 0);
}

}  // namespace
}  // namespace timbre::fastspeech2
