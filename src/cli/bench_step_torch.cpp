// Tools: how fast: training steps of any model on one batch of a corpus
#include <ATen/Parallel.h>
#include <sys/resource.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/threads.h"
#include "cli/verb.h"
#include "nn/init.h"
#include "train/job.h"
#include "train/registry.h"
#include "train/stepper.h"

namespace timbre::cli {
namespace {

struct BenchStepVerb {
  std::string model, preset, corpus;
  std::int64_t items = 1, steps = 3;
  std::vector<std::string> settings;
};

config::Fields fields(BenchStepVerb& o) {
  config::Fields f;
  f.add("model", o.model, "what is trained").positional().required().metavar("MODEL");
  f.add("preset", o.preset, "its sizes; empty = the default");
  f.add("corpus", o.corpus, "a prepared corpus; a model's own trainer may name its data instead").metavar("FOLDER");
  f.add("items", o.items, "items of the batch").range(1, 4096);
  f.add("steps", o.steps, "steps that are counted, after one to warm up").range(1, 1e6);
  f.add("with", o.settings, "options of the model, or of the trainer whose flags it knows").metavar("KEY=VALUE");
  return f;
}

double cpu_seconds() {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

int run(const BenchStepVerb& o, Context& context) {
  roles::Registry roles;
  train::Registry recipes(roles);
  models::register_all(roles);
  models::register_all_torch(recipes);
  const train::Registry::Entry& entry = recipes.recipe(o.model);
  const std::shared_ptr<roles::ModelConfig> config = roles.model(o.model).config_of(o.preset);
  const std::shared_ptr<train::ForeignTrainer> trainer = entry.trainer ? entry.trainer() : nullptr;
  config::Fields options;
  options.group("", config->fields());
  if (trainer) options.group("", trainer->fields());
  for (const std::string& setting : o.settings) options.set_assignment(setting, "--with");
  train::RunOptions as_run;
  as_run.corpus = o.corpus;
  as_run.config = config;
  if (entry.defaults) entry.defaults(as_run.loop, o.preset);
  if (trainer) trainer->apply(as_run);
  if (o.corpus.empty() && !as_run.own_data) throw UsageError("no corpus was given", "--corpus FOLDER");
  const train::TrainOptions& loop = as_run.loop;
  at::set_num_threads(thread_count());
  const auto recipe = entry.make(*config);
  {
    const nn::InitSeed seed(1);
    recipe->open({.corpus = o.corpus, .seed = 1, .trainer = trainer.get()});
  }
  const auto count =
      std::min<std::size_t>(static_cast<std::size_t>(o.items), recipe->items(train::Split::train).size());
  std::vector<std::size_t> items(count);
  std::iota(items.begin(), items.end(), std::size_t{0});
  const batch::Batch batch = recipe->collate_in_epoch(train::Split::train, items, 0);
  const train::Ranks ranks;
  train::Stepper stepper(*recipe, loop, ranks);
  recipe->model().train();
  std::vector<double> seconds;
  for (std::int64_t step = 0; step <= o.steps; ++step) {
    const double begin = cpu_seconds();
    stepper.run({.step = step + 1, .epoch = 0}, {&batch}, loop.optim.lr);
    if (step > 0) seconds.push_back(cpu_seconds() - begin);
    emit_progress(context.events, "bench", static_cast<double>(step), static_cast<double>(o.steps), "steps");
  }
  std::sort(seconds.begin(), seconds.end());
  const nlohmann::json result = {{"model", o.model},
                                 {"preset", o.preset},
                                 {"items", count},
                                 {"threads", thread_count()},
                                 {"best_cpu_s", seconds.front()},
                                 {"median_cpu_s", seconds[seconds.size() / 2]}};
  if (context.json)
    fmt::print(context.out, "{}\n", result.dump());
  else
    fmt::print(context.out, "{}: {:.3f} CPU seconds a step of {} items (median {:.3f})\n", o.model, seconds.front(),
               count, seconds[seconds.size() / 2]);
  return 0;
}

}  // namespace

void register_bench_step(Verbs& verbs) {
  add_verb<BenchStepVerb>(verbs,
                          {.name = "bench-step",
                           .summary = "Tools: how fast: training steps of any model on one batch of a corpus",
                           .usage = "bench-step MODEL --corpus FOLDER [--preset P] --threads 1",
                           .examples = {"timbre bench-step hifigan --preset v1 --corpus data/anna --threads 1 --json"}},
                          fields, run);
}

}  // namespace timbre::cli
