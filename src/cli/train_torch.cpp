// Training: train a model on a prepared corpus, or let a run go on
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>

#include "base/log.h"
#include "base/strings.h"
#include "cli/verb.h"
#include "train/job.h"

namespace timbre::cli {
namespace {

/// Everything that can be trained, registered once.
struct Networks {
  roles::Registry roles;
  train::Registry recipes{roles};
  Networks() {
    models::register_all(roles);
    models::register_all_torch(recipes);
  }
};

struct TrainVerb {
  Networks networks;
  train::RunOptions run;
  config::Fields all;              ///< with the model's own options
  std::vector<std::string> words;  ///< as typed
};

/// The words this process was started with: what other ranks are started with.
std::vector<std::string> own_words() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::vector<std::string> words = split(text, '\0');
  if (!words.empty()) words.erase(words.begin());
  if (!words.empty() && words.back().empty()) words.pop_back();
  return words;
}

std::string describe(const train::RunOptions& o, const train::Outcome& outcome) {
  if (outcome.ended_by == "dry run") return "nothing was written: " + outcome.forecast.text();
  std::string text = fmt::format("{} after step {}",
                                 outcome.ended_by == "signal"      ? "stopped"
                                 : outcome.ended_by == "patience"  ? "no longer better, ended"
                                 : outcome.ended_by == "memorised" ? "known by heart, ended"
                                                                   : "done",
                                 outcome.step);
  if (std::isfinite(outcome.best_loss))
    text += fmt::format(", best validation loss {:.4f} ({})", outcome.best_loss, outcome.best);
  text += outcome.ended_by == "signal" ? fmt::format("\ngo on with: timbre train --continue {}", o.out)
                                       : fmt::format("\nvoice: {}/voice", o.out);
  if (outcome.advice) text += "\n" + outcome.advice->text;
  if (outcome.overfit) text += "\n" + outcome.overfit->text();
  return text;
}

int run(TrainVerb& verb, Context& context) {
  train::Outcome outcome;
  const int code =
      train::run_job(verb.run, verb.all, verb.networks.recipes, own_words(), context.dry_run, context.events, &outcome);
  if (outcome.ended_by.empty()) return code;  // ranks were started; rank 0 has reported
  if (context.json && verb.run.ranks == 1) {
    nlohmann::json document{{"run", verb.run.out},
                            {"step", outcome.step},
                            {"ended_by", outcome.ended_by},
                            {"best", outcome.best},
                            {"train_s", outcome.train_s},
                            {"waited_s", outcome.waited_s},
                            {"forecast_s", outcome.forecast.total_s},
                            {"forecast_memory_bytes", outcome.forecast.memory_bytes},
                            {"forecast_disk_bytes", outcome.forecast.disk_bytes},
                            {"steps", outcome.forecast.steps}};
    if (std::isfinite(outcome.best_loss)) document["best_loss"] = outcome.best_loss;
    if (outcome.advice) document["advice"] = to_json(*outcome.advice);
    if (outcome.overfit) document["overfit"] = to_json(*outcome.overfit);
    fmt::print(context.out, "{}\n", document.dump(2));
  } else if (!train::is_rank() || std::string(std::getenv("RANK")) == "0") {
    log::note(describe(verb.run, outcome));
  }
  return code;
}

}  // namespace

void register_train(Verbs& verbs) {
  verbs.add("train", "Training: train a model on a prepared corpus, or let a run go on", [] {
    auto state = std::make_shared<TrainVerb>();
    Verb verb;
    verb.name = "train";
    verb.summary = "Training: train a model on a prepared corpus, or let a run go on";
    verb.usage = "train MODEL|RUN.yaml --corpus FOLDER [--base VOICE] [OPTIONS] | train --continue RUN\n\nModels:\n" +
                 train::list_models(state->networks.recipes);
    verb.examples = {"timbre train fastspeech2 --corpus data/anna --out runs/anna",
                     "timbre train fastspeech2 --corpus data/anna --base voices/lj --optim.lr 1e-4",
                     "timbre train --continue runs/anna",
                     "timbre train recipes/demo.yaml --set optim.lr=5e-4 --dry-run",
                     "torchrun --no-python --nproc_per_node=2 timbre train fastspeech2 --corpus data/anna"};
    verb.writes = true;
    verb.fields = train::fields(state->run);
    verb.extend = [state](config::Fields& fields, const std::vector<std::string>& words) {
      train::extend_fields(state->run, fields, words, state->networks.recipes);
      state->all = fields;
    };
    verb.run = [state](Context& context) { return run(*state, context); };
    return verb;
  });
}

}  // namespace timbre::cli
