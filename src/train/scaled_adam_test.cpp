#include "train/scaled_adam.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "nn/init.h"
#include "train/optim.h"
#include "train/schedule.h"

namespace timbre::train {
namespace {

OptimOptions options() {
  OptimOptions o;
  o.kind = "scaled_adam";
  o.beta2 = 0.95;
  o.eps = 1e-8;
  o.scaled.clipping_update_period = 4;
  o.scaled.clipping_scale = 0.7;
  return o;
}

/// Two stacks: one beyond what goes through LibTorch's operators, with a ragged end, and one of few numbers.
struct Problem {
  std::vector<Named> all;
  explicit Problem(std::uint64_t seed) {
    const nn::InitSeed init(seed);
    all = {{"a.weight", nn::init_normal({71, 70}, 0, 0.2)},
           {"b.weight", nn::init_normal({71, 70}, 0, 4.0)},
           {"c.bias", nn::init_normal({9}, 0, 0.1)},
           {"scale", nn::init_normal({1}, 1, 0.1)}};
    for (const Named& named : all) named.tensor.set_requires_grad(true);
  }
  /// `none` gets no gradient in this step.
  void give(std::uint64_t step, const std::string& none = "") {
    const nn::InitSeed init(1000 + step);
    for (const Named& named : all) {
      const Tensor g = nn::init_normal(named.tensor.sizes(), 0, step % 5 == 3 ? 3.0 : 0.3);
      named.tensor.mutable_grad() = named.name == none ? Tensor() : g;
    }
  }
};

/// The formulas for one tensor, in double.
struct Naive {
  std::vector<double> p, d, v;
  double rms = 0, s = 0, q[4] = {};
  explicit Naive(const Tensor& t) : p(static_cast<std::size_t>(t.numel())), d(p.size()), v(p.size()) {
    for (std::size_t i = 0; i < p.size(); ++i) p[i] = t.view(-1)[static_cast<std::int64_t>(i)].item<double>();
    rms = root();
  }
  double root() const {
    double sum = 0;
    for (const double x : p) sum += x * x;
    return std::sqrt(sum / static_cast<double>(p.size()));
  }
  double norm2(const std::vector<double>& g) const {
    double sum = 0;
    for (const double x : g) sum += x * x * rms * rms;
    return sum;
  }
  void step(const std::vector<double>& g, double c, double lr, int n) {
    const double b1 = 0.9, b2 = 0.95;
    double pg = 0, shrink = 0;
    for (std::size_t i = 0; i < p.size(); ++i) pg += p[i] * g[i] * c;
    q[n % 4] = pg;
    if (n % 4 == 3) {
      rms = root();
      const double b = std::pow(b2, 4);
      s = b * s + (1 - b) * (q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]) / 4;
      shrink =
          -0.1 * lr * std::sqrt(1 - std::pow(b, (n + 1) / 4)) * (q[0] + q[1] + q[2] + q[3]) / (std::sqrt(s) + 1e-8);
      if (rms > 3) shrink = -0.1 * lr * 4;
    }
    const double corrected = 1 - std::pow(b2, n + 1), k = corrected < 0.99 ? 1 / corrected : 1;
    for (std::size_t i = 0; i < p.size(); ++i) {
      v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
      d[i] = b1 * d[i] + (1 - b1) * shrink * p[i] - lr * (1 - b1) * rms * g[i] / (std::sqrt(v[i] * k) + 1e-8);
      p[i] += d[i];
    }
  }
};

std::vector<double> numbers(const Tensor& t, std::int64_t count) {
  std::vector<double> out(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count && t.defined(); ++i)
    out[static_cast<std::size_t>(i)] = static_cast<double>(t.const_data_ptr<float>()[i]);
  return out;
}

TEST(ScaledAdam, LargeTensorsFollowTheFormulas) {
  Problem problem(3);
  problem.all.resize(2);
  std::vector<Naive> naive{Naive(problem.all[0].tensor.detach()), Naive(problem.all[1].tensor.detach())};
  Optimiser optimiser(options(), make_groups(problem.all, {}));
  std::vector<double> norms(4);
  double threshold = 0;
  int clipped = 0;
  for (int n = 0; n < 14; ++n) {
    problem.give(static_cast<std::uint64_t>(n), n == 6 ? "a.weight" : "");
    double sum = 0, c = 1;
    std::vector<std::vector<double>> g;
    for (std::size_t i = 0; i < 2; ++i) {
      g.push_back(numbers(problem.all[i].tensor.grad(), 71 * 70));
      sum += naive[i].norm2(g[i]);
    }
    if (n > 0) {
      norms[static_cast<std::size_t>(n % 4)] = std::sqrt(sum);
      if (n % 4 == 0) {
        std::vector<double> sorted = norms;
        std::sort(sorted.begin(), sorted.end());
        threshold = 0.7 * sorted[2];
      }
      if (n >= 4) c = std::min(1.0, threshold / std::sqrt(sum));
      clipped += c < 1;
    }
    for (std::size_t i = 0; i < 2; ++i) naive[i].step(g[i], c, 0.02, n);
    optimiser.step(0.02);
    for (std::size_t i = 0; i < 2; ++i) {
      const std::vector<double> got = numbers(problem.all[i].tensor, 71 * 70);
      double worst = 0, most = 0;
      for (std::size_t k = 0; k < got.size(); ++k) {
        worst = std::max(worst, std::abs(got[k] - naive[i].p[k]));
        most = std::max(most, std::abs(got[k]));
      }
      EXPECT_LT(worst, 2e-6 * most) << problem.all[i].name << " step " << n;
    }
  }
  EXPECT_GT(clipped, 3);
}

/// Steps n … m - 1, and the values after them.
std::vector<Tensor> go(Problem& problem, Optimiser& optimiser, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t n = from; n < to; ++n) {
    problem.give(n);
    optimiser.step(0.03);
  }
  std::vector<Tensor> values;
  for (const Named& named : problem.all) values.push_back(named.tensor.detach().clone());
  return values;
}

