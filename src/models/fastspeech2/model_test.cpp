#include "models/fastspeech2/model.h"

#include <ATen/Parallel.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <gtest/gtest.h>

#include "batch/collate.h"
#include "models/fastspeech2/recipe.h"
#include "nn/dropout.h"
#include "nn/init.h"
#include "train/optim.h"

namespace timbre::fastspeech2 {
namespace {

const Statistics kPitch{-2, 3, 200, 40}, kEnergy{-2, 3, 50, 20};

std::int64_t stored_numbers(const FastSpeech2& model) {
  std::int64_t n = 0;
  for (const auto& named : model.named_state()) {
    if (!named.name.ends_with("running_mean") && !named.name.ends_with("running_var") &&
        !named.name.ends_with("num_batches_tracked"))
      n += named.tensor.numel();
  }
  return n;
}

Config preset(void (*apply)(Config&)) {
  Config config;
  apply(config);
  return config;
}

TEST(FastSpeech2Model, Ming024HasThePublishedSize) {
  const FastSpeech2 model(preset(apply_ming024), 361, 1, kPitch, kEnergy);
  EXPECT_EQ(stored_numbers(model), 35159361);
}

TEST(FastSpeech2Model, SmallStaysBelowFiveMillion) {
  const FastSpeech2 model(preset(apply_small), 120, 1, kPitch, kEnergy);
  EXPECT_LT(model.parameter_count(), 5000000);
  EXPECT_GT(model.parameter_count(), 2000000);
}

Inputs text_of(const std::vector<std::vector<std::int64_t>>& rows) {
  Inputs in;
  std::vector<std::int64_t> lengths;
  for (const auto& row : rows) lengths.push_back(static_cast<std::int64_t>(row.size()));
  in.text_BP = batch::pad_ids(rows);
  in.text_lens_B = batch::to_lengths(lengths);
  return in;
}

/// A debug model whose duration predictor says about 5 frames a phone.
std::unique_ptr<FastSpeech2> speaking_model() {
  const nn::InitSeed seed(7);
  auto model = std::make_unique<FastSpeech2>(preset(apply_debug), 20, 1, kPitch, kEnergy);
  const at::NoGradGuard no_grad;
  for (const auto& [name, tensor] : model->named_parameters()) {
    if (name == "variance_adaptor.duration_predictor.linear_layer.bias") Tensor(tensor).fill_(1.8);
  }
  model->eval();
  return model;
}

TEST(FastSpeech2Model, PaddingChangesNothing) {
  const auto model = speaking_model();
  const at::NoGradGuard no_grad;
  const std::vector<std::int64_t> brief = {3, 4, 5}, wordy = {6, 7, 8, 9, 10, 11, 12, 3, 4};
  const Outputs alone = model->forward(text_of({brief})), together = model->forward(text_of({brief, wordy}));
  const std::int64_t frames = alone.mel_BFM.size(1);
  ASSERT_EQ(together.mel_lens_B[0].item<std::int64_t>(), frames);
  EXPECT_TRUE(at::allclose(together.mel_BFM[0].narrow(0, 0, frames), alone.mel_BFM[0], 1e-4, 1e-5));
}

TEST(FastSpeech2Model, SpeedChangesTheLengthInProportion) {
  const auto model = speaking_model();
  const at::NoGradGuard no_grad;
  Inputs in = text_of({{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}});
  const auto frames = [&](double factor) {
    in.factors.duration = factor;
    return static_cast<double>(model->forward(in).mel_BFM.size(1));
  };
  const double plain = frames(1);
  EXPECT_GT(plain, 24);
  EXPECT_NEAR(frames(1.1) / plain, 1.1, 1.0 / plain);  // rounding each phone alone would change nothing
  EXPECT_NEAR(frames(2) / plain, 2, 1.0 / plain);
}

TEST(FastSpeech2Model, PitchFactorIsInHertz) {
  const auto model = speaking_model();
  const at::NoGradGuard no_grad;
  Inputs in = text_of({{3, 4, 5}});
  const Tensor plain = model->forward(in).pitch * kPitch.deviation + kPitch.mean;
  in.factors.pitch = 1.5;
  const Tensor raised = model->forward(in).pitch * kPitch.deviation + kPitch.mean;
  EXPECT_TRUE(at::allclose(raised, plain * 1.5, 1e-4));
}

TEST(FastSpeech2Model, SpeaksBeyondThePositionTable) {
  Config config = preset(apply_debug);
  config.max_frames = 16;
  FastSpeech2 model(config, 20, 1, kPitch, kEnergy);
  model.eval();
  const at::NoGradGuard no_grad;
  Inputs in = text_of({std::vector<std::int64_t>(30, 5)});
  in.durations_BP = at::full({1, 30}, 2, at::kLong);
  in.pitch = in.energy = at::full({1, 30}, 0.5);
  EXPECT_EQ(model.forward(in).mel_BFM.size(1), 60);
}

batch::Batch tiny_batch(const Config& config) {
  batch::Batch b;
  b.put("text_BP", batch::pad_ids({{1, 2, 3, 4}, {4, 3, 2}}));
  b.put("text_lens_B", batch::to_lengths({4, 3}));
  b.put("speaker_B", batch::to_lengths({0, 0}));
  b.put("durations_BP", batch::pad_ids({{3, 5, 2, 6}, {4, 4, 4}}));
  b.put("mel_lens_B", batch::to_lengths({16, 12}));
  std::vector<float> mel(static_cast<std::size_t>(2 * 16 * config.mel.mels));
  for (std::size_t i = 0; i < mel.size(); ++i) mel[i] = static_cast<float>(i * 37 % 101) / 50.0f - 4.0f;
  const std::span<const float> all(mel);
  const auto half = static_cast<std::size_t>(16 * config.mel.mels);
  b.put("mel_BFM",
        batch::pad_frames({all.subspan(0, half), all.subspan(half, static_cast<std::size_t>(12 * config.mel.mels))},
                          config.mel.mels));
  b.put("pitch", batch::pad_floats({{0.1f, -1, 2, 0.4f}, {1, 0, -1}}));
  b.put("energy", batch::pad_floats({{0.5f, 1, 0, -0.4f}, {0, 1, -1}}));
  b.counts = {{"items", 2}, {"phones", 7}, {"frames", 28}, {"mel_values", 28.0 * static_cast<double>(config.mel.mels)}};
  return b;
}

TEST(FastSpeech2Model, LearnsOneBatchByHeart) {
  Config config = preset(apply_debug);
  config.encoder.dropout = config.decoder.dropout = config.variance.dropout = 0;
  const nn::InitSeed seed(3);
  at::set_num_threads(1);  // operations this small only wait for each other
  FastSpeech2 model(config, 6, 1, kPitch, kEnergy);
  const batch::Batch b = tiny_batch(config);
  train::Optimiser optimiser({}, train::make_groups(model.named_parameters(), {}));
  double first = 0, last = 0;
  for (int step = 0; step < 250; ++step) {
    Tensor total;
    for (const auto& term : loss_terms(config, model.forward(inputs_of(b, 16)), b)) {
      const Tensor mean = term.sum * (term.weight / b.counts.at(term.unit));
      total = total.defined() ? total + mean : mean;
    }
    last = total.item<double>();
    if (step == 0) first = last;
    total.backward();
    optimiser.step(2e-3);
    optimiser.zero_gradients();
  }
  EXPECT_LT(last, 0.15 * first);
}

TEST(CarryOver, KeepsRowsBySymbolAndSaysWhatIsNew) {
  const nn::InitSeed seed(5);
  const Config config = preset(apply_debug);
  const Vocabulary theirs{{"_", "a", "t", "AA1"}, {"ann"}}, ours{{"_", "t", "ˈɑː", "ʘ"}, {"bob"}};
  const FastSpeech2 old(config, 4, 1, kPitch, kEnergy);
  FastSpeech2 fresh(config, 4, 1, kPitch, kEnergy);
  const auto report = carry_over(
      fresh, ours, {"voices/ann", old.state_dict(), {{"symbols", theirs.symbols}, {"speakers", theirs.speakers}}});
  const auto rows = nn::to_torch(fresh.state_dict().at("encoder.src_word_emb.weight")),
             from = nn::to_torch(old.state_dict().at("encoder.src_word_emb.weight"));
  EXPECT_TRUE(at::allclose(rows[1], from[2]));
  EXPECT_TRUE(at::allclose(rows[2], from[3]) || at::allclose(rows[2], from[1]))
      << "ˈɑː from AA1, or its plainer spelling";
  EXPECT_FALSE(at::allclose(rows[3], from[1]));
  ASSERT_FALSE(report.lines.empty());
  EXPECT_EQ(report.lines[0], "symbols: 1 of 3 kept; from a near one: ˈɑː; new: ʘ");
  EXPECT_EQ(report.new_values, 64);
}

// "k" is a Mandarin initial in ming024's table: an English checkpoint has its sound in the row "K", a Mandarin one in
// "k".
TEST(CarryOver, IpaPhonesStartFromTheRowsThatWereTrained) {
  const nn::InitSeed seed(5);
  const Config config = preset(apply_debug);
  const Vocabulary theirs{{"_", "k", "K", "AA1"}, {"ann"}}, ours{{"_", "k"}, {"bob"}};
  const FastSpeech2 old(config, 4, 1, kPitch, kEnergy);
  const auto from = nn::to_torch(old.state_dict().at("encoder.src_word_emb.weight"));
  for (const auto& [front_end, row] : {std::pair{"ming024:english", 2}, std::pair{"ming024:mandarin", 1}}) {
    FastSpeech2 fresh(config, 2, 1, kPitch, kEnergy);
    carry_over(fresh, ours,
               {"voices/ann",
                old.state_dict(),
                {{"symbols", theirs.symbols}, {"speakers", theirs.speakers}, {"front_end", front_end}}});
    EXPECT_TRUE(at::allclose(nn::to_torch(fresh.state_dict().at("encoder.src_word_emb.weight"))[1], from[row]))
        << front_end;
  }
}

}  // namespace
}  // namespace timbre::fastspeech2
