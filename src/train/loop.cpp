#include "train/loop.h"

#include <ATen/ops/scalar_tensor.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/threads.h"
#include "nn/sync.h"
#include "train/loop_run.h"
#include "train/stop_signal.h"

namespace timbre::train {

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

namespace {

std::uint64_t seed_of(const TrainOptions& options) { return static_cast<std::uint64_t>(options.seed); }

/// A run that goes on with another number of ranks goes through the same batches in the same order, and where it can
/// be, as many of them make a step: 2 ranks with 3 batches each are 1 rank with 6.
Job& deal_anew(Job& job) {
  job.cut_for = job.ranks.world();
  if (!job.resume) return job;
  const nlohmann::json& state = job.resume->state;
  const int was = state.value("world", 1), now = job.ranks.world();
  job.cut_for = state.value("cut_for", was);
  const std::int64_t accumulated = state.value("accumulate", job.options.accumulate), step = accumulated * was;
  job.options.accumulate = std::max<std::int64_t>(1, step / now);
  return job;
}

}  // namespace

Loop::Loop(Job& job)
    : job_(deal_anew(job)),
      o_(job.options),
      side_(make_side(job.recipe, Split::train, job.options.overfit)),
      sampler_(side_.units, job.options.batch, seed_of(job.options), job.ranks.rank(), job.ranks.world(), side_.seconds,
               job.cut_for),
      validator_(job),
      stepper_(job.recipe, job.options, job.ranks),
      log_(job.ranks.first() && !job.dry_run ? job.run : fs::path(), job.resume ? job.resume->step : 0, job.events) {
  if (o_.ema > 0 && o_.average_every_batches > 0)
    throw UsageError("ema and average_every_batches are two averages of the weights", "give one of them");
  if (o_.ema > 0) average_.emplace(job.recipe.model(), o_.ema);
  if (o_.average_every_batches > 0) mean_.emplace(job.recipe.model(), 0.0, at::kDouble);
  if (job.ranks.first() && !job.dry_run) companion_ = job.recipe.companion();
  progress_.best_loss = std::numeric_limits<double>::infinity();
}

/// Gradients of other data would be added up without a word.
void Loop::compare_data() const {
  if (job_.ranks.world() == 1) return;
  const std::vector<std::string> all = job_.ranks.texts(job_.recipe.data_fingerprint());
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    if (all[rank] != all.front())
      throw DataError(
          fmt::format("the ranks have different data: rank 0 has {}; rank {} has {}", all.front(), rank, all[rank]),
          "give every rank the same data, prepared once and copied");
}

void Loop::restore() {
  if (!job_.resume) {
    // Ranks draw the same first values; this makes it certain.
    std::vector<Tensor> all;
    for (const Named& named : job_.recipe.model().named_state()) all.push_back(named.tensor);
    job_.ranks.broadcast(all);
    const Beginning begun = job_.recipe.begin(stepper_.optimisers());
    progress_.step = begun.step;
    progress_.batches = begun.batches;
    progress_.epochs_ended = begun.epoch;
    progress_.next = {begun.epoch, 0};
    progress_.base_lr = begun.base_lr;
    if (mean_ && begun.average) mean_->load(*begun.average, "the other trainer's average");
    return;
  }
  const Checkpoint& from = *job_.resume;
  const std::string where = "checkpoint of step " + std::to_string(from.step);
  job_.recipe.model().load_exactly(from.model, where);
  progress_ = progress_from(from.state.at("progress"));
  progress_.step = from.step;
  validated_step_ = from.state.at("progress").value("validated_step", std::int64_t{-1});
  if (from.step > 0) stepper_.load(from.optimizer, from.state.at("optimiser_steps"), where);
  if (mean_ && !from.average.empty()) mean_->load(from.average, where);
  if (average_) average_->load(from.average.empty() ? from.model : from.average, where);
  job_.recipe.load_state(from.state.at("recipe_state"));
  if (from.state.value("data", data_hash()) != data_hash())
    throw DataError("the corpus is not the one this run was started with: other utterances or lengths",
                    "restore it, or start a new run from these weights with --base");
  if (from.state.value("world", 1) != job_.ranks.world()) move_to_ranks(from.state.value("world", 1));
}

/// The place in the data, for another number of ranks than the checkpoint's.
void Loop::move_to_ranks(std::int64_t was) {
  const std::int64_t now = job_.ranks.world();
  const char* whose = job_.recipe.companion()           ? "the other trainer's files count batches of a rank"
                      : o_.schedule.counts == "batches" ? "schedule.counts=batches counts those of a rank"
                      : o_.average_every_batches > 0    ? "average_every_batches counts those of a rank"
                                                        : nullptr;
  if (whose)
    throw UsageError(fmt::format("the run was saved with {} ranks, now there are {}: {}", was, now, whose),
                     "continue with the same number, or start a new run with --base");
  const std::int64_t batches = job_.resume->state.value("accumulate", o_.accumulate) * was;
  progress_.batches = progress_.batches * was / now;
  progress_.batches -= progress_.batches % o_.accumulate;
  progress_.next.batch = progress_.next.batch * was / now;
  if (progress_.next.batch >= static_cast<std::int64_t>(sampler_.epoch(progress_.next.epoch).size()))
    progress_.next = {progress_.next.epoch + 1, 0};
  const std::string text = fmt::format(
      "saved with {} {}, goes on with {}: a step is {} on each, {} in all", was, was == 1 ? "rank" : "ranks", now,
      o_.accumulate == 1 ? "1 batch" : fmt::format("{} batches", o_.accumulate), o_.accumulate * now);
  if (o_.accumulate * now != batches)
    log_.warn(progress_.step, fmt::format("{}; it was {}", text, batches));
  else if (job_.ranks.first())
    log::note(text);
}

/// Names and sizes of everything that is trained on, in order: what the place in the data counts.
std::string Loop::data_hash() const {
  std::string all;
  const auto& items = job_.recipe.items(side_.split);
  for (std::size_t i = 0; i < side_.units.size(); ++i) all += fmt::format("{}\t{}\n", items[i].id, items[i].units);
  return hash_hex(all);
}

void Loop::set_max_steps(std::int64_t steps_per_epoch) {
  const std::int64_t was = progress_.max_steps;
  std::int64_t steps = o_.max_steps;
  if (o_.max_epochs > 0) {
    const auto by_epochs =
        o_.batch.seconds > 0
            ? exact_steps()
            : static_cast<std::int64_t>(std::llround(o_.max_epochs * static_cast<double>(steps_per_epoch)));
    steps = steps > 0 ? std::min(steps, by_epochs) : by_epochs;
  }
  if (o_.max_minutes > 0 && was > 0) {
    steps = was;  // fixed when the run began
  } else if (o_.max_minutes > 0) {
    if (!o_.probe)
      throw UsageError("max_minutes needs the trial before step 1", "leave --probe on, or give --max-steps");
    const double by_step =
        forecast_.step_s + (o_.valid_at_epoch_end ? forecast_.valid_s / static_cast<double>(steps_per_epoch) : 0) +
        (o_.valid_every_steps > 0 ? forecast_.valid_s / static_cast<double>(o_.valid_every_steps) : 0) +
        (o_.valid_every_batches > 0
             ? forecast_.valid_s * static_cast<double>(o_.accumulate) / static_cast<double>(o_.valid_every_batches)
             : 0);
    auto by_time =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(o_.max_minutes * 60.0 / std::max(by_step, 1e-6)));
    std::vector<Tensor> shared{at::scalar_tensor(by_time, at::TensorOptions(at::kLong))};
    job_.ranks.broadcast(shared);
    by_time = shared[0].item<std::int64_t>();
    steps = steps > 0 ? std::min(steps, by_time) : by_time;
  }
  if (steps <= 0)
    throw UsageError("the run has no end: max_steps, max_epochs and max_minutes are all 0",
                     "give one, e.g. --max-steps 10000");
  if (was > 0 && was != steps && o_.schedule.kind.starts_with("warmup_"))
    log_.warn(progress_.step,
              fmt::format(
                  "the run now ends at step {} instead of {}: schedule.kind={} gives other learning rates from here on",
                  steps, was, o_.schedule.kind));
  progress_.max_steps = steps;
}

