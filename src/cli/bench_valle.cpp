#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/rng.h"
#include "base/threads.h"
#include "cli/read_rate.h"
#include "cli/verb.h"
#include "models/valle/engine_synthesizer.h"
#include "models/valle/layout.h"

namespace timbre::cli {
namespace {

struct BenchValle {
  std::string model = "valle";
  std::int64_t dim = 1024, heads = 16, layers = 12, tokens = 375, prompt = 225, text = 120, times = 2;
  bool nar = true;
};

config::Fields fields(BenchValle& o) {
  config::Fields f;
  f.add("model", o.model, "valle or vallf").choices({"valle", "vallf"});
  f.add("dim", o.dim, "width of the decoders").range(32, 8192);
  f.add("heads", o.heads, "attention heads").range(1, 128);
  f.add("layers", o.layers, "layers of each decoder").range(1, 96);
  f.add("tokens", o.tokens, "frames to make").range(1, 100000);
  f.add("prompt", o.prompt, "frames of the prompt").range(1, 100000);
  f.add("text", o.text, "tokens of the text").range(1, 100000);
  f.add("times", o.times, "passes; the fastest counts").range(1, 100);
  f.add("nar", o.nar, "also fill in the other seven codebooks");
  return f;
}

/// Random weights that keep activations near 1, in the layout of a checkpoint.
weights::TensorMap random_weights(const valle::Config& config) {
  weights::TensorMap tensors;
  Philox random(7);
  for (const valle::Slot& slot : valle::layout(config)) {
    if (!slot.tied_to.empty() || slot.integer) continue;
    std::int64_t count = 1;
    for (const std::int64_t size : slot.shape) count *= size;
    const double scale = slot.shape.size() > 1 ? 0.05 : 0.02;
    const double shift = slot.name.ends_with("weight") && slot.shape.size() == 1 ? 1 : 0;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = static_cast<float>(shift + scale * (2 * random.uniform() - 1));
    tensors.insert(slot.name, weights::Tensor::of(slot.shape, std::move(values)));
  }
  return tensors;
}

int run(const BenchValle& o, Context& context) {
  valle::Config config;
  config.model_name = o.model;
  config.decoder_dim = o.dim;
  config.nhead = o.heads;
  config.num_decoder_layers = o.layers;
  config.prepend_bos = true;
  config.num_quantizers = o.nar ? 8 : 1;
  valle::EngineSynthesizer voice(config, random_weights(config), "random weights");
  roles::CodeRequest request;
  Philox random(1);
  for (std::int64_t s = 0; s < o.text; ++s)
    request.tokens_S.push_back(1 + static_cast<std::int64_t>(random.below(500)));
  request.prompt_tokens = o.text / 2;
  request.prompt_frames = o.prompt;
  for (std::int64_t i = 0; i < o.prompt * voice.codebooks(); ++i)
    request.prompt_FQ.push_back(static_cast<std::int32_t>(random.below(1024)));
  request.sampling.frames = request.sampling.least_frames = o.tokens;
  valle::EngineTimes best;
  best.prefill_s = best.decode_s = best.nar_s = best.prefill_cpu_s = best.decode_cpu_s = best.nar_cpu_s = 1e9;
  std::vector<double> steps_s;
  double limit = 0;
  for (std::int64_t i = 0; i < o.times; ++i) {
    limit =
        std::max(limit, read_rate(thread_count(), 64 << 20, 0.5));  // before each pass, so that both meet the same load
    voice.engine().generate(request);
    const valle::EngineTimes& now = voice.engine().times();
    best.prefill_s = std::min(best.prefill_s, now.prefill_s);
    best.decode_s = std::min(best.decode_s, now.decode_s);
    best.decode_cpu_s = std::min(best.decode_cpu_s, now.decode_cpu_s);
    best.nar_s = std::min(best.nar_s, now.nar_s);
    best.prefill_cpu_s = std::min(best.prefill_cpu_s, now.prefill_cpu_s);
    best.nar_cpu_s = std::min(best.nar_cpu_s, now.nar_cpu_s);
    best.prefill_rows = now.prefill_rows;
    best.steps = now.steps;
    best.step_bytes = now.step_bytes;
    steps_s.insert(steps_s.end(), now.step_s.begin(), now.step_s.end());
  }
  std::sort(steps_s.begin(), steps_s.end());
  const double rate = static_cast<double>(best.steps) / best.decode_s;
  const double tenth_s = steps_s[steps_s.size() / 10], reads = best.step_bytes / tenth_s / 1e9;
  const nlohmann::ordered_json result = {{"frames_per_s", rate},
                                         {"frames_per_cpu_s", static_cast<double>(best.steps) / best.decode_cpu_s},
                                         {"frames_per_s_best_tenth", 1 / tenth_s},
                                         {"prefill_s", best.prefill_s},
                                         {"nar_s", best.nar_s},
                                         {"prefill_cpu_s", best.prefill_cpu_s},
                                         {"nar_cpu_s", best.nar_cpu_s},
                                         {"reads_gb_per_s", reads},
                                         {"memory_gb_per_s", limit},
                                         {"threads", thread_count()}};
  if (context.json) {
    fmt::print(context.out, "{}\n", result.dump());
    return 0;
  }
  fmt::print(
      context.out,
      "{:.1f} frames/s ({:.1f} GB/s read, {:.0f} % of the {:.1f} GB/s that {} thread{} can read), {} rows before "
      "the first in {:.2f} s, NAR {:.2f} s\n",
      rate, reads, 100 * reads / limit, limit, thread_count(), thread_count() == 1 ? "" : "s", best.prefill_rows,
      best.prefill_s, best.nar_s);
  return 0;
}

}  // namespace

void register_bench_valle(Verbs& verbs) {
  add_verb<BenchValle>(verbs,
                       {.name = "bench-valle",
                        .summary = "Tools: how fast: frames that VALL-E makes a second, beside what memory allows",
                        .usage = "bench-valle [--dim 1024] [--tokens 375]",
                        .examples = {"timbre bench-valle --threads 1", "timbre bench-valle --dim 256 --layers 4"}},
                       fields, run);
}

}  // namespace timbre::cli
