#include "nn/layers.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "nn/attention.h"
#include "nn/init.h"
#include "nn/sequence.h"
#include "nn/sync.h"

namespace timbre::nn {
namespace {

struct Pair : Module {
  Linear first{3, 4}, second{4, 2, false};
  BatchNorm1d norm{4};
  Pair() {
    child("block.0", first);
    child("block.norm", norm);
    child("head", second);
  }
};

Tensor ids(const std::vector<std::int64_t>& values) {
  return to_torch(weights::Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
}

TEST(Module, NamesAreUpstreams) {
  const Pair pair;
  std::vector<std::string> names;
  for (const Named& named : pair.named_state()) names.push_back(named.name);
  EXPECT_EQ(names, (std::vector<std::string>{"block.0.weight", "block.0.bias", "block.norm.weight", "block.norm.bias",
                                             "block.norm.running_mean", "block.norm.running_var",
                                             "block.norm.num_batches_tracked", "head.weight"}));
  EXPECT_EQ(pair.parameter_count(), 12 + 4 + 4 + 4 + 8);
}

TEST(Module, StateTravelsAndMisfitsAreTold) {
  Pair a, b;
  const InitSeed seed(5);
  const at::NoGradGuard no_grad;
  a.second.weight.copy_(init_normal({2, 4}, 0, 1));
  b.load_exactly(a.state_dict(), "here");
  EXPECT_TRUE(a.second.weight.equal(b.second.weight));
  weights::TensorMap map = a.state_dict();
  map.erase("head.weight");
  map.set("block.0.bias", weights::Tensor::of<float>({2}, {1, 2}));
  map.insert("extra", weights::Tensor::of<float>({1}, {1}));
  const LoadReport report = b.load_state_dict(map);
  EXPECT_EQ(report.missing, std::vector<std::string>{"head.weight"});
  EXPECT_EQ(report.unexpected, std::vector<std::string>{"extra"});
  EXPECT_EQ(report.mismatched, std::vector<std::string>{"block.0.bias: file [2], model [4]"});
  EXPECT_THROW(b.load_exactly(map, "file.pt"), DataError);
}

TEST(Module, PatternsMatch) {
  EXPECT_TRUE(matches("*", "a.b"));
  EXPECT_TRUE(matches("encoder", "encoder.layers.0.weight"));
  EXPECT_FALSE(matches("encoder", "encoder_2.weight"));
  EXPECT_TRUE(matches("*.bias", "a.b.bias"));
  EXPECT_FALSE(matches("*.bias", "a.b.bias.x"));
  EXPECT_TRUE(matches("layer?.w*t", "layer1.weight"));
  EXPECT_TRUE(matches("a*b*c", "axxbyybzzc"));
}

TEST(Module, FreezingStopsGradients) {
  Pair pair;
  EXPECT_EQ(pair.freeze({"block.0"}).size(), 2u);
  pair.second.forward(pair.norm.forward_BTC(pair.first.forward(at::ones({1, 5, 3})))).sum().backward();
  EXPECT_FALSE(pair.first.weight.grad().defined());
  EXPECT_TRUE(pair.second.weight.grad().defined());
}

TEST(Init, DependsOnSeedAndOrderAlone) {
  const auto draw = [](std::uint64_t seed) {
    const InitSeed scope(seed);
    const Linear first(5, 6), second(5, 6);
    return std::pair(first.weight.detach(), second.weight.detach());
  };
  const auto [a, b] = draw(1);
  EXPECT_TRUE(a.equal(draw(1).first));
  EXPECT_FALSE(a.equal(b));
  EXPECT_FALSE(a.equal(draw(2).first));
  EXPECT_LE(a.abs().max().item<double>(), 1 / std::sqrt(5.0));
}

TEST(Shapes, MismatchNamesBoth) {
  try {
    expect_shape(at::zeros({2, 3}), {2, kAny, 80}, "encoder: x_BTD");
    FAIL();
  } catch (const std::logic_error& e) {
    EXPECT_STREQ(e.what(), "encoder: x_BTD is [2, 3], expected [2, *, 80]");
  }
}

TEST(BatchNorm, ChannelsLastAgreesWithChannelsSecond) {
  const InitSeed seed(3);
  BatchNorm1d a(5), b(5);
  const Tensor x_BTC = init_normal({2, 7, 5}, 1, 2);
  const Tensor y = a.forward_BTC(x_BTC), z = b.forward_BCT(x_BTC.transpose(1, 2).contiguous()).transpose(1, 2);
  EXPECT_TRUE(y.allclose(z, 1e-6, 1e-6));
  EXPECT_TRUE(a.running_var.allclose(b.running_var, 1e-6, 1e-6));
  EXPECT_EQ(a.num_batches_tracked.item<std::int64_t>(), 1);
}

TEST(BatchNorm, SyncedOnOneRankIsTheSame) {
  const InitSeed seed(3);
  BatchNorm1d a(5), b(5);
  const Tensor x = init_normal({2, 9, 5}, 1, 2).set_requires_grad(true),
               x2 = x.detach().clone().set_requires_grad(true);
  const Tensor y = a.forward_BTC(x);
  set_all_reduce([](Tensor&) {});  // a sum over one rank
  const Tensor y2 = b.forward_BTC(x2);
  const Tensor g = init_normal(y.sizes(), 0, 1);
  y.backward(g);
  y2.backward(g);
  set_all_reduce({});
  EXPECT_TRUE(y.allclose(y2, 1e-5, 1e-6));
  EXPECT_TRUE(x.grad().allclose(x2.grad(), 1e-4, 1e-6));
  EXPECT_TRUE(a.weight.grad().allclose(b.weight.grad(), 1e-4, 1e-5));
  EXPECT_TRUE(a.running_var.allclose(b.running_var, 1e-5, 1e-6));
  EXPECT_TRUE(a.running_mean.allclose(b.running_mean, 1e-5, 1e-6));
}

TEST(Sequence, LengthRegulatorIsTheNaiveLoop) {
  const InitSeed seed(4);
  const Tensor x = init_normal({2, 4, 3}, 0, 1).set_requires_grad(true);
  const Tensor durations = ids({2, 0, 3, 1, 1, 1, 0, 0}).view({2, 4});
  const Tensor y = length_regulate(x, durations);
  ASSERT_EQ(y.sizes(), (std::vector<std::int64_t>{2, 6, 3}));
  const int from[2][6] = {{0, 0, 2, 2, 2, 3}, {0, 1, -1, -1, -1, -1}};
  for (int b = 0; b < 2; ++b)
    for (int f = 0; f < 6; ++f)
      EXPECT_TRUE(y[b][f].equal(from[b][f] < 0 ? at::zeros({3}) : x[b][from[b][f]])) << b << ' ' << f;
  const Tensor positions = frame_positions(durations);
  EXPECT_EQ(positions[0][4].item<std::int64_t>(), 2);
  EXPECT_EQ(positions[1][2].item<std::int64_t>(), 4);
  y.sum().backward();
  EXPECT_TRUE(x.grad().select(2, 0).equal(durations.to(at::kFloat)));
  EXPECT_EQ(length_regulate(x, durations, 4).size(1), 4);
  // Other number types go another way to the same result.
  EXPECT_TRUE(length_regulate(x.to(at::kDouble), durations).to(at::kFloat).equal(y));
}

TEST(Sequence, MasksAndSums) {
  const Tensor pad = padding_mask(ids({3, 1}), 3);
  EXPECT_EQ(pad.sum().item<std::int64_t>(), 2);
  EXPECT_TRUE(pad[1][1].item<bool>());
  const Tensor a = at::ones({2, 3, 4}), b = at::zeros({2, 3, 4});
  EXPECT_DOUBLE_EQ(masked_l1_sum(a, b, pad).item<double>(), 16);
  EXPECT_DOUBLE_EQ(masked_l2_sum(a * 3, b, pad).item<double>(), 144);
}

TEST(Sequence, SinusoidsFollowThePaper) {
  const Tensor table = sinusoid_positions(5, 6);
  EXPECT_FLOAT_EQ(table[3][0].item<float>(), static_cast<float>(std::sin(3.0)));
  EXPECT_FLOAT_EQ(table[3][1].item<float>(), static_cast<float>(std::cos(3.0)));
  EXPECT_FLOAT_EQ(table[4][5].item<float>(), static_cast<float>(std::cos(4.0 / std::pow(10000.0, 4.0 / 6.0))));
  EXPECT_TRUE(sinusoid_positions(2, 6, 3).equal(table.narrow(0, 3, 2)));
}

TEST(Attention, FusedAndWrittenOutAgreeAndIgnorePadding) {
  const InitSeed seed(6);
  const Tensor q = init_normal({2, 2, 5, 4}, 0, 1), k = init_normal({2, 2, 6, 4}, 0, 1),
               v = init_normal({2, 2, 6, 4}, 0, 1);
  const Tensor pad = padding_mask(ids({6, 2}), 6);
  Tensor weights_BHTS;
  const Tensor fused = attention(q, k, v, pad), plain = attention(q, k, v, pad, 0, 0, false, &weights_BHTS);
  EXPECT_TRUE(fused.allclose(plain, 1e-5, 1e-6));
  EXPECT_DOUBLE_EQ(weights_BHTS[1].slice(2, 2).abs().max().item<double>(), 0);
  EXPECT_TRUE(weights_BHTS.sum(-1).allclose(at::ones({2, 2, 5}), 1e-5, 1e-6));
  const Tensor x = init_normal({2, 5, 8}, 0, 1);
  EXPECT_TRUE(join_heads(split_heads(x, 2)).equal(x));
}

TEST(Recurrent, ShapesAndNames) {
  const Lstm lstm(3, 4, {.layers = 2, .bidirectional = true});
  const auto result = lstm.forward(at::ones({2, 5, 3}));
  EXPECT_EQ(result.out_BTD.sizes(), (std::vector<std::int64_t>{2, 5, 8}));
  EXPECT_EQ(result.h_LBD.sizes(), (std::vector<std::int64_t>{4, 2, 4}));
  EXPECT_EQ(lstm.named_parameters()[4].name, "weight_ih_l0_reverse");
  const Gru gru(3, 4);
  EXPECT_EQ(gru.forward(at::ones({2, 5, 3})).out_BTD.sizes(), (std::vector<std::int64_t>{2, 5, 4}));
}

TEST(Embedding, PaddingRowStaysZero) {
  const Embedding embedding(5, 3, 0);
  EXPECT_DOUBLE_EQ(embedding.weight[0].abs().sum().item<double>(), 0);
  embedding.forward(ids({0, 2, 2})).sum().backward();
  EXPECT_DOUBLE_EQ(embedding.weight.grad()[0].abs().sum().item<double>(), 0);
  EXPECT_DOUBLE_EQ(embedding.weight.grad()[2][0].item<double>(), 2);
}

}  // namespace
}  // namespace timbre::nn