std::vector<Stepper::Phase> Loop::phases_to_come() const {
  const std::int64_t end = progress_.max_steps > 0 ? progress_.max_steps : o_.max_steps;
  if (end > progress_.step) return stepper_.phases(progress_.step + 1, end);
  // The number of steps follows from the time of one: the dearest phase, so that no promise is broken.
  std::int64_t dearest = 1;
  for (const Player& player : stepper_.players()) dearest = std::max(dearest, player.first_step);
  return {{dearest, 1.0}};
}

void Loop::plan() {
  const std::int64_t steps_per_epoch =
      std::max<std::int64_t>(1, steps_of(static_cast<std::int64_t>(sampler_.epoch(0).size())));
  if (!sampler_.left_out().empty())
    log_.warn(progress_.step,
              fmt::format("{} of {} utterances are left out by batch.min_units, batch.max_units or batch.units",
                          sampler_.left_out().size(), side_.units.size()));
  Trial trial;
  if (o_.probe && (progress_.max_steps == 0 || progress_.step < progress_.max_steps))
    trial = try_batches(job_, stepper_, sampler_, side_, phases_to_come(), !validator_.empty());
  forecast_ = make_forecast(job_, trial, sampler_, progress_, validator_.units());
  set_max_steps(steps_per_epoch);
  forecast_ = make_forecast(job_, trial, sampler_, progress_, validator_.units());
  require_room(forecast_, available_memory_bytes() + resident_bytes(), static_cast<double>(free_disk_bytes(job_.run)),
               job_.run);
  for (const std::string& warning : schedule_warnings(o_, progress_.max_steps, steps_per_epoch))
    log_.warn(progress_.step, warning);
  if (validator_.empty())
    log_.warn(progress_.step, "there are no validation utterances: no best checkpoint is chosen, the last one counts");
  if (!log_.mute() || job_.dry_run) log::note(forecast_.text());
  const nlohmann::json moments = describe_moments();
  nlohmann::json groups = nlohmann::json::array();
  for (Optimiser& optimiser : stepper_.optimisers())
    for (const ParameterGroup& group : optimiser.groups()) {
      std::int64_t values = 0;
      for (const Named& named : group.parameters) values += named.tensor.numel();
      groups.push_back({{"pattern", group.pattern}, {"factor", group.factor}, {"values", values}});
    }
  log_.event("forecast", progress_.step,
             {{"text", forecast_.text()},
              {"measured", trial.measured},
              {"memory_bytes", forecast_.memory_bytes},
              {"disk_bytes", forecast_.disk_bytes},
              {"checkpoint_bytes", forecast_.checkpoint_bytes},
              {"step_s", forecast_.step_s},
              {"valid_s", forecast_.valid_s},
              {"total_s", forecast_.total_s},
              {"steps", forecast_.steps},
              {"steps_per_epoch", steps_per_epoch},
              {"padding_waste", sampler_.padding_waste(0)},
              {"parameters", job_.recipe.model().parameter_count()},
              {"groups", groups},
              {"optimiser", moments},
              {"frozen", stepper_.frozen().size()}});
}

