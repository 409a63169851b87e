#include "models/llasa/model.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "models/llasa/model_generate.h"
#include "models/llasa/model_layers.h"
#include "models/llasa/model_open.h"
#include "nn/dropout.h"
#include "nn/init.h"

namespace timbre::llasa {
namespace {

Config tiny() {
  Config config;
  apply_debug(config);
  config.vocab_size = 50;
  config.hidden_size = 24;
  config.intermediate_size = 40;
  config.num_attention_heads = 6;
  config.num_key_value_heads = 2;
  config.head_dim = 4;
  config.max_position_embeddings = 200;
  config.initializer_range = 0.2;
  return config;
}

Tensor ids(std::int64_t rows, std::int64_t length, std::int64_t seed) {
  Tensor out = at::empty({rows, length}, at::TensorOptions().dtype(at::kLong));
  for (std::int64_t i = 0; i < out.numel(); ++i) out.view({-1})[i] = (i * 7 + seed * 13 + i * i % 11) % 50;
  return out;
}

double difference(const Tensor& a, const Tensor& b) { return (a - b).abs().max().item<double>(); }

Attend attend_of(std::int64_t batch, std::int64_t length) {
  Attend out{.batch = batch, .length = length, .first = {}, .seen = {}, .cos_NK = {}, .sin_NK = {}};
  const nn::InitSeed seed(3);
  const Tensor angle = nn::init_uniform({batch * length, 2}, -3, 3);
  out.cos_NK = angle.cos();
  out.sin_NK = angle.sin();
  return out;
}

/// The blocked form against the dense one, over several blocks, hidden keys, and packed utterances.
TEST(LlasaAttention, BlocksEqualTheDenseForm) {
  constexpr std::int64_t kBatch = 2, kLength = 150;
  for (const int variant : {0, 1, 2}) {
    Attend attend = attend_of(kBatch, kLength);
    if (variant == 1)
      for (std::int64_t i = 0; i < kBatch * kLength; ++i)
        attend.seen.push_back(i % kLength == 0 || i % 7 == 3 ? 0 : 1);  // the first query sees nothing at all
    if (variant == 2)
      for (std::int64_t i = 0; i < kBatch * kLength; ++i)
        attend.first.push_back(static_cast<std::int32_t>(i % kLength / 40 * 40));
    const nn::InitSeed seed(4);
    std::vector<Tensor> got, want;
    for (const bool blocked : {true, false}) {
      const nn::InitSeed same(5);
      const Tensor q = nn::init_normal({kBatch * kLength, 24}, 0, 1).requires_grad_(true);
      const Tensor k = nn::init_normal({kBatch * kLength, 8}, 0, 1).requires_grad_(true);
      const Tensor v = nn::init_normal({kBatch * kLength, 8}, 0, 1).requires_grad_(true);
      const Tensor out = blocked ? attention(q, k, v, 4, attend) : dense_attention(q, k, v, 4, attend);
      (out * out.detach().cos()).sum().backward();
      (blocked ? got : want) = {out.detach(), q.grad(), k.grad(), v.grad()};
    }
    for (std::size_t i = 0; i < got.size(); ++i) EXPECT_LT(difference(got[i], want[i]), 1e-5) << variant << " " << i;
  }
}

/// All gradients of a network, in single precision from our operators.
std::vector<std::pair<std::string, Tensor>> gradients(Model& model, const Rows& rows, const Tensor& labels,
                                                      const LossOptions& options, double factor) {
  for (const nn::Named& named : model.named_parameters()) named.tensor.mutable_grad() = Tensor();
  (model.loss(rows, labels, options).sum * factor).backward();
  std::vector<std::pair<std::string, Tensor>> out;
  for (const nn::Named& named : model.named_parameters())
    if (named.tensor.grad().defined()) out.emplace_back(named.name, named.tensor.grad());
  return out;
}

void expect_equal(const std::vector<std::pair<std::string, Tensor>>& got,
                  const std::vector<std::pair<std::string, Tensor>>& want, double bound) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    EXPECT_LT(difference(got[i].second, want[i].second), bound * (1e-3 + want[i].second.abs().max().item<double>()))
        << got[i].first;
}

Tensor labels_of(const Tensor& ids_BT) {
  Tensor out = ids_BT.clone();
  out.narrow(1, 0, 3).fill_(-100);
  return out;
}

TEST(LlasaModel, LossIsTorchsAndChunksChangeNothing) {
  const nn::InitSeed seed(1);
  Model model(tiny());
  const Rows rows{.ids_BT = ids(3, 20, 1), .mask_BT = {}, .positions_BT = {}, .utterances_BT = {}};
  const Tensor labels = labels_of(rows.ids_BT);
  const Tensor hidden = model.hidden(rows);
  const Tensor logits = model.logits(hidden).view({3, 20, 50}).narrow(1, 0, 19).reshape({-1, 50});
  const Tensor want = at::cross_entropy_loss(logits, labels.narrow(1, 1, 19).reshape({-1}), {}, 2);
  const Model::Loss got = model.loss(rows, labels);
  EXPECT_EQ(got.targets, 3 * 17);
  EXPECT_NEAR(got.sum.item<double>(), want.item<double>(), 1e-3);
  const auto whole = gradients(model, rows, labels, {}, 1.0 / 51);
  expect_equal(gradients(model, rows, labels, {.chunk_bytes = 7 * 50 * 4}, 1.0 / 51), whole, 1e-5);
  expect_equal(gradients(model, rows, labels, {.factor = 1.0 / 51}, 1.0 / 51), whole, 1e-5);
}

/// Finite differences along a random direction of every tensor.
TEST(LlasaModel, GradientsAreSlopes) {
  for (const bool tied : {true, false}) {
    Config config = tiny();
    config.tie_word_embeddings = tied;
    const nn::InitSeed seed(2);
    Model model(config);
    const Rows rows{.ids_BT = ids(2, 12, 2), .mask_BT = {}, .positions_BT = {}, .utterances_BT = {}};
    const Tensor labels = labels_of(rows.ids_BT);
    const auto slopes = gradients(model, rows, labels, {}, 1);
    for (const nn::Named& named : model.named_parameters()) {
      const auto found =
          std::find_if(slopes.begin(), slopes.end(), [&](const auto& s) { return s.first == named.name; });
      ASSERT_NE(found, slopes.end()) << named.name;
      const Tensor direction = found->second / found->second.norm();
      const double want = (found->second * direction).sum().item<double>();
      const at::NoGradGuard no_grad;
      constexpr double kStep = 1e-2;
      named.tensor.add_(direction, kStep);
      const double up = model.loss(rows, labels).sum.item<double>();
      named.tensor.add_(direction, -2 * kStep);
      const double down = model.loss(rows, labels).sum.item<double>();
      named.tensor.add_(direction, kStep);
      EXPECT_NEAR((up - down) / (2 * kStep), want, 0.02 * want + 0.02) << named.name;
    }
  }
}

TEST(LlasaModel, TwoMicroBatchesAddUp) {
  const nn::InitSeed seed(1);
  Model model(tiny());
  const Tensor all = ids(4, 16, 3), labels = labels_of(all);
  const auto rows = [&](std::int64_t from, std::int64_t count) {
    return Rows{.ids_BT = all.narrow(0, from, count), .mask_BT = {}, .positions_BT = {}, .utterances_BT = {}};
  };
  const auto want = gradients(model, rows(0, 4), labels, {}, 0.25);
  for (const nn::Named& named : model.named_parameters()) named.tensor.mutable_grad() = Tensor();
  for (const std::int64_t from : {0, 2}) (model.loss(rows(from, 2), labels.narrow(0, from, 2)).sum * 0.25).backward();
  std::vector<std::pair<std::string, Tensor>> got;
  for (const nn::Named& named : model.named_parameters()) got.emplace_back(named.name, named.tensor.grad());
  expect_equal(got, want, 1e-5);
}

TEST(LlasaModel, RecomputingChangesNothing) {
  Config config = tiny();
  config.lora = {.r = 3, .dropout = 0.3, .targets = {"q_proj", "down_proj"}};
  for (const bool adapters : {false, true}) {
    if (!adapters) config.lora.r = 0;
    config.lora.r = adapters ? 3 : 0;
    config.recompute = false;
    std::vector<std::vector<std::pair<std::string, Tensor>>> all;
    for (const bool recompute : {false, true}) {
      config.recompute = recompute;
      const nn::InitSeed seed(6);
      Model model(config);
      const nn::NoiseScope noise(1, 1);
      const Rows rows{.ids_BT = ids(2, 12, 2), .mask_BT = {}, .positions_BT = {}, .utterances_BT = {}};
      if (adapters) model.eval();  // else their dropout would draw from another place in the stream
      all.push_back(gradients(model, rows, labels_of(rows.ids_BT), {}, 1));
    }
    EXPECT_FALSE(all[0].empty());
    expect_equal(all[1], all[0], 1e-6);
  }
}

/// The masks of dropout in a recomputed layer are those of its first run: the gradient is the slope of that loss.
TEST(LlasaModel, RecomputingDrawsTheSameDropout) {
  Config config = tiny();
  config.recompute = true;
  config.lora = {.r = 4, .dropout = 0.5, .targets = {"v_proj"}};
  const nn::InitSeed seed(6);
  Model model(config);
  const Rows rows{.ids_BT = ids(2, 12, 2), .mask_BT = {}, .positions_BT = {}, .utterances_BT = {}};
  const Tensor labels = labels_of(rows.ids_BT);
  const auto loss = [&] {
    const nn::NoiseScope noise(1, 1);
    return model.loss(rows, labels).sum;
  };
  loss().backward();
  const nn::Named b = [&] {
    for (const nn::Named& named : model.named_parameters())
      if (named.name.ends_with("layers.1.self_attn.v_proj.lora_B.weight")) return named;
    throw std::logic_error("no adapter");
  }();
  const Tensor direction = b.tensor.grad() / b.tensor.grad().norm();
  const double want = b.tensor.grad().norm().item<double>();
  const auto moved = [&](double by) {
    {
      const at::NoGradGuard no_grad;
      b.tensor.add_(direction, by);
    }
    const double value = loss().item<double>();
    const at::NoGradGuard no_grad;
    b.tensor.add_(direction, -by);
    return value;
  };
  EXPECT_NEAR((moved(1e-2) - moved(-1e-2)) / 2e-2, want, 0.02 * want);
}

/// Two utterances in one row say what each says alone.
TEST(LlasaModel, PackedUtterancesDoNotMeet) {
  const nn::InitSeed seed(1);
  const Model model(tiny());
  const at::NoGradGuard no_grad;
  const Tensor a = ids(1, 9, 1), b = ids(1, 70, 2);
  const auto alone = [&](const Tensor& one) {
    return model.hidden({.ids_BT = one, .mask_BT = {}, .positions_BT = {}, .utterances_BT = {}});
  };
  Tensor utterances = at::zeros({1, 79}, at::TensorOptions().dtype(at::kLong));
  utterances.narrow(1, 9, 70).fill_(1);
  const Rows rows{.ids_BT = at::cat({a, b}, 1), .mask_BT = {}, .positions_BT = {}, .utterances_BT = utterances};
  EXPECT_LT(difference(model.hidden(rows), at::cat({alone(a), alone(b)})), 1e-5);
  EXPECT_GT(difference(alone(rows.ids_BT), at::cat({alone(a), alone(b)})), 1e-2);
}

TEST(LlasaModel, AdaptersStartAtNothingAndTheirEffectIsTold) {
  Config config = tiny();
  config.lora = {.r = 2, .dropout = 0, .targets = {"q_proj", "up_proj"}};
  const nn::InitSeed seed(1);
  Model model(config);
  const Rows rows{.ids_BT = ids(1, 12, 2), .mask_BT = {}, .positions_BT = {}, .utterances_BT = {}};
  EXPECT_TRUE(adapter_effect(model, rows).none());
  for (const nn::Named& named : model.named_parameters())
    EXPECT_EQ(named.tensor.requires_grad(), named.name.find(".lora_") != std::string::npos) << named.name;
  const at::NoGradGuard no_grad;
  for (const nn::Named& named : model.named_parameters())
    if (named.name.ends_with("lora_B.weight")) named.tensor.fill_(0.1);
  const AdapterEffect effect = adapter_effect(model, rows);
  EXPECT_GT(effect.largest, 1e-3);
  EXPECT_GT(effect.divergence, 0);
  EXPECT_EQ(adapter_of(model).tensors.size(), 8u);
}

TEST(LlasaModel, SaysWhatIsOutOfRange) {
  const nn::InitSeed seed(1);
  const Model model(tiny());
  Rows rows{.ids_BT = ids(1, 12, 2), .mask_BT = {}, .positions_BT = {}, .utterances_BT = {}};
  rows.ids_BT[0][3] = 50;
  EXPECT_THROW(model.hidden(rows), DataError);
  EXPECT_THROW(model.hidden({.ids_BT = ids(1, 201, 1), .mask_BT = {}, .positions_BT = {}, .utterances_BT = {}}),
               DataError);
  GenerateOptions options;
  options.max_length = 12;
  EXPECT_THROW(generate(model, ids(1, 12, 2), {}, options), UsageError);
  EXPECT_THROW(generate(model, ids(1, 200, 2), {}, {}), UsageError);
}

TEST(LlasaModel, DrawsAreSeededAndStayWithinWhatIsAllowed) {
  const nn::InitSeed seed(1);
  const Model model(tiny());
  GenerateOptions options{.greedy = false, .seed = 5, .max_new_tokens = 12, .ends = {7}, .allowed = {7, 20, 21, 22}};
  options.min_new_tokens = 12;
  const auto first = generate(model, ids(2, 6, 2), {}, options);
  EXPECT_EQ(generate(model, ids(2, 6, 2), {}, options), first);
  for (const auto& row : first) {
    EXPECT_EQ(row.size(), 12u);
    for (const std::int64_t id : row) EXPECT_TRUE(id >= 20 && id <= 22) << id;
  }
  options.seed = 6;
  EXPECT_NE(generate(model, ids(2, 6, 2), {}, options), first);
}

}  // namespace
}  // namespace timbre::llasa
