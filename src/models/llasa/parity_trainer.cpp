#include "models/llasa/parity_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/temporary_folder.h"
#include "models/llasa/layout.h"
#include "models/llasa/parity_lm.h"
#include "models/llasa/recipe.h"
#include "roles/parity_part.h"
#include "train/loop.h"
#include "train/optim.h"
#include "train/schedule.h"

namespace timbre::llasa {
namespace {

using nlohmann::json;
using roles::ParityRun;
using tokenizer::TrainingRow;

constexpr const char* kTrainerFile = "trainer.safetensors";

/// One run of the set.
struct TrainerCase {
  std::string pointer;        ///< of cases.json
  std::string file, entries;  ///< weights: "<entries>.step2.<prefix><name>"
  std::string prefix;         ///< peft's, before names
  std::string start, adapter;
  std::string seen;  ///< what all its entries' names hold
};

json given_of(const ParityRun& run, const std::string& pointer, const char* name, json otherwise) {
  const std::string place = fmt::format("{}/{}", pointer, name);
  return run.has_json(kCases, place) ? run.input_json(kCases, place) : otherwise;
}

/// transformers before 4.46 took the mean of each micro-batch's mean, and let a window run on into the next epoch.
bool before_4_46(const std::string& library) {
  const std::vector<std::string> parts = split(library.substr(library.rfind(' ') + 1), '.');
  if (parts.size() < 2) return false;
  const auto major = parse_int(parts[0]).value_or(0), minor = parse_int(parts[1]).value_or(0);
  return major < 4 || (major == 4 && minor < 46);
}

train::TrainOptions options_of(const ParityRun& run, const std::string& pointer) {
  train::TrainOptions o;
  recipe_defaults(o, "llasa_1b");
  o.optim.lr = given_of(run, pointer, "lr", 1e-5);
  o.optim.weight_decay = given_of(run, pointer, "weight_decay", 0.01);
  o.optim.beta2 = given_of(run, pointer, "adam_beta2", 0.95);
  o.optim.clip_norm = given_of(run, pointer, "max_grad_norm", 1.0);
  o.schedule.kind = "warmup_cosine_hf";
  o.schedule.warmup_ratio = given_of(run, pointer, "warm", 0.0);
  o.batch.items = given_of(run, pointer, "bs", 1);
  o.batch.order = "trainer";
  o.batch.seed = 42;
  o.accumulate = given_of(run, pointer, "ga", 1);
  o.max_epochs = given_of(run, pointer, "epochs", 1.0);
  const json library = run.has_json(kCases, "/library/transformers") ? run.input_json(kCases, "/library/transformers")
                                                                     : json("transformers 4.57");
  const bool old = before_4_46(given_of(run, pointer, "library", library));
  o.normalise = old ? "per_device" : "global";
  o.partial_steps = !old;
  o.precision = given_of(run, pointer, "bf16", false) ? "pure_bf16" : "fp32";
  o.valid_every_steps = 0;
  o.save_every_minutes = 0;
  o.log_every_steps = 1;
  o.probe = false;
  o.seed = 42;
  return o;
}

/// The first rows of `data.*`; ids that the network does not know replaced where the case says by what.
RowSource rows_of_set(const ParityRun& run, const std::string& pointer, std::int64_t vocabulary) {
  const std::vector<std::int64_t> order = run.input_json(kCases, pointer + "/order");
  const std::int64_t replaced = given_of(run, pointer, "speed_ids_replaced_by", -1);
  const Tensor ids_NT = given(run, kTrainerFile, "data.input_ids").to(at::kLong).contiguous();
  const Tensor mask_NT = given(run, kTrainerFile, "data.attention_mask").to(at::kLong).contiguous();
  const Tensor labels_NT = given(run, kTrainerFile, "data.labels").to(at::kLong).contiguous();
  const auto read = [=](std::int64_t i) {
    const std::int64_t length = ids_NT.size(1);
    const auto row = [&](const Tensor& from) {
      const auto* values = from.const_data_ptr<std::int64_t>() + i * length;
      std::vector<std::int32_t> out(values, values + length);
      for (std::int32_t& id : out)
        if (replaced >= 0 && id >= vocabulary) id = static_cast<std::int32_t>(replaced);
      return out;
    };
    TrainingRow out{.input_ids = row(ids_NT), .labels = row(labels_NT), .attention_mask = row(mask_NT)};
    out.has_end = true;
    return out;
  };
  return {.size = 1 + *std::max_element(order.begin(), order.end()), .read = read, .name = "data"};
}

/// What a run tells, as the set lists it.
struct Told {
  std::vector<double> loss, micro_loss, lr_used, logged_lr, grad_norm, logged;
  std::int64_t steps = 0;
  json groups = json::array();
};

double four_digits(double value) { return std::round(value * 1e4) / 1e4; }

/// Listens to the loop, and dumps the weights that the set asks for.
class Ear final : public train::Companion {
 public:
  Ear(ParityRun& run, const TrainerCase& of, const train::TrainOptions& options, const nn::Module& model, Told& told)
      : run_(run), of_(of), options_(options), model_(model), told_(told) {}