/// How large the optimiser's state is on each rank; said where there are several.
nlohmann::json Loop::describe_moments() {
  const std::int64_t all = stepper_.all_moment_bytes();
  nlohmann::json by_rank = nlohmann::json::array();
  std::string shares;
  for (const std::string& bytes : job_.ranks.texts(std::to_string(stepper_.moment_bytes()))) {
    by_rank.push_back(parse_int(bytes).value_or(0));
    shares += fmt::format("{}{:.1f} %", shares.empty() ? "" : ", ",
                          100.0 * by_rank.back().get<double>() / std::max(1.0, static_cast<double>(all)));
  }
  const std::string size = human_bytes(static_cast<double>(all));
  if (job_.ranks.first() && stepper_.shared())
    log::note(fmt::format("optimiser: {} shared out over {} ranks: {}", size, job_.ranks.world(), shares));
  else if (job_.ranks.first() && !stepper_.why_whole().empty())
    log::note(fmt::format("optimiser: {} on every rank: {}", size, stepper_.why_whole()));
  return {{"bytes", all}, {"bytes_by_rank", by_rank}, {"shared", stepper_.shared()}};
}

Checkpoint Loop::snapshot() const {
  Checkpoint checkpoint;
  checkpoint.step = progress_.step;
  checkpoint.model = job_.recipe.model().state_dict();
  if (progress_.step > 0) stepper_.save(checkpoint.optimizer);
  if (average_ && progress_.step > 0) checkpoint.average = average_->state();
  // A run that goes on from another trainer's file may have an average and no step of its own yet.
  if (mean_ && progress_.batches > 0) checkpoint.average = mean_->state();
  nlohmann::json progress = to_json(progress_);
  if (!recipe_state_) progress["validated_step"] = validated_step_;  // else the recipe's books are of before it
  checkpoint.state = {{"progress", std::move(progress)},
                      {"optimiser_steps", stepper_.steps()},
                      {"recipe_state", recipe_state_ ? *recipe_state_ : job_.recipe.state()},
                      {"about", job_.recipe.about()},
                      {"world", job_.ranks.world()},
                      {"cut_for", job_.cut_for},
                      {"accumulate", o_.accumulate},
                      {"data", data_hash()},
                      {"threads", thread_count()},
                      {"options", job_.resolved}};
  if (last_is_best()) checkpoint.state["last_is_best"] = true;
  return checkpoint;
}

