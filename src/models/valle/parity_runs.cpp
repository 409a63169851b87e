#include "models/valle/parity_runs.h"

#include <ATen/ops/norm.h>
#include <ATen/ops/zeros.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "models/valle/parity_forward.h"
#include "models/valle/recipe.h"
#include "roles/parity_part.h"
#include "train/job.h"
#include "train/schedule.h"
#include "train/stepper.h"

namespace timbre::valle {
namespace {

using nlohmann::json;
using roles::ParityRun;

/// The recipe's network with batches and draws that are given instead of read and drawn.
class GivenRecipe final : public train::Recipe {
 public:
  GivenRecipe(const Config& config, Stage stage) : model_(config), stage_(stage) { model_.train(); }
  void open(const train::DataContext&) override {}
  nn::Module& model() override { return model_; }
  Valle& network() { return model_; }
  std::vector<train::Player> players() const override {
    const char* patterns[] = {"*", "ar_*", "nar_*"};
    return {{.name = "model", .parameters = {patterns[static_cast<std::size_t>(stage_)]}}};
  }
  const std::vector<batch::Item>& items(train::Split) const override { return none_; }
  batch::Batch collate(train::Split, std::span<const std::size_t>) const override { return {}; }
  std::vector<train::Term> losses(const batch::Batch& batch, const train::StepInfo&) override {
    return terms_of(model_.forward(inputs_of(batch), stage_, draws_of(batch)), batch.counts.at("frames"));
  }
  json about() const override { return nullptr; }

