#include "nn/normed_conv.h"

#include <ATen/ops/conv1d.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/conv_transpose1d.h>
#include <gtest/gtest.h>

#include <cmath>

#include "nn/init.h"

namespace timbre::nn {
namespace {

double difference(const Tensor& a, const Tensor& b) {
  return ((a - b).abs().max() / (b.abs().max() + 1e-12)).item<double>();
}

Tensor tensor_of(const Module& module, const std::string& name) {
  const auto state = module.named_state();
  for (const Named& named : state)
    if (named.name == name) return named.tensor;
  throw std::logic_error("no tensor " + name);
}

std::vector<std::string> names_of(const Module& module) {
  std::vector<std::string> names;
  const auto state = module.named_state();
  for (const Named& named : state) names.push_back(named.name);
  return names;
}

/// g · v / ‖v‖ by the formula, one entry of the first axis at a time, in double.
Tensor naive_weight(const Tensor& g, const Tensor& v) {
  const Tensor weight = v.detach().to(at::kDouble).clone();
  for (std::int64_t o = 0; o < v.size(0); ++o) {
    const double norm = std::sqrt(weight[o].square().sum().item<double>());
    weight[o].mul_(g[o].sum().item<double>() / norm);
  }
  return weight;
}

/// The gradients of g and v by the paper's equation 3 for a gradient `dw` of the weight.
void expect_weight_norm_gradient(const NormedWeight& layer, const Tensor& dw) {
  const Tensor g = tensor_of(layer, "weight_g"), v = tensor_of(layer, "weight_v");
  for (std::int64_t o = 0; o < v.size(0); ++o) {
    const Tensor row = v[o].detach().to(at::kDouble), d = dw[o].to(at::kDouble);
    const double norm = std::sqrt(row.square().sum().item<double>()), gain = g[o].sum().item<double>();
    const double dg = (d * row).sum().item<double>() / norm;
    EXPECT_NEAR(g.grad()[o].sum().item<double>(), dg, 2e-5 * (1 + std::abs(dg)));
    EXPECT_LT(difference(v.grad()[o].to(at::kDouble), d * (gain / norm) - row * (gain * dg / norm / norm)), 2e-5);
  }
}

TEST(NormedConv, NamesShapesAndOrderAreTorchs) {
  const InitSeed seed(1);
  const NormedConv1d weight(6, 4, {.kernel = 3, .groups = 2}), columns(3, 5, {.kernel = 5}, Norm::kWeight, true),
      spectral(3, 4, {.kernel = 3}, Norm::kSpectral);
  const NormedConvTranspose1d up(6, 4, {.kernel = 4, .stride = 2, .padding = 1});
  EXPECT_EQ(names_of(weight), (std::vector<std::string>{"bias", "weight_g", "weight_v"}));
  EXPECT_EQ(names_of(spectral), (std::vector<std::string>{"bias", "weight_orig", "weight_u", "weight_v"}));
  EXPECT_EQ(tensor_of(weight, "weight_v").sizes(), (at::IntArrayRef{4, 3, 3}));
  EXPECT_EQ(tensor_of(weight, "weight_g").sizes(), (at::IntArrayRef{4, 1, 1}));
  EXPECT_EQ(tensor_of(columns, "weight_v").sizes(), (at::IntArrayRef{5, 3, 5, 1}));
  EXPECT_EQ(tensor_of(columns, "weight_g").sizes(), (at::IntArrayRef{5, 1, 1, 1}));
  EXPECT_EQ(tensor_of(up, "weight_g").sizes(), (at::IntArrayRef{6, 1, 1}));
  EXPECT_EQ(tensor_of(spectral, "weight_u").sizes(), (at::IntArrayRef{4}));
  EXPECT_EQ(tensor_of(spectral, "weight_v").sizes(), (at::IntArrayRef{9}));
  EXPECT_EQ(weight.parameter_count(), 4 + 4 + 36);
}

TEST(NormedConv, WeightNormComputesAndLearnsByTheFormula) {
  const InitSeed seed(2);
  NormedConv1d conv(6, 4, {.kernel = 3, .groups = 2, .dilation = 2, .stride = 2});
  NormedConvTranspose1d up(6, 4, {.kernel = 5, .stride = 3, .padding = 1, .output_padding = 1});
  NormedConv2d plane(2, 3, {.kernel = {3, 5}, .stride = {1, 2}, .padding = {1, 2}, .dilation = {1, 2}});
  for (NormedWeight* layer :
       {static_cast<NormedWeight*>(&conv), static_cast<NormedWeight*>(&up), static_cast<NormedWeight*>(&plane)}) {
    const at::NoGradGuard no_grad;
    tensor_of(*layer, "weight_g").mul_(1.7);  // off the first value, where g = ‖v‖
  }
  const auto check = [](NormedWeight& layer, const Tensor& y, const auto& by_library) {
    const Tensor w =
        naive_weight(tensor_of(layer, "weight_g"), tensor_of(layer, "weight_v")).to(at::kFloat).set_requires_grad(true);
    const Tensor y2 = by_library(w);
    ASSERT_EQ(y.sizes(), y2.sizes());
    EXPECT_LT(difference(y, y2), 3e-6);
    const Tensor g = init_normal(y.sizes(), 0, 1);
    y.backward(g);
    y2.backward(g);
    expect_weight_norm_gradient(layer, w.grad());
  };
  const Tensor x_BTC = init_normal({2, 11, 6}, 0, 1), x_BCHW = init_normal({2, 2, 5, 13}, 0, 1);
  check(conv, conv.forward_BTC(x_BTC), [&](const Tensor& w) {
    return at::conv1d(x_BTC.transpose(1, 2), w, conv.bias.detach(), {2}, {2}, {2}, 2).transpose(1, 2);
  });
  check(up, up.forward_BTC(x_BTC), [&](const Tensor& w) {
    return at::conv_transpose1d(x_BTC.transpose(1, 2), w, up.bias.detach(), {3}, {1}, {1}).transpose(1, 2);
  });
  check(plane, plane.forward_BCHW(x_BCHW), [&](const Tensor& w) {
    return at::conv2d(x_BCHW, w, plane.bias.detach(), {1, 2}, {1, 2}, {1, 2});
  });
}

struct Iteration {
  Tensor u, v;
  double sigma;
};

Iteration naive_iteration(const Tensor& weight, const Tensor& u_before) {
  const Tensor rows = weight.detach().to(at::kDouble).reshape({weight.size(0), -1});
  Tensor v = (rows * u_before.to(at::kDouble).unsqueeze(1)).sum(0);
  v = v / std::sqrt(v.square().sum().item<double>());
  Tensor u = (rows * v).sum(1);
  const double length = std::sqrt(u.square().sum().item<double>());
  u = u / length;
  return {u, v, length};
}

TEST(NormedConv, SpectralNormMovesOnceAForwardPassInTraining) {
  const InitSeed seed(3);
  NormedConv1d layer(3, 4, {.kernel = 3}, Norm::kSpectral);
  const Tensor x = init_normal({2, 9, 3}, 0, 1), orig = tensor_of(layer, "weight_orig");
  const Tensor u = tensor_of(layer, "weight_u"), v = tensor_of(layer, "weight_v");
  const Iteration first = naive_iteration(orig, u), second = naive_iteration(orig, first.u);
  const Tensor y1 = layer.forward_BTC(x);
  EXPECT_LT(difference(u.to(at::kDouble), first.u), 2e-6);
  EXPECT_LT(difference(v.to(at::kDouble), first.v), 2e-6);
  const Tensor y2 = layer.forward_BTC(x);
  EXPECT_LT(difference(u.to(at::kDouble), second.u), 2e-6);
  const auto by_library = [&](double sigma) {
    return at::conv1d(x.transpose(1, 2), orig.detach() / sigma, layer.bias.detach(), {1}, {1}).transpose(1, 2);
  };
  EXPECT_LT(difference(y1, by_library(first.sigma)), 3e-6);
  EXPECT_LT(difference(y2, by_library(second.sigma)), 3e-6);
  EXPECT_GT(difference(y1, y2), 1e-4) << "one iteration more must show, or this test proves nothing";
  // The gradient with u and v held: (dW - (Σ dW·W)·u·vᵀ) / σ with W = orig / σ; both passes add up.
  const Tensor g = init_normal(y1.sizes(), 0, 1);
  (y1 * g).sum().backward();
  const Tensor w = (orig.detach() / first.sigma).set_requires_grad(true);
  (at::conv1d(x.transpose(1, 2), w, layer.bias.detach(), {1}, {1}).transpose(1, 2) * g).sum().backward();
  const Tensor dw = w.grad().to(at::kDouble).reshape({4, -1}), rows = w.detach().to(at::kDouble).reshape({4, -1});
  const Tensor expected =
      (dw - first.u.unsqueeze(1) * first.v.unsqueeze(0) * (dw * rows).sum().item<double>()) / first.sigma;
  EXPECT_LT(difference(orig.grad().to(at::kDouble).reshape({4, -1}), expected), 2e-5);
  layer.eval();
  const Tensor kept = u.clone();
  layer.forward_BTC(x);
  EXPECT_TRUE(u.equal(kept));
}

TEST(NormedConv, TwoBatchesAtOnceAreTwoPasses) {
  for (const Norm norm : {Norm::kWeight, Norm::kSpectral}) {
    const InitSeed seed(4);
    NormedConv1d apart(4, 6, {.kernel = 5, .groups = 2, .stride = 2}, norm);
    NormedConv1d once(4, 6, {.kernel = 5, .groups = 2, .stride = 2}, norm);
    once.load_exactly(apart.state_dict(), "test");
    const Tensor x = init_normal({4, 12, 4}, 0, 1);
    const Tensor first = apart.forward_BTC(x.narrow(0, 0, 2)), second = apart.forward_BTC(x.narrow(0, 2, 2));
    const Tensor both = once.forward_two_BTC(x);
    EXPECT_LT(difference(both.narrow(0, 0, 2), first), 2e-6);
    EXPECT_LT(difference(both.narrow(0, 2, 2), second), 2e-6);
    const Tensor g = init_normal(both.sizes(), 0, 1);
    ((first * g.narrow(0, 0, 2)).sum() + (second * g.narrow(0, 2, 2)).sum()).backward();
    (both * g).sum().backward();
    const auto expected = apart.named_parameters(), found = once.named_parameters();
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_LT(difference(found[i].tensor.grad(), expected[i].tensor.grad()), 5e-6) << expected[i].name;
    const auto moved = apart.named_buffers(), moved_once = once.named_buffers();
    for (std::size_t i = 0; i < moved.size(); ++i) EXPECT_TRUE(moved[i].tensor.equal(moved_once[i].tensor));
  }
}

TEST(NormedConv, FoldingKeepsTheOutputAndTheState) {
  const InitSeed seed(5);
  const Tensor x = init_normal({1, 9, 3}, 0, 1);
  for (const Norm norm : {Norm::kNone, Norm::kWeight, Norm::kSpectral}) {
    NormedConv1d layer(3, 4, {.kernel = 3}, norm);
    layer.eval();
    const Tensor before = layer.forward_BTC(x).detach();
    layer.train();
    const auto state = layer.state_dict();
    layer.fold();
    const Tensor folded = layer.forward_BTC(x);
    EXPECT_TRUE(folded.detach().equal(before));
    EXPECT_TRUE(layer.is_training());
    const auto after = layer.state_dict();
    for (const auto& [name, tensor] : state) EXPECT_TRUE(to_torch(tensor).equal(to_torch(after.at(name)))) << name;
    (void)folded;
  }
  NormedConv1d bare(3, 4, {.kernel = 3}, Norm::kNone), normed(3, 4, {.kernel = 3});
  normed.bias.detach().copy_(bare.bias.detach());
  normed.set_weight(bare.weight().detach());
  EXPECT_LT(difference(normed.forward_BTC(x), bare.forward_BTC(x)), 1e-6);
}

}  // namespace
}  // namespace timbre::nn