/// What is shared out over ranks comes together here: all of them must call it.
void Loop::save(const char* why) {
  last_save_s_ = now_s();
  if (!job_.ranks.first() && !stepper_.shared()) return;
  const double begin = now_s();
  const fs::path folder = job_.run / "checkpoints";
  const Checkpoint now = snapshot();
  if (!job_.ranks.first()) return;
  const fs::path made = save_checkpoint(folder, now);
  point_at(folder, "last", made);
  if (!progress_.best.empty()) point_at(folder, "best", folder / progress_.best);
  rotate_checkpoints(folder, o_.keep, {progress_.best, "step_000000000"});
  log_.event("checkpoint", progress_.step, {{"path", made.string()}, {"why", why}, {"seconds", now_s() - begin}});
  failed_saves_ = 0;
}

std::vector<batch::Loaded> Loop::take(batch::Loader& loader) {
  std::vector<batch::Loaded> micros;
  std::exception_ptr error;
  try {
    // Another trainer's file may have been written between two steps: the first one then has fewer batches.
    for (std::int64_t i = o_.partial_steps ? 0 : progress_.batches % o_.accumulate; i < o_.accumulate; ++i) {
      micros.push_back(loader.next());
      micros.back().batch.to(job_.device);
      if (o_.partial_steps && micros.back().last_of_epoch) break;
    }
  } catch (...) {
    error = std::current_exception();
  }
  // All ranks learn of one that cannot go on, or was told to stop, before they wait for its gradients.
  const double failed = job_.ranks.sum(error ? 1.0 : 0.0), stopping = job_.ranks.sum(stop_signal() != 0 ? 1.0 : 0.0);
  if (failed > 0) {
    save("data error");
    job_.ranks.barrier();
    if (error) std::rethrow_exception(error);
    throw SystemError("another rank could not read its data", "see that rank's message");
  }
  if (stopping > 0) {
    ended_by_ = "signal";
    micros.clear();
  }
  return micros;
}

bool Loop::step(batch::Loader& loader) {
  const double begin = now_s(), waited_before = loader.waited_s();
  std::vector<batch::Loaded> micros = take(loader);
  if (micros.empty()) return false;
  ++progress_.step;
  const std::int64_t before = progress_.batches;
  const StepInfo info{.step = progress_.step, .batch = before + 1, .epoch = micros.front().position.epoch};
  // Eden knows the epoch of the batch that completes the step.
  const double lr = rate_of(info.step, o_.schedule.kind == "eden" ? micros.back().position.epoch : info.epoch,
                            before - before % o_.accumulate);
  const StepOutcome outcome = run_step(info, micros, lr);
  const double seconds = now_s() - begin;
  waited_s_ += loader.waited_s() - waited_before;
  train_s_ += seconds;
  progress_.train_s += seconds;
  report(outcome, seconds, lr);
  after_step(micros, before);
  if (job_.recipe.companion() && micros.back().last_of_epoch)
    end_epoch(micros.back().position.epoch, progress_.batches);
  return true;
}

/// Each rank's losses are of its own batches: what is reported is their mean by units. Ranks may have other terms.
std::map<std::string, double> Loop::mean_over_ranks(const std::map<std::string, double>& mine) const {
  if (job_.ranks.world() == 1) return mine;
  std::map<std::string, std::pair<double, double>> sums;
  for (const std::string& text :
       job_.ranks.texts(nlohmann::json{{"units", units_since_report_}, {"values", mine}}.dump())) {
    const nlohmann::json one = nlohmann::json::parse(text);
    const double units = std::max(one.at("units").get<double>(), 1e-9);
    for (const auto& [name, value] : one.at("values").items()) {
      auto& [sum, weight] = sums[name];
      sum += units * (value.is_number() ? value.get<double>() : std::nan(""));  // JSON has no other numbers
      weight += units;
    }
  }
  std::map<std::string, double> means;
  for (const auto& [name, sum] : sums) means[name] = sum.first / sum.second;
  return means;
}