void expect_same(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(at::equal(a[i], b[i])) << i;
}

TEST(ScaledAdam, GoesOnBitByBit) {
  for (const char* kind : {"scaled_adam", "eve", "adamw"}) {
    OptimOptions o = options();
    o.kind = kind;
    Problem straight(5), stopped(5);
    Optimiser one(o, make_groups(straight.all, {})), two(o, make_groups(stopped.all, {}));
    const std::vector<Tensor> want = go(straight, one, 0, 11);
    go(stopped, two, 0, 6);
    weights::TensorMap saved;
    two.save(saved);
    Optimiser ours(o, make_groups(stopped.all, {})), theirs(o, make_groups(stopped.all, {}));
    ours.load(saved, 6, "checkpoint");
    const std::vector<std::string> names{"scale", "a.weight", "b.weight", "c.bias"};
    theirs.load_torch(two.torch_state(names, 0.03, 0.05), names, "file");
    EXPECT_EQ(theirs.steps(), 6);
    std::vector<Tensor> values;
    for (const Named& named : stopped.all) values.push_back(named.tensor.detach().clone());
    expect_same(go(stopped, ours, 6, 11), want);
    for (std::size_t i = 0; i < values.size(); ++i) stopped.all[i].tensor.detach().copy_(values[i]);
    expect_same(go(stopped, theirs, 6, 11), want);
  }
}

TEST(ScaledAdam, SaysWhatOfAFileDoesNotFit) {
  Problem problem(5);
  Optimiser optimiser(options(), make_groups(problem.all, {}));
  go(problem, optimiser, 0, 2);
  const std::vector<std::string> names{"a.weight", "b.weight", "c.bias", "scale"};
  const weights::Value state = optimiser.torch_state(names, 0.03, 0.05);
  try {
    optimiser.load_torch(state, {"a.weight"}, "epoch-1.pt");
    FAIL();
  } catch (const DataError& e) {
    EXPECT_STREQ(e.what(), "epoch-1.pt: the optimiser's state is of 4 parameters, this run's has 1");
  }
  std::vector<Named> other = problem.all;
  other[2].tensor = nn::init_normal({8}, 0, 1);
  Optimiser another(options(), make_groups(other, {}));
  try {
    another.load_torch(state, names, "epoch-1.pt");
    FAIL();
  } catch (const DataError& e) {
    EXPECT_STREQ(e.what(), "epoch-1.pt: state of 'c.bias': 'delta' is [1, 9], expected a tensor [1, 8]");
  }
}

TEST(Eden, FallsByBatchesAndEpochsAndCountsThem) {
  ScheduleOptions s;
  s.kind = "eden";
  s.warmup_steps = 200;
  EXPECT_DOUBLE_EQ(learning_rate(s, 0.05, 1, 0), 0.025);
  s.counts = "batches";
  EXPECT_DOUBLE_EQ(learning_rate(s, 0.05, 1, 0, 0, 200), 0.04998001997603116);
  EXPECT_DOUBLE_EQ(learning_rate(s, 0.05, 1, 0, 19, 17100), 0.012022492459224939);
  s.kind = "noam";
  s.width = 1024;
  EXPECT_DOUBLE_EQ(learning_rate(s, 0.05, 99, 0, 0, 1), 1.1048543456039805e-06);
}

}  // namespace
}  // namespace timbre::train