 private:
  static NarDraws draws_of(const batch::Batch& batch) {
    return {.stage = batch["stage"].item<std::int64_t>(), .prefix = batch["prefix"].item<std::int64_t>()};
  }
  Valle model_;
  Stage stage_;
  std::vector<batch::Item> none_;
};

batch::Batch given_batch(const ParityRun& run, const std::string& file, const std::string& name, const NarDraws& draws,
                         bool languages) {
  const GivenBatch given = read_batch(run, file, name);
  const auto list = [](const std::vector<std::int64_t>& values) {
    return nn::to_torch(weights::Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
  };
  batch::Batch batch;
  double frames = 0;
  for (const std::int64_t length : given.audio_lens) frames += static_cast<double>(length);
  const auto count = static_cast<std::int64_t>(given.audio_lens.size());
  batch.ids.assign(given.audio_lens.size(), name);
  batch.put("text_BX", given.text_BX);
  batch.put("text_lens_B", list(given.text_lens));
  batch.put("codes_BYQ", given.audio_BYQ);
  batch.put("code_lens_B", list(given.audio_lens));
  batch.put("stage", list({draws.stage}));
  batch.put("prefix", list({draws.prefix}));
  if (languages) batch.put("language_BX", at::zeros({count, 1}, at::TensorOptions(at::kLong)));
  batch.counts = {{"frames", frames}, {"utterances", static_cast<double>(count)}};
  return batch;
}

std::string text_parameter(const Checkpoint& from, const char* key, const char* otherwise) {
  const weights::Value* value = from.parameter(key);
  return value && value->is_text() ? value->as_text() : otherwise;
}
std::int64_t whole_parameter(const Checkpoint& from, const char* key, std::int64_t otherwise) {
  const weights::Value* value = from.parameter(key);
  return value && value->kind() == weights::Value::Kind::integer ? value->as_int() : otherwise;
}
double real_parameter(const Checkpoint& from, const char* key, double otherwise) {
  const weights::Value* value = from.parameter(key);
  return value && (value->kind() == weights::Value::Kind::real || value->kind() == weights::Value::Kind::integer)
             ? value->as_real()
             : otherwise;
}

/// The loop's options of the flags that a file was trained with.
train::TrainOptions loop_of(const Checkpoint& from, const Config& config) {
  train::RunOptions run;
  trainer_defaults(run.loop, "lifeiteng");
  run.config = std::make_shared<Config>(config);
  Trainer trainer;
  TrainerOptions& o = trainer.options();
  o.optimizer_name = text_parameter(from, "optimizer_name", "ScaledAdam");
  o.scheduler_name = text_parameter(from, "scheduler_name", "Eden");
  o.base_lr = real_parameter(from, "base_lr", 0.05);
  o.warmup_steps = whole_parameter(from, "warmup_steps", 200);
  o.accumulate_grad_steps = whole_parameter(from, "accumulate_grad_steps", 1);
  o.average_period = whole_parameter(from, "average_period", 0);
  trainer.apply(run);
  return run.loop;
}

/// What a run over given batches does between them; the loop's place is taken by the set's list.
class GivenRun {
 public:
  GivenRun(const Config& config, std::int64_t stage, train::TrainOptions options, std::int64_t log_interval)
      : options_(std::move(options)),
        config_(config),
        stage_(stage),
        recipe_(config, static_cast<Stage>(stage)),
        books(log_interval, 200,
              {[this](const std::string& line) { lines.push_back(line); },
               [this](const std::string& tag, double value, std::int64_t batch) {
                 scalars.push_back({tag, value, batch});
               }}) {}

  void load(Checkpoint& from, const std::string& where) {
    std::vector<std::string> notes;
    load_network(recipe_.network(), config_, from, where, notes);
    stepper.emplace(recipe_, options_, ranks_);
  }
  /// The state of the file, by the trainer's rules.
  void take_state(const Checkpoint& from, const Resumption& resumption) {
    batches = resumption.batch_idx_train;
    epoch = resumption.start_epoch - 1;
    base_lr = options_.optim.lr;
    if (resumption.optimizer_kept)
      stepper->optimisers().front().load_torch(from.optimizer, optimiser_names(config_, stage_), "the set's file");
    if (resumption.scheduler_kept) base_lr = base_lr_of(from.scheduler).value_or(base_lr);
    if (resumption.books_kept)
      books.best = {real_parameter(from, "best_train_loss", books.best.train_loss),
                    real_parameter(from, "best_valid_loss", books.best.valid_loss),
                    whole_parameter(from, "best_train_epoch", -1), whole_parameter(from, "best_valid_epoch", -1)};
  }
  double rate() {
    return train::learning_rate(options_.schedule, base_lr, stepper->optimisers().front().steps() + 1, 0, epoch,
                                batches - batches % options_.accumulate);
  }

  /// One batch of training; the step is made when accumulate of them are there. Their sums come back then.
  void train(batch::Batch batch) {
    const double before = rate();
    pending_.push_back(std::move(batch));
    rates_before.push_back(before);
    if ((batches + static_cast<std::int64_t>(pending_.size())) % options_.accumulate == 0) step();
  }
  void step() {
    std::vector<const batch::Batch*> micros;
    for (const batch::Batch& one : pending_) micros.push_back(&one);
    std::vector<std::vector<train::Term>> terms(micros.size());
    recipe_.model().train();
    const train::StepInfo info{.step = ++step_, .batch = batches + 1, .epoch = epoch};
    stepper->run(info, micros, rate(), [&](std::size_t m, const std::vector<train::Term>& t) { terms[m] = t; });
    const double before = rate();
    for (std::size_t m = 0; m < micros.size(); ++m) {
      const bool last = m + 1 == micros.size();
      train::Companion::Report report{
          .info = {.step = step_, .batch = batches + static_cast<std::int64_t>(m) + 1, .epoch = epoch},
          .batch_of_epoch = ++batch_of_epoch_,
          .lr_before = before,
          .lr_after = before,
          .items = static_cast<std::int64_t>(micros[m]->ids.size()),
          .counts = micros[m]->counts,
          .sums = {},
          .messages = {}};
      if (last) {
        batches += static_cast<std::int64_t>(micros.size());
        report.lr_after = rate();
      }
      for (const train::Term& term : terms[m])
        report.sums.emplace_back(term.name, term.sum.detach().to(at::kDouble).item<double>());
      infos.push_back(totals_of(report.sums, report.counts));
      books.batch_done(report);
    }
    pending_.clear();
    if (average && options_.average_every_batches > 0 && batches % options_.average_every_batches == 0)
      average->update(static_cast<double>(options_.average_every_batches) / static_cast<double>(batches));
  }
  void validate(const batch::Batch& batch) {
    if (!pending_.empty()) throw DataError("the set validates in the middle of a step");
    const at::NoGradGuard no_grad;
    rates_before.push_back(rate());
    recipe_.model().eval();
    std::vector<std::pair<std::string, double>> sums;
    for (const train::Term& term : recipe_.validate(batch, {.epoch = epoch, .training = false}))
      sums.emplace_back(term.name, term.sum.to(at::kDouble).item<double>());
    infos.push_back(totals_of(sums, batch.counts));
    books.validation_begins();
    books.validated(epoch + 1, batches, infos.back(), 0);
  }
  void end_epoch() { books.epoch_ended(epoch + 1); }
  void next_epoch() {
    end_epoch();
    ++epoch;
    batch_of_epoch_ = 0;
  }
  weights::TensorMap weights() { return with_ties(config_, recipe_.model().state_dict()); }
  void keep_average(const Checkpoint& from) {
    if (options_.average_every_batches <= 0) return;
    average.emplace(recipe_.model(), 0.0, at::kDouble);
    if (!from.model_avg.empty()) average->load(without_ties(config_, from.model_avg), "the set's average");
  }

  std::optional<train::Stepper> stepper;
  std::optional<train::Average> average;
  std::int64_t batches = 0, epoch = 0;
  double base_lr = 0;
  std::vector<Totals> infos;
  std::vector<double> rates_before;
  std::vector<std::string> lines;
  json scalars = json::array();

 private:
  train::TrainOptions options_;
  Config config_;
  std::int64_t stage_, step_ = 0, batch_of_epoch_ = 0;
  train::Ranks ranks_;
  GivenRecipe recipe_;
  std::vector<batch::Batch> pending_;

 public:
  Books books;
};

json info_of(const Totals& totals) {
  json info = json::object();
  for (const auto& [name, value] : totals.sums()) info[name] = value;
  return info;
}

double norm_of(const weights::Tensor& tensor) { return at::norm(nn::to_torch(tensor).to(at::kDouble)).item<double>(); }

void put_weights(ParityRun& run, const std::string& file, const std::string& prefix, const std::string& document,
                 const std::string& norms, const weights::TensorMap& tensors) {
  for (const std::string& name : run.names(file))
    if (name.starts_with(prefix))
      if (const weights::Tensor* found = tensors.find(name.substr(prefix.size())))
        run.put(
            file, name,
            found->dtype == weights::DType::f64 ? weights::Tensor::of<float>(found->shape, found->to_f32()) : *found);
  for (const std::string& name : run.keys(document, norms))
    if (const weights::Tensor* found = tensors.find(name)) run.put_json(document, norms + "/" + name, norm_of(*found));
}

constexpr const char* kTensors = "cases.safetensors";
constexpr const char* kCases = "cases.json";

void resumed_case(ParityRun& run, const std::string& name) {
  const std::string at = "/cases/" + name;
  Checkpoint from = read_checkpoint(run.input_path(run.input_json(kCases, at + "/checkpoint").get<std::string>()));
  Config config = from.config;
  config.dropout = 0;
  if (run.has_json(kCases, at + "/prefix_mode"))
    config.prefix_mode = run.input_json(kCases, at + "/prefix_mode").get<std::int64_t>();
  const std::int64_t saved = whole_parameter(from, "train_stage", 0),
                     saved_epoch = whole_parameter(from, "cur_epoch", 1);
  const auto stage = run.has_json(kCases, at + "/train_stage")
                         ? run.input_json(kCases, at + "/train_stage").get<std::int64_t>()
                         : saved;
  const Resumption resumption =
      resume(saved, stage, saved_epoch + 1, 0, whole_parameter(from, "batch_idx_train", 0), saved_epoch);
  GivenRun given(config, stage, loop_of(from, config), whole_parameter(from, "log_interval", 100));
  given.load(from, name);
  given.take_state(from, resumption);
  given.keep_average(from);
  if (run.has_json(kCases, at + "/started_with"))
    run.put_json(kCases, at + "/started_with",
                 {{"start_epoch", resumption.start_epoch},
                  {"start_batch", resumption.start_batch},
                  {"batch_idx_train", resumption.batch_idx_train},
                  {"best_train_epoch", given.books.best.train_epoch},
                  {"optimizer_state_kept", resumption.optimizer_kept},
                  {"scheduler_state_kept", resumption.scheduler_kept}});
  const std::size_t dot = name.find(".resume");
  const std::string model = dot == std::string::npos ? "" : name.substr(0, dot) + ".";
  std::size_t trained = 0;
  for (const std::string& i : run.keys(kCases, at + "/log/batches")) {
    const std::string one = at + "/log/batches/" + i;
    const bool training = run.input_json(kCases, one + "/train");
    const NarDraws draws = read_draws(run.input_json(kCases, one + "/draws"));
    const std::string numbered = fmt::format("{}train_batch.{}.{}", model, given.epoch, trained),
                      which = !training                                      ? model + "valid_batch"
                              : run.has(kTensors, numbered + ".text_tokens") ? numbered
                                                                             : model + "train_batch";
    trained += training;
    batch::Batch batch = given_batch(run, kTensors, which, draws, !config.languages.empty());
    training ? given.train(std::move(batch)) : given.validate(batch);
  }
  given.end_epoch();
  for (std::size_t i = 0; i < given.infos.size(); ++i) {
    const std::string one = fmt::format("{}/log/batches/{}", at, i);
    run.put_json(kCases, one + "/info", info_of(given.infos[i]));
    run.put_json(kCases, one + "/str", given.infos[i].text());
    run.put_json(kCases, one + "/lr_before", json::array({given.rates_before[i]}));
  }
  run.put_json(kCases, at + "/log/tensorboard", given.scalars);
  run.put_json(kCases, at + "/log/log", given.lines);
  run.put_json(kCases, at + "/log/lr_after", json::array({given.rate()}));
  if (run.has_json(kCases, at + "/best_train_loss"))
    run.put_json(kCases, at + "/best_train_loss", given.books.best.train_loss);
  if (run.has_json(kCases, at + "/best_valid_loss"))
    run.put_json(kCases, at + "/best_valid_loss", given.books.best.valid_loss);
  put_weights(run, kTensors, name + ".param.", kCases, at + "/param_l2", given.weights());
  if (given.average)
    put_weights(run, kTensors, name + ".param_avg.", kCases, at + "/param_avg_l2",
                with_ties(config, given.average->state()));
}

constexpr const char* kFinetune = "finetune.json";

/// The fork loads a file into a network with untied heads and trains its prediction layers alone (§7.3 of the spec).
void finetune_run(ParityRun& run, const std::string& name, std::int64_t stage) {
  const std::string at = "/runs/" + name;
  Checkpoint from = read_checkpoint(run.input_path("vallex-checkpoint.pt"));
  Config config = from.config;
  config.dropout = 0;
  config.share_embedding = false;
  train::TrainOptions options = loop_of(from, config);
  options.optim.unfreeze = {stage == 1 ? "ar_predict_layer" : "nar_predict_layers"};
  options.optim.frozen_shrink = true;
  GivenRun given(config, stage, options, whole_parameter(from, "log_interval", 100));
  given.load(from, name);
  const weights::TensorMap before = given.weights();
  given.base_lr = options.optim.lr;
  given.epoch = run.input_json(kFinetune, at + "/start/start_epoch").get<std::int64_t>() - 1;
  given.batches = run.input_json(kFinetune, at + "/start/batch_idx_train");
  std::size_t trained = 0;
  for (const std::string& i : run.keys(kFinetune, at + "/batches")) {
    const std::string one = at + "/batches/" + i;
    const bool training = run.input_json(kFinetune, one + "/train");
    const NarDraws draws = read_draws(run.input_json(kFinetune, one + "/draws"));
    const std::string which = training ? fmt::format("finetune.batch.{}", trained++) : std::string("finetune.valid");
    batch::Batch batch = given_batch(run, kTensors, which, draws, true);
    training ? given.train(std::move(batch)) : given.validate(batch);
    if (training) continue;
    given.next_epoch();
    trained = 0;
  }
  for (std::size_t i = 0; i < given.infos.size(); ++i) {
    const std::string one = fmt::format("{}/batches/{}", at, i);
    run.put_json(kFinetune, one + "/info", info_of(given.infos[i]));
    run.put_json(kFinetune, one + "/printed", given.infos[i].text());
    run.put_json(kFinetune, one + "/lr_before", given.rates_before[i]);
  }
  const weights::TensorMap after = given.weights();
  json changed = json::array(), shrunk = json::object();
  for (const auto& [tensor_name, tensor] : after) {
    const weights::Tensor& was = *before.find(tensor_name);
    if (std::ranges::equal(was.raw(), tensor.raw())) continue;
    changed.push_back(tensor_name);
    if (!nn::matches(options.optim.unfreeze.front(), tensor_name))
      shrunk[tensor_name] = norm_of(was) / std::sqrt(static_cast<double>(was.numel()));
  }
  run.put_json(kFinetune, at + "/tensors_that_changed", changed);
  run.put_json(kFinetune, at + "/frozen_tensors_that_changed_and_their_rms_before", shrunk);
  put_weights(run, kTensors, fmt::format("finetune.{}.param.", name), kFinetune, at + "/param_l2", after);
}

}  // namespace

void run_resumed_parity(ParityRun& run) {
  for (const std::string& name : run.keys(kCases, "/cases")) {
    const std::string at = "/cases/" + name + "/kind";
    if (run.has_json(kCases, at) && run.input_json(kCases, at) == "resume")
      roles::attempt(run, fmt::format("*{}[./]*", name), [&] { resumed_case(run, name); });
  }
}

void run_finetune_parity(ParityRun& run) {
  for (const std::string& name : run.keys(kFinetune, "/runs"))
    roles::attempt(run, fmt::format("*{}[./]*", name), [&] { finetune_run(run, name, name.ends_with('2') ? 2 : 1); });
}

}  // namespace timbre::valle