void Loop::report(const StepOutcome& outcome, double seconds, double lr) {
  averages_.add(outcome.metrics);
  since_report_s_ += seconds;
  units_since_report_ += outcome.real_units;
  const bool last = progress_.step == progress_.max_steps;
  if (progress_.step % o_.log_every_steps != 0 && !last) return;
  std::map<std::string, double> values = mean_over_ranks(averages_.take());
  const double units = job_.ranks.sum(units_since_report_);
  values[job_.recipe.units() + "_per_s"] = units / std::max(since_report_s_, 1e-9);
  values["waiting_share"] = waited_s_ / std::max(train_s_, 1e-9);
  for (Optimiser& optimiser : stepper_.optimisers())
    for (const ParameterGroup& group : optimiser.groups())
      values[group.pattern == "*" ? "lr" : "lr." + group.pattern] = lr * group.factor;
  since_report_s_ = 0;
  units_since_report_ = 0;
  train_loss_ = values["loss"];
  log_.metrics("train", progress_.step, values);
  log_.progress(static_cast<double>(progress_.step), static_cast<double>(progress_.max_steps),
                fmt::format("loss {:.4f} · {:.0f} {}/s", values["loss"], values[job_.recipe.units() + "_per_s"],
                            job_.recipe.units()));
}

/// What an untrained network loses on the utterances of --overfit: the measure where the recipe has none of its own.
void Loop::look_untrained() {
  if (o_.overfit <= 0 || validator_.empty()) return;
  validator_.run({.step = 0, .epoch = 0, .training = false}, &untrained_loss_);
  log_.event("untrained", progress_.step, {{"loss", untrained_loss_}});
}

OverfitVerdict Loop::verdict() const {
  const std::int64_t step = progress_.best.empty() ? progress_.step : parse_int(progress_.best.substr(5)).value_or(0);
  return judge_overfit(static_cast<std::int64_t>(side_.units.size()), step, best_means_, job_.recipe.memorised_at(),
                       progress_.best_loss, untrained_loss_);
}

void Loop::advise_at_end() {
  // A run that was continued has the curve before it in its events.
  if (job_.resume && job_.ranks.first() && !log_.mute()) curve_ = read_curve(job_.run);
  if (o_.overfit > 0) {
    if (ended_by_ == "signal" || best_means_.empty()) return;
    overfit_ = verdict();
    log_.event("overfit", progress_.step, to_json(*overfit_));
    return;  // more data and an earlier end are no advice for utterances to be learned by heart
  }
  advice_ = advise(curve_, job_.run.string(), progress_.step, job_.recipe.last_is_best());
  if (advice_) log_.event("advice", progress_.step, to_json(*advice_));
}

void Loop::write_voice() {
  if (!job_.ranks.first()) return;
  weights::TensorMap best = average_ ? average_->state() : job_.recipe.model().state_dict();
  std::int64_t at = progress_.step;
  if (!last_is_best() && !progress_.best.empty() && fs::exists(job_.run / "checkpoints" / progress_.best)) {
    Checkpoint checkpoint = load_checkpoint(job_.run / "checkpoints" / progress_.best);
    at = checkpoint.step;
    best = checkpoint.average.empty() ? std::move(checkpoint.model) : std::move(checkpoint.average);
  }
  nlohmann::json provenance = job_.provenance;
  provenance["step"] = at;
  provenance["data"] = data_hash();
  provenance["seed"] = o_.seed;
  provenance["epoch"] = progress_.next.epoch;
  // The lowest loss is that of these weights only where they were chosen by it.
  if (!last_is_best() && std::isfinite(progress_.best_loss)) provenance["valid_loss"] = progress_.best_loss;
  const fs::path fresh = job_.run / ".voice-new", place = job_.run / "voice", old = job_.run / ".voice-old";
  std::error_code code;
  fs::remove_all(fresh, code);
  fs::remove_all(old, code);
  job_.recipe.write_voice(fresh, best, provenance);
  fs::rename(place, old, code);
  fs::rename(fresh, place);
  fs::remove_all(old, code);
  log_.event("voice", progress_.step, {{"path", place.string()}, {"step_of_weights", at}});
}

