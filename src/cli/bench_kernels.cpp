#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/cpu_levels.h"
#include "base/threads.h"
#include "cli/verb.h"
#include "kernels/conv.h"

namespace timbre::cli {
namespace {

#pragma GCC diagnostic ignored "-Wpsabi"
using V4 = float __attribute__((vector_size(16)));
using V8 = float __attribute__((vector_size(32)));
using V16 = float __attribute__((vector_size(64)));

/// Independent chains of multiply-adds in registers: what the processor could do at best. Returns the operations done.
template <class V>
__attribute__((always_inline)) inline double multiply_adds(float* result) {
  constexpr int kChains = 12, kRounds = 2'000'000;
  V sum[kChains], factor = V{} + 0.999f, term = V{} + 0.001f;
#pragma GCC unroll 12
  for (int c = 0; c < kChains; ++c) sum[c] = V{} + static_cast<float>(c);
  for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; ++c) {
      sum[c] = sum[c] * factor + term;
      asm volatile("" : "+x"(sum[c]));
    }
  }
  V total = {};
#pragma GCC unroll 12
  for (int c = 0; c < kChains; ++c) total += sum[c];
  *result = total[0];
  return 2.0 * kChains * kRounds * sizeof(V) / sizeof(float);
}
double scalar_peak(float* result) { return multiply_adds<V4>(result); }
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) double avx2_peak(float* result) { return multiply_adds<V8>(result); }
__attribute__((target("avx512f,avx512vl,avx512dq,fma"))) double avx512_peak(float* result) {
  return multiply_adds<V16>(result);
}
#endif

double thread_cpu_s() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/// Operations a second, the best of some passes.
template <class F>
double best_rate(int passes, const F& work) {
  double best = 0;
  for (int pass = 0; pass < passes; ++pass) {
    const double start_s = thread_cpu_s(), operations = work();
    best = std::max(best, operations / (thread_cpu_s() - start_s));
  }
  return best;
}

double peak() {
  float result = 0;
  const auto level = cpu_level();
  return best_rate(5, [&] {
#if defined(__x86_64__)
    if (level == CpuLevel::avx512) return avx512_peak(&result);
    if (level == CpuLevel::avx2) return avx2_peak(&result);
#endif
    return scalar_peak(&result);
  });
}

struct Case {
  std::string name;
  std::int64_t rows, inputs, outputs, taps, dilation;
};

/// The convolutions of HiFi-GAN V1's residual blocks for a second and a half of speech, and the linear layers of a
/// small FastSpeech 2 and of Vocos.
std::vector<Case> cases() {
  std::vector<Case> out;
  std::int64_t rows = 128;
  for (const auto& [channels, rate] : {std::pair{256, 8}, {128, 8}, {64, 2}, {32, 2}}) {
    rows *= rate;
    for (const int taps : {3, 7, 11})
      for (const int dilation : {1, 5})
        out.push_back(
            {fmt::format("conv_{}_{}_{}", channels, taps, dilation), rows, channels, channels, taps, dilation});
  }
  for (const int frames : {50, 500}) {
    out.push_back({fmt::format("linear_256_768_{}", frames), frames, 256, 768, 1, 1});
    out.push_back({fmt::format("linear_512_1536_{}", frames), frames, 512, 1536, 1, 1});
  }
  return out;
}

double rate_of(const Case& c) {
  const std::vector<float> weights(static_cast<std::size_t>(c.inputs * c.outputs * c.taps), 0.01f);
  const kernels::Packed packed(weights, {}, c.outputs, c.inputs, c.taps);
  const std::vector<float> x(static_cast<std::size_t>(c.rows * c.inputs), 0.3f);
  std::vector<float> y(static_cast<std::size_t>(c.rows * c.outputs));
  const std::int64_t pad = (c.taps - 1) * c.dilation / 2;
  const kernels::Conv conv{.dilation = c.dilation, .left = pad, .right = pad};
  const double operations = 2.0 * static_cast<double>(c.rows * c.inputs * c.outputs * c.taps);
  const int calls = static_cast<int>(std::max(1.0, 5e8 / operations));
  return best_rate(7, [&] {
    for (int i = 0; i < calls; ++i) kernels::conv1d(x.data(), c.rows, packed, conv, y.data());
    return calls * operations;
  });
}

struct BenchKernels {};
config::Fields fields(BenchKernels&) { return {}; }

int run(const BenchKernels&, Context& context) {
  set_thread_count(1);
  const double most = peak();
  nlohmann::ordered_json result = {{"peak", most}};
  if (!context.json) fmt::print(context.out, "{:<20} {:>7.1f} GFLOP/s\n", "peak of one thread", most * 1e-9);
  for (const auto& c : cases()) {
    const double rate = rate_of(c);
    result[c.name] = rate / most;
    if (!context.json)
      fmt::print(context.out, "{:<20} {:>7.1f} GFLOP/s {:>5.1f} %\n", c.name, rate * 1e-9, 100 * rate / most);
  }
  if (context.json) fmt::print(context.out, "{}\n", result.dump());
  return 0;
}

}  // namespace

void register_bench_kernels(Verbs& verbs) {
  add_verb<BenchKernels>(
      verbs,
      {.name = "bench-kernels",
       .summary = "Tools: how fast: convolutions and linear layers as shares of what this CPU could do",
       .usage = "bench-kernels",
       .examples = {"timbre bench-kernels", "TIMBRE_CPU=avx2 timbre bench-kernels --json"}},
      fields, run);
}

}  // namespace timbre::cli
