#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/rng.h"
#include "base/threads.h"
#include "cli/read_rate.h"
#include "cli/verb.h"
#include "models/llasa/engine.h"
#include "models/llasa/layout.h"
#include "roles/registry.h"

namespace timbre::cli {
namespace {

struct BenchSpeak {
  std::string preset = "llasa_1b", dtype = "bf16", cache = "fp32";
  std::int64_t layers = 0, vocabulary = 0, codes = 65536, tokens = 12;
  std::vector<std::int64_t> contexts = {256, 1500};
};

config::Fields fields(BenchSpeak& o) {
  config::Fields f;
  f.add("preset", o.preset, "whose sizes");
  f.add("layers", o.layers, "layers of it; 0 = all").range(0, 1024);
  f.add("vocabulary", o.vocabulary, "tokens; 0 = the preset's").range(0, 1 << 24);
  f.add("codes", o.codes, "speech tokens at the vocabulary's end: with the end token before them, what is scored")
      .range(1, 1 << 24);
  f.add("dtype", o.dtype, "of the weights").choices({"fp32", "bf16"});
  f.add("cache", o.cache, "of keys and values").choices({"fp32", "bf16"});
  f.add("contexts", o.contexts, "tokens behind the ones that are measured");
  f.add("tokens", o.tokens, "steps at each").range(2, 100000);
  return f;
}

double wall_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
double cpu_s() {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

/// Made-up numbers in the layout of a network, each tensor made when its turn comes: one pool again and again, norms 1.
std::vector<llasa::Source> made_up(const llasa::Config& config, bool bf16) {
  const auto pool = std::make_shared<std::vector<float>>(1 << 20);
  Philox draws(1);
  for (float& value : *pool) value = static_cast<float>(0.035 * (2 * draws.uniform() - 1));
  std::vector<llasa::Source> out;
  for (const llasa::Slot& slot : llasa::layout(config))
    out.push_back({slot.name, slot.shape, [pool, bf16, shape = slot.shape] {
                     std::int64_t count = 1;
                     for (const std::int64_t size : shape) count *= size;
                     const auto value = [&](std::size_t i) {
                       return shape.size() == 1 ? 1.0f : (*pool)[i & (pool->size() - 1)];
                     };
                     const auto fill = [&](auto& values, const auto& made) {
                       for (std::size_t i = 0; i < values.size(); ++i) values[i] = made(value(i));
                       return weights::Tensor::of(shape, std::move(values));
                     };
                     std::vector<float> floats(bf16 ? 0 : static_cast<std::size_t>(count));
                     std::vector<weights::BF16> halves(bf16 ? static_cast<std::size_t>(count) : 0);
                     return bf16 ? fill(halves, weights::to_bf16) : fill(floats, [](float v) { return v; });
                   }});
  return out;
}

llasa::Config config_of(const BenchSpeak& o) {
  roles::Registry registry;
  models::register_all(registry);
  const auto made = registry.model("llasa").config_of(o.preset);
  auto config = dynamic_cast<const llasa::Config&>(*made);
  if (o.layers > 0) config.num_hidden_layers = o.layers;
  if (o.vocabulary > 0) config.vocab_size = o.vocabulary;
  if (config.vocab_size == 0) throw UsageError("this preset has no vocabulary of its own", "--vocabulary 4096");
  if (o.codes >= config.vocab_size)
    throw UsageError(fmt::format("--codes {}: the vocabulary has {} tokens", o.codes, config.vocab_size));
  return config;
}

nlohmann::ordered_json measure(const llasa::Engine& engine, llasa::EngineSession& session, std::int64_t context,
                               std::int64_t steps) {
  Philox draws(2);
  std::vector<std::int64_t> ids;
  const auto words = static_cast<std::uint64_t>(engine.config().vocab_size);
  while (session.length() + static_cast<std::int64_t>(ids.size()) < context)
    ids.push_back(static_cast<std::int64_t>(draws.below(words)));
  const double begin_s = wall_s(), begin_cpu_s = cpu_s();
  if (!ids.empty()) session.prefill(ids);
  const double heard_s = wall_s() - begin_s, heard_cpu_s = cpu_s() - begin_cpu_s;
  ReadMeter meter(thread_count(), std::int64_t{256} << 20);
  std::vector<double> step_s, step_cpu_s, memory, memory_cpu;
  for (std::int64_t i = 0; i < steps; ++i) {
    const ReadMeter::Rate rate = meter.pass();  // in turn, so that both meet the same load
    memory.push_back(rate.wall);
    memory_cpu.push_back(rate.cpu);
    const double from_s = wall_s(), from_cpu_s = cpu_s();
    session.step(static_cast<std::int64_t>(draws.below(words)));
    step_s.push_back(wall_s() - from_s);
    step_cpu_s.push_back((cpu_s() - from_cpu_s) / thread_count());
  }
  session.shorten(context);
  for (auto* list : {&step_s, &step_cpu_s, &memory, &memory_cpu}) std::sort(list->begin(), list->end());
  const auto at = [](const std::vector<double>& list, double part) {
    return list[static_cast<std::size_t>(part * static_cast<double>(list.size() - 1))];
  };
  const double bytes = engine.step_bytes(context + steps / 2);
  return {{"context", context},
          {"prefill_tokens", ids.size()},
          {"prefill_s", heard_s},
          {"prefill_cpu_s", heard_cpu_s},
          {"bytes", bytes},
          {"tokens_per_s", 1 / at(step_s, 0.1)},
          {"reads_gb_per_s", bytes / at(step_s, 0.1) / 1e9},
          {"memory_gb_per_s", at(memory, 0.9)},
          {"tokens_per_cpu_s", 1 / at(step_cpu_s, 0.5)},
          {"reads_gb_per_cpu_s", bytes / at(step_cpu_s, 0.5) / 1e9},
          {"memory_gb_per_cpu_s", at(memory_cpu, 0.5)}};
}

int run(const BenchSpeak& o, Context& context) {
  const llasa::Config config = config_of(o);
  llasa::EngineOptions options{.weights = llasa::Precision::stored,
                               .cache = o.cache == "bf16" ? llasa::Precision::bf16 : llasa::Precision::fp32,
                               .scored = {}};
  for (std::int64_t id = config.vocab_size - o.codes - 1; id < config.vocab_size; ++id) options.scored.push_back(id);
  const double begin_s = wall_s();
  const llasa::Engine engine(config, made_up(config, o.dtype == "bf16"), "random weights", options);
  const double open_s = wall_s() - begin_s;
  llasa::EngineSession session(engine);
  session.reserve(*std::max_element(o.contexts.begin(), o.contexts.end()) + o.tokens);
  nlohmann::ordered_json result = {
      {"threads", thread_count()}, {"open_s", open_s}, {"contexts", nlohmann::json::array()}};
  for (const std::int64_t length : o.contexts) {
    if (length < 1) throw UsageError(fmt::format("--contexts {}: at least one token", length));
    session.shorten(length);
    result["contexts"].push_back(measure(engine, session, length, o.tokens));
    const auto& now = result["contexts"].back();
    if (context.json) continue;
    const auto number = [&](const char* key) { return now[key].get<double>(); };
    fmt::print(context.out,
               "{} tokens behind, {} thread{}: by CPU time {:.2f} tokens/s, {:.1f} of {:.1f} GB/s read ({:.0f} %); by "
               "the clock, best tenth, {:.2f} tokens/s, {:.1f} of {:.1f} GB/s ({:.0f} %); {} tokens heard in {:.1f} s "
               "({:.1f} CPU s)\n",
               length, thread_count(), thread_count() == 1 ? "" : "s", number("tokens_per_cpu_s"),
               number("reads_gb_per_cpu_s"), number("memory_gb_per_cpu_s"),
               100 * number("reads_gb_per_cpu_s") / number("memory_gb_per_cpu_s"), number("tokens_per_s"),
               number("reads_gb_per_s"), number("memory_gb_per_s"),
               100 * number("reads_gb_per_s") / number("memory_gb_per_s"), now["prefill_tokens"].get<std::int64_t>(),
               number("prefill_s"), number("prefill_cpu_s"));
  }
  if (context.json) fmt::print(context.out, "{}\n", result.dump());
  return 0;
}

}  // namespace

void register_bench_llasa_speak(Verbs& verbs) {
  add_verb<BenchSpeak>(
      verbs,
      {.name = "bench-llasa-speak",
       .summary = "Tools: how fast: tokens that Llasa says a second, beside what memory allows",
       .usage = "bench-llasa-speak [--preset llasa_1b] [--dtype bf16] [--contexts 256,1500]",
       .examples = {"timbre bench-llasa-speak --threads 1",
                    "timbre bench-llasa-speak --layers 4 --vocabulary 20000 --codes 8192 --dtype fp32"}},
      fields, run);
}

}  // namespace timbre::cli