void Loop::finish() {
  save(ended_by_ == "signal" ? "stopped by a signal" : "end");
  write_voice();
  advise_at_end();
  const double measured = train_s_ + valid_s_;
  log_.event("end", progress_.step,
             {{"ended_by", ended_by_},
              {"train_s", train_s_},
              {"valid_s", valid_s_},
              {"waited_s", waited_s_},
              {"forecast_s", forecast_.total_s},
              {"took_s", measured},
              {"forecast_memory_bytes", forecast_.memory_bytes},
              {"peak_memory_bytes", peak_resident_bytes()}});
}

Outcome Loop::run() {
  const SignalScope signals;
  nn::set_all_reduce({});
  compare_data();
  restore();
  plan();
  if (o_.sync_batch_norm && job_.ranks.world() > 1)
    nn::set_all_reduce([&ranks = job_.ranks](Tensor& tensor) { ranks.sum(tensor); });
  struct Unset {
    ~Unset() { nn::set_all_reduce({}); }
  } const unset;
  if (job_.dry_run) {
    ended_by_ = "dry run";
  } else {
    last_save_s_ = now_s();
    if (!job_.resume) save("start");
    look_untrained();
    job_.recipe.model().train();
    reset_peak_resident();
    end_begun_epochs();
    {
      batch::Loader loader(
          sampler_,
          [this](std::span<const std::size_t> items, const batch::Position& place) {
            return job_.recipe.collate_in_epoch(side_.split, items, place.epoch);
          },
          progress_.next);
      while (progress_.step < progress_.max_steps && ended_by_.empty() && step(loader)) {
      }
    }
    if (ended_by_.empty() && job_.recipe.companion() && o_.max_epochs > 0 && o_.batch.seconds > 0)
      for (std::int64_t epoch = progress_.epochs_ended; epoch < std::llround(o_.max_epochs); ++epoch)
        end_epoch(epoch, progress_.batches);  // its last batches made no whole step
    if (ended_by_.empty()) ended_by_ = "steps";
    finish();
  }
  job_.ranks.part();
  Outcome outcome{.step = progress_.step,
                  .ended_by = ended_by_,
                  .signal = ended_by_ == "signal" ? (stop_signal() != 0 ? stop_signal() : SIGTERM) : 0,
                  .best_loss = progress_.best_loss,
                  .best = progress_.best,
                  .forecast = forecast_,
                  .train_s = train_s_,
                  .waited_s = waited_s_,
                  .advice = advice_,
                  .overfit = overfit_};
  if (outcome.best.empty()) {
    outcome.best = fmt::format("step_{:09}", progress_.step);
    outcome.best_loss = std::nan("");
  }
  return outcome;
}

nlohmann::json to_json(const Progress& p) {
  nlohmann::json json{{"max_steps", p.max_steps},
                      {"epoch", p.next.epoch},
                      {"batch", p.next.batch},
                      {"best", p.best},
                      {"worse_in_a_row", p.worse_in_a_row},
                      {"train_s", p.train_s},
                      {"batches", p.batches},
                      {"epochs_ended", p.epochs_ended}};
  if (p.base_lr) json["base_lr"] = *p.base_lr;
  if (std::isfinite(p.best_loss)) json["best_loss"] = p.best_loss;
  return json;
}

Progress progress_from(const nlohmann::json& state) {
  Progress p;
  p.max_steps = state.at("max_steps").get<std::int64_t>();
  p.next = {state.at("epoch").get<std::int64_t>(), state.at("batch").get<std::int64_t>()};
  p.best = state.at("best").get<std::string>();
  p.best_loss = state.value("best_loss", std::numeric_limits<double>::infinity());
  p.worse_in_a_row = state.at("worse_in_a_row").get<std::int64_t>();
  p.train_s = state.value("train_s", 0.0);
  p.batches = state.value("batches", std::int64_t{0});
  p.epochs_ended = state.value("epochs_ended", std::int64_t{0});
  if (state.contains("base_lr")) p.base_lr = state.at("base_lr").get<double>();
  return p;
}

Outcome train(Job& job) {
  forget_stop();
  return Loop(job).run();
}

}  // namespace timbre::train