  void batch_done(const Report& report) override {
    window_.emplace_back(report.sums.front().second, report.counts.at("targets"));
    lr_ = report.lr_before;
  }

  void stepped(const State& state) override {
    double all = 0, loss = 0;
    for (const auto& [sum, targets] : window_) all += targets;
    const auto micros = static_cast<double>(window_.size());
    for (const auto& [sum, targets] : window_) {
      told_.micro_loss.push_back(sum / (options_.normalise == "per_device" ? targets * micros : all));
      loss += told_.micro_loss.back();
    }
    window_.clear();
    told_.loss.push_back(loss);
    told_.logged.push_back(four_digits(loss));
    told_.lr_used.push_back(lr_);
    told_.logged_lr.push_back(options_.partial_steps ? lr_ : state.lr);  // older ones log what the next step will use
    told_.steps = state.info.step;
    for (const nn::Named& named : model_.named_parameters())
      put(run_, of_.file, fmt::format("{}.step{}.{}{}", of_.entries, state.info.step, of_.prefix, named.name),
          named.tensor.to(at::kFloat));
    if (told_.groups.empty()) told_.groups = groups(state.optimiser);
  }

 private:
  /// Names that decay and names that do not, in the network's order.
  json groups(const train::Optimiser& optimiser) const {
    std::vector<std::string> decayed, others;
    for (const nn::Named& named : model_.named_parameters())
      for (const train::ParameterGroup& group : optimiser.groups())
        for (const nn::Named& one : group.parameters)
          if (one.name == named.name)
            (group.undecayed.contains(one.name) ? others : decayed).push_back(of_.prefix + one.name);
    const auto in_order = [&](const std::vector<std::string>& names) {
      json list = json::array();
      for (const auto& slots : {layout(config()), lora_layout(config())})
        for (const Slot& slot : slots)
          if (std::find(names.begin(), names.end(), of_.prefix + slot.name) != names.end())
            list.push_back(of_.prefix + slot.name);
      return list;
    };
    return json::array({{{"names", in_order(decayed)}}, {{"names", in_order(others)}}});
  }
  const Config& config() const { return dynamic_cast<const Model&>(model_).config(); }

