// Tools: how fast: training steps of a slice of Llasa on made-up tokens
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/rng.h"
#include "base/threads.h"
#include "cli/verb.h"
#include "models/llasa/layout.h"
#include "models/llasa/model.h"
#include "nn/init.h"
#include "roles/registry.h"
#include "train/optim.h"

namespace timbre::cli {
namespace {

struct BenchLlasa {
  std::string preset = "llasa_1b", dtype = "fp32";
  std::int64_t layers = 4, vocabulary = 0, rows = 1, tokens = 512, targets = 256, steps = 3;
  bool update = true, recompute = false, all_logits = false;
};

config::Fields fields(BenchLlasa& o) {
  config::Fields f;
  f.add("preset", o.preset, "whose sizes");
  f.add("layers", o.layers, "layers of it").range(1, 1024);
  f.add("vocabulary", o.vocabulary, "tokens; 0 = the preset's").range(0, 1 << 24);
  f.add("rows", o.rows, "rows of a step").range(1, 4096);
  f.add("tokens", o.tokens, "tokens of a row").range(2, 1 << 20);
  f.add("targets", o.targets, "of a row, at its end, have a target").range(1, 1 << 20);
  f.add("steps", o.steps, "steps that are counted, after one to warm up").range(1, 1000);
  f.add("dtype", o.dtype, "of the products").choices({"fp32", "bf16"});
  f.add("update", o.update, "AdamW after each step");
  f.add("recompute", o.recompute, "compute the inside of a layer again for the gradients");
  f.add("all_logits", o.all_logits, "the naive way, for memory: all logits at once");
  return f;
}

struct Use {
  double cpu_s = 0;
  double peak_mb = 0;
};
Use use_so_far() {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  return {static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
              1e-6 * static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec),
          static_cast<double>(use.ru_maxrss) / 1024};
}

/// Made-up weights, quickly: one pool of numbers again and again, norms 1.
void fill(llasa::Model& model) {
  const at::NoGradGuard no_grad;
  std::vector<float> pool(1 << 20);
  Philox draws(1);
  for (float& value : pool) value = static_cast<float>(0.035 * (2 * draws.uniform() - 1));
  for (const nn::Named& named : model.named_parameters()) {
    if (named.tensor.dim() == 1) {
      named.tensor.fill_(1.0);
      continue;
    }
    float* to = named.tensor.mutable_data_ptr<float>();
    const auto count = static_cast<std::size_t>(named.tensor.numel());
    for (std::size_t i = 0; i < count; i += pool.size())
      std::copy_n(pool.data(), std::min(pool.size(), count - i), to + i);
  }
}

int run(const BenchLlasa& o, Context& context) {
  if (o.targets >= o.tokens)
    throw UsageError(fmt::format("--targets {}: a row of {} tokens has {} at most", o.targets, o.tokens, o.tokens - 1));
  roles::Registry registry;
  models::register_all(registry);
  const auto made = registry.model("llasa").config_of(o.preset);
  auto& config = dynamic_cast<llasa::Config&>(*made);
  config.num_hidden_layers = o.layers;
  config.recompute = o.recompute;
  if (o.vocabulary > 0) config.vocab_size = o.vocabulary;
  if (config.vocab_size == 0) throw UsageError("this preset has no vocabulary of its own", "--vocabulary 4096");
  at::set_num_threads(thread_count());
  const nn::InitNothing filled_below;
  llasa::Model model(config);
  fill(model);
  train::OptimOptions adamw;
  adamw.kind = "adamw";
  train::Optimiser optimiser(adamw, train::make_groups(model.named_parameters(), {}));
  Philox draws(2);
  llasa::Rows rows;
  rows.ids_BT = at::empty({o.rows, o.tokens}, at::TensorOptions().dtype(at::kLong));
  nn::Tensor labels_BT = at::empty({o.rows, o.tokens}, at::TensorOptions().dtype(at::kLong));
  for (std::int64_t i = 0; i < o.rows * o.tokens; ++i) {
    const auto id = static_cast<std::int64_t>(draws.below(static_cast<std::uint64_t>(config.vocab_size)));
    rows.ids_BT.mutable_data_ptr<std::int64_t>()[i] = id;
    labels_BT.mutable_data_ptr<std::int64_t>()[i] = i % o.tokens >= o.tokens - o.targets ? id : -100;
  }
  const auto count = static_cast<double>(o.rows * o.targets);
  const llasa::LossOptions how{.chunk_bytes = o.all_logits ? INT64_MAX : llasa::LossOptions{}.chunk_bytes,
                               .factor = 1 / count};
  std::vector<double> forward, backward, update, whole;
  double loss_value = 0;
  for (std::int64_t step = 0; step <= o.steps; ++step) {
    const double begin = use_so_far().cpu_s;
    at::autocast::set_autocast_enabled(at::kCPU, o.dtype == "bf16");
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    const llasa::Model::Loss loss = model.loss(rows, labels_BT, how);
    at::autocast::set_autocast_enabled(at::kCPU, false);
    const double middle = use_so_far().cpu_s;
    (loss.sum * (1 / count)).backward();
    loss_value = loss.sum.item<double>() / count;
    const double end = use_so_far().cpu_s;
    if (o.update) optimiser.step(1e-5);
    optimiser.zero_gradients();
    const double last = use_so_far().cpu_s;
    if (step == 0) continue;
    forward.push_back(middle - begin);
    backward.push_back(end - middle);
    update.push_back(last - end);
    whole.push_back(last - begin);
  }
  for (auto* list : {&forward, &backward, &update, &whole}) std::sort(list->begin(), list->end());
  const auto median = [](const std::vector<double>& list) { return list[list.size() / 2]; };
  const nlohmann::json result = {{"parameters", model.parameter_count()},
                                 {"loss", loss_value},
                                 {"threads", thread_count()},
                                 {"forward_cpu_s", median(forward)},
                                 {"backward_cpu_s", median(backward)},
                                 {"update_cpu_s", median(update)},
                                 {"median_cpu_s", median(whole)},
                                 {"best_cpu_s", whole.front()},
                                 {"peak_mb", use_so_far().peak_mb}};
  if (context.json)
    fmt::print(context.out, "{}\n", result.dump());
  else
    fmt::print(context.out,
               "{:.2f} CPU seconds a step (forward {:.2f} with the gradients of the output matrix, backward {:.2f}, "
               "update {:.2f}), {:.0f} MB at most\n",
               median(whole), median(forward), median(backward), median(update), use_so_far().peak_mb);
  return 0;
}

}  // namespace

void register_bench_llasa(Verbs& verbs) {
  add_verb<BenchLlasa>(verbs,
                       {.name = "bench-llasa",
                        .summary = "Tools: how fast: training steps of a slice of Llasa on made-up tokens",
                        .usage = "bench-llasa [--layers 4] [--tokens 512] [--targets 256] --threads 1",
                        .examples = {"timbre bench-llasa --preset debug --layers 2 --vocabulary 2000 --threads 1"}},
                       fields, run);
}

}  // namespace timbre::cli
