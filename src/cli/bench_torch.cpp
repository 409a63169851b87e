// Tools: how fast: a training step on made-up utterances
#include <ATen/Parallel.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <sys/resource.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/threads.h"
#include "batch/sampler.h"
#include "cli/verb.h"
#include "models/fastspeech2/recipe.h"
#include "nn/dropout.h"
#include "nn/init.h"
#include "train/optim.h"

namespace timbre::cli {
namespace {

struct BenchVerb {
  std::string lengths, preset = "ming024";
  std::int64_t items = 16, batches = 0;
};

config::Fields fields(BenchVerb& o) {
  config::Fields f;
  f.add("lengths", o.lengths, "JSON: a list of utterances, each the list of its phones' frames")
      .positional()
      .required()
      .metavar("LENGTHS.json");
  f.add("preset", o.preset, "preset of fastspeech2").choices({"ming024", "small", "debug"});
  f.add("items", o.items, "utterances a batch").range(1, 4096);
  f.add("batches", o.batches, "stop after so many steps; 0 = one epoch").range(0, 1e9);
  return f;
}

using Lengths = std::vector<std::vector<std::int64_t>>;

std::int64_t frames_of(const std::vector<std::int64_t>& durations) {
  std::int64_t frames = 0;
  for (const auto d : durations) frames += d;
  return frames;
}

/// Random phones, mels, pitch and energy of the given lengths.
batch::Batch make_batch(const Lengths& lengths, const std::vector<std::size_t>& ids, std::int64_t mels) {
  std::int64_t phones = 0, frames = 0, all_phones = 0, all_frames = 0;
  for (const auto i : ids) {
    phones = std::max<std::int64_t>(phones, static_cast<std::int64_t>(lengths[i].size()));
    frames = std::max(frames, frames_of(lengths[i]));
    all_phones += static_cast<std::int64_t>(lengths[i].size());
    all_frames += frames_of(lengths[i]);
  }
  const auto items = static_cast<std::int64_t>(ids.size());
  const auto durations_BP = at::zeros({items, phones}, at::kLong), text_lens_B = at::zeros({items}, at::kLong),
             mel_lens_B = at::zeros({items}, at::kLong);
  for (std::int64_t row = 0; row < items; ++row) {
    const auto& durations = lengths[ids[static_cast<std::size_t>(row)]];
    std::copy(durations.begin(), durations.end(), durations_BP.data_ptr<std::int64_t>() + row * phones);
    text_lens_B.data_ptr<std::int64_t>()[row] = static_cast<std::int64_t>(durations.size());
    mel_lens_B.data_ptr<std::int64_t>()[row] = frames_of(durations);
  }
  batch::Batch batch;
  batch.put("text_BP", at::randint(1, 360, {items, phones}, at::kLong));
  batch.put("text_lens_B", text_lens_B);
  batch.put("speaker_B", at::zeros({items}, at::kLong));
  batch.put("durations_BP", durations_BP);
  batch.put("mel_BFM", at::randn({items, frames, mels}));
  batch.put("mel_lens_B", mel_lens_B);
  batch.put("pitch", at::randn({items, phones}));
  batch.put("energy", at::randn({items, phones}));
  batch.counts = {{"items", static_cast<double>(items)},
                  {"phones", static_cast<double>(all_phones)},
                  {"frames", static_cast<double>(all_frames)},
                  {"mel_values", static_cast<double>(all_frames * mels)}};
  batch.real_units = static_cast<double>(all_frames);
  batch.padded_units = static_cast<double>(items * frames);
  return batch;
}

double cpu_seconds() {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

/// One optimiser step as the loop does it: forward, losses, backward, clip, update.
void train_step(fastspeech2::FastSpeech2& model, const fastspeech2::Config& config, const batch::Batch& batch,
                train::Optimiser& optimiser, std::uint64_t step) {
  const nn::NoiseScope noise(1, step);
  const auto out = model.forward(fastspeech2::inputs_of(batch, batch["mel_BFM"].size(1)));
  at::Tensor total;
  for (const auto& term : fastspeech2::loss_terms(config, out, batch)) {
    const auto part = term.sum * (term.weight / batch.counts.at(term.unit));
    total = total.defined() ? total + part : part;
  }
  total.backward();
  const at::NoGradGuard no_grad;
  const auto parameters = model.named_parameters();
  train::clip_gradients(parameters, train::gradient_norm(parameters).item<double>(), 1.0);
  optimiser.step(1e-4);
  optimiser.zero_gradients();
}

int run(const BenchVerb& o, Context& context) {
  const auto lengths = nlohmann::json::parse(read_file(o.lengths)).get<Lengths>();
  fastspeech2::Config config;
  if (o.preset == "ming024") fastspeech2::apply_ming024(config);
  if (o.preset == "small") fastspeech2::apply_small(config);
  if (o.preset == "debug") fastspeech2::apply_debug(config);
  at::set_num_threads(thread_count());
  fastspeech2::FastSpeech2 model(config, 361, 1, {-2.917, 11.391, 207.63, 46.78}, {-1.431, 8.184, 37.33, 26.04});
  model.train();
  train::Optimiser optimiser(train::OptimOptions{}, train::make_groups(model.named_parameters(), {}));

  std::vector<std::int64_t> units;
  for (const auto& durations : lengths) units.push_back(frames_of(durations));
  const batch::BucketSampler sampler(units, {.items = o.items}, 1);
  auto order = sampler.epoch(0);
  if (o.batches > 0 && o.batches < static_cast<std::int64_t>(order.size()))
    order.resize(static_cast<std::size_t>(o.batches));
  order.insert(order.begin(), order.front());  // a warm-up that is not counted
  double real = 0, padded = 0, seconds = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto batch = make_batch(lengths, order[i], config.mel.mels);
    const double start = cpu_seconds();
    train_step(model, config, batch, optimiser, i);
    if (i == 0) continue;
    seconds += cpu_seconds() - start;
    real += batch.real_units;
    padded += batch.padded_units;
    emit_progress(context.events, "bench", static_cast<double>(i), static_cast<double>(order.size() - 1), "steps");
  }
  const nlohmann::json result = {{"real_frames", real},       {"padded_frames", padded},
                                 {"cpu_s", seconds},          {"frames_per_cpu_s", real / seconds},
                                 {"steps", order.size() - 1}, {"preset", o.preset},
                                 {"threads", thread_count()}};
  if (context.json)
    fmt::print(context.out, "{}\n", result.dump());
  else
    fmt::print(context.out, "{}: {:.0f} real frames per CPU second, {:.1f} % padding, {} steps\n", o.preset,
               real / seconds, 100 * (padded / real - 1), order.size() - 1);
  return 0;
}

}  // namespace

void register_bench(Verbs& verbs) {
  add_verb<BenchVerb>(verbs,
                      {.name = "bench",
                       .summary = "Tools: how fast: a training step on made-up utterances",
                       .usage = "bench LENGTHS.json [--preset ming024] --threads 1",
                       .examples = {"timbre bench lengths.json --preset small --threads 1 --json"}},
                      fields, run);
}

}  // namespace timbre::cli