  ParityRun& run_;
  const TrainerCase& of_;
  const train::TrainOptions& options_;
  const nn::Module& model_;
  Told& told_;
  std::vector<std::pair<double, double>> window_;  ///< sums and targets of the micro-batches of a step
  double lr_ = 0;
};

/// The recipe, heard.
class HeardRecipe final : public Recipe {
 public:
  using Recipe::Recipe;
  std::unique_ptr<Ear> ear;
  train::Companion* companion() override { return ear.get(); }
  void write_voice(const fs::path& folder, const weights::TensorMap&, const json&) const override {
    make_folders(folder);  // without a tokenizer there is no voice
  }
};

/// The loop's warnings are for people who train.
class Silence {
 public:
  Silence() {
    log::set_sink([](log::Level, std::string_view) {});
  }
  ~Silence() { log::set_sink(nullptr); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
};

void run_case(ParityRun& run, const TrainerCase& of) {
  auto model = open_model(run.input_path(of.start + "/config.json").parent_path(),
                          {.adapter = of.adapter.empty() ? fs::path() : run.dir() / of.adapter,
                           .dropout = given_of(run, of.pointer, "dropout", -1.0)});
  const train::TrainOptions options = options_of(run, of.pointer);
  Config config = model->config();
  config.row_length = 1 << 20;
  auto rows = rows_of_set(run, of.pointer, config.vocab_size);
  HeardRecipe recipe(std::move(model), std::make_unique<Data>(std::move(rows), RowSource{}, config));
  Told told;
  recipe.ear = std::make_unique<Ear>(run, of, options, recipe.model(), told);
  const TemporaryFolder folder;
  const train::Ranks ranks;
  train::Job job{.recipe = recipe, .options = options, .ranks = ranks, .run = folder.path()};
  job.events = [&](const Event& event) {
    if (event.kind == "metric" && event.data.value("set", "") == "train")
      told.grad_norm.push_back(event.data.at("values").at("grad_norm").get<double>());
  };
  {
    const Silence silence;
    train::train(job);
  }
  const auto tell = [&](const char* name, const json& value) { put_case(run, of.pointer + "/" + name, value); };
  tell("loss", told.loss);
  tell("micro_loss", told.micro_loss);
  tell("loss_as_logged", told.logged);
  tell("grad_norm", told.grad_norm);
  tell("lr_used", told.lr_used);
  tell("logged_lr", told.logged_lr);
  tell("steps", told.steps);
  tell("max_steps", told.steps);
  for (std::size_t i = 0; i < told.groups.size(); ++i)
    put_case(run, fmt::format("{}/groups/{}/names", of.pointer, i), told.groups[i]["names"]);
}

void run_cosine(ParityRun& run) {
  for (std::size_t i = 0; run.has_json(kCases, fmt::format("/cosine/{}", i)); ++i) {
    const std::string pointer = fmt::format("/cosine/{}", i);
    train::ScheduleOptions options;
    options.kind = "warmup_cosine_hf";
    options.final_ratio = 0;
    options.warmup_ratio = given_of(run, pointer, "warmup_ratio", 0.0);
    const double peak = given_of(run, pointer, "peak", 0.0);
    const std::int64_t total = given_of(run, pointer, "total_steps", 0);
    put_case(run, pointer + "/warmup_steps", train::warmup_steps_of(options, total));
    for (std::int64_t s = 0; s <= total; ++s) {
      const std::string place = s == total ? pointer + "/lr_after_last" : fmt::format("{}/lr_at/{}", pointer, s);
      put_case(run, place, train::learning_rate(options, peak, s + 1, total));
    }
  }
}

}  // namespace

void run_trainer_parity(ParityRun& run) {
  roles::attempt(run, std::string(kCases) + ":/cosine*", [&] { run_cosine(run); });
  const auto one = [&](const TrainerCase& of) {
    if (!run.has_json(kCases, of.pointer + "/order")) return;
    roles::attempt(run, fmt::format("*{}*", of.seen), [&] { run_case(run, of); });
  };
  for (const std::string& name : run.keys(kCases, "/trainer"))
    one({.pointer = "/trainer/" + name,
         .file = kTrainerFile,
         .entries = name,
         .prefix = {},
         .start = given_of(run, "/trainer/" + name, "start", "resized"),
         .adapter = {},
         .seen = name + "[./]"});
  one({.pointer = "/lora_qv/trainer",
       .file = kLoraFile,
       .entries = "lora_qv.trained",
       .prefix = "base_model.model.",
       .start = "fp32",
       .adapter = "lora_qv",
       .seen = "lora_qv[./]traine"});
}

}  // namespace timbre::llasa
