#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "train/loop_run.h"

/// One step and what follows it: epochs, validation, checkpoints, and what a recipe's companion hears.
namespace timbre::train {

namespace {

batch::Position after(const batch::Loaded& loaded) {
  return loaded.last_of_epoch ? batch::Position{loaded.position.epoch + 1, 0}
                              : batch::Position{loaded.position.epoch, loaded.position.batch + 1};
}

}  // namespace

/// Where batches go by seconds, epochs differ in their number of batches: they are counted, and a last step that would
/// need batches of another epoch is left out.
std::int64_t Loop::exact_steps() const {
  const auto last = static_cast<std::int64_t>(std::llround(o_.max_epochs));
  std::int64_t batches = 0, steps = 0;
  for (std::int64_t epoch = progress_.next.epoch; epoch < last; ++epoch) {
    const auto count = static_cast<std::int64_t>(sampler_.epoch(epoch).size());
    batches += count;
    steps += steps_of(count - (epoch == progress_.next.epoch ? progress_.next.batch : 0));
  }
  if (o_.partial_steps) return progress_.step + steps;
  if (progress_.next.epoch < last) batches -= progress_.next.batch;
  return progress_.step + (progress_.batches % o_.accumulate + batches) / o_.accumulate;
}

/// Forward, backward, update; what follows from them alone, and what a companion hears of it.
StepOutcome Loop::run_step(const StepInfo& info, const std::vector<batch::Loaded>& micros, double lr) {
  std::vector<const batch::Batch*> batches;
  for (const batch::Loaded& loaded : micros) batches.push_back(&loaded.batch);
  const std::int64_t before = progress_.batches;
  std::vector<Term> last_terms;
  const bool told = job_.recipe.companion() != nullptr;
  if (told) recipe_state_ = job_.recipe.state();
  const Stepper::Between between = [&](std::size_t m, const std::vector<Term>& terms) {
    if (m + 1 == micros.size()) {
      last_terms = terms;
      return;
    }
    const std::int64_t done = before + static_cast<std::int64_t>(m) + 1;
    update_average(done);
    if (!told) return;
    --progress_.step;  // the step is not made yet
    tell_of_batch(micros, m, terms, {});
    if (micros[m].last_of_epoch) end_epoch(micros[m].position.epoch, done);
    ++progress_.step;
  };
  StepOutcome outcome;
  try {
    outcome = stepper_.run(info, batches, lr, between);
  } catch (...) {
    --progress_.step;
    throw;
  }
  recipe_state_.reset();
  if (average_) average_->update();
  progress_.batches += static_cast<std::int64_t>(micros.size());
  progress_.next = after(micros.back());
  update_average(progress_.batches);
  for (const std::string& message : outcome.messages) log_.warn(progress_.step, message);
  if (companion_) {
    tell_of_batch(micros, micros.size() - 1, last_terms, outcome.messages);
    companion_->stepped(standing(micros.back().position.epoch, progress_.batches));
  }
  return outcome;
}

Companion::State Loop::standing(std::int64_t epoch, std::int64_t batches) {
  return {.info = {.step = progress_.step, .batch = batches, .epoch = epoch, .training = false},
          .lr = rate_of(progress_.step + 1, epoch, batches - batches % o_.accumulate),
          .base_lr = base_lr(),
          .optimiser = stepper_.optimisers().front(),
          .average = mean_ ? &*mean_ : nullptr};
}

/// Tells the companion of mini-batch `m` of a step; of the last one after the update, so that it knows the new rate.
void Loop::tell_of_batch(const std::vector<batch::Loaded>& micros, std::size_t m, const std::vector<Term>& terms,
                         std::vector<std::string> messages) {
  if (!companion_) return;
  const bool last = m + 1 == micros.size();
  const auto place = static_cast<std::int64_t>(m) + 1;
  const std::int64_t before = last ? progress_.batches - place : progress_.batches, epoch = micros[m].position.epoch;
  const std::int64_t stepped = before - before % o_.accumulate;
  const auto rate_at = [&](std::int64_t batches) { return rate_of(progress_.step + !last, epoch, batches); };
  Companion::Report report{.info = {.step = progress_.step, .batch = before + place, .epoch = epoch},
                           .batch_of_epoch = micros[m].position.batch + 1,
                           .lr_before = rate_at(stepped),
                           .lr_after = last ? rate_of(progress_.step + 1, epoch, progress_.batches) : rate_at(stepped),
                           .items = static_cast<std::int64_t>(micros[m].batch.ids.size()),
                           .counts = micros[m].batch.counts,
                           .sums = {},
                           .messages = std::move(messages)};
  for (const Term& term : terms) report.sums.emplace_back(term.name, term.sum.detach().to(at::kDouble).item<double>());
  companion_->batch_done(report);
}

/// What another trainer does when a pass over the data is over; in the middle of a step where its batches are of two.
void Loop::end_epoch(std::int64_t epoch, std::int64_t batches) {
  if (o_.valid_at_epoch_end && !validator_.empty() && validated_step_ != progress_.step)
    validate_now(progress_.step >= progress_.max_steps && batches == progress_.batches, epoch, batches);
  progress_.epochs_ended = epoch + 1;
  if (companion_) companion_->epoch_ended(standing(epoch, batches));
}

/// A process that was killed between the last checkpoint of an epoch and its companion's file left that file unwritten.
void Loop::end_begun_epochs() {
  if (!job_.resume || !job_.recipe.companion()) return;
  for (std::int64_t epoch = progress_.epochs_ended; epoch < progress_.next.epoch; ++epoch)
    end_epoch(epoch, progress_.batches);
}

/// icefall's model_avg: the mean of the weights as they were every so many batches; in the middle of a step those are
/// the weights of the step before.
void Loop::update_average(std::int64_t batches) {
  const std::int64_t period = o_.average_every_batches;
  if (mean_ && batches % period == 0) mean_->update(static_cast<double>(period) / static_cast<double>(batches));
}

void Loop::validate_now(bool at_end, std::int64_t epoch, std::int64_t batches) {
  const double begin = now_s();
  double total = 0;
  std::map<std::string, double> counts;
  if (average_) average_->swap();
  std::map<std::string, double> values;
  validated_step_ = progress_.step;
  try {
    values =
        validator_.run({.step = progress_.step, .epoch = progress_.next.epoch, .training = false}, &total, &counts);
  } catch (...) {
    // The weights are as the last step left them: worth keeping, whatever became of the validation data.
    if (average_) average_->swap();
    save("validation failed");
    job_.ranks.barrier();
    throw;
  }
  const bool better = total < progress_.best_loss;
  progress_.worse_in_a_row = better ? 0 : progress_.worse_in_a_row + 1;
  if (better) {
    progress_.best_loss = total;
    progress_.best = fmt::format("step_{:09}", progress_.step);
    best_means_ = values;
  }
  if (companion_) companion_->validated(standing(epoch, batches), values, counts);
  curve_.push_back({progress_.step, total, train_loss_});
  values["loss"] = total;
  values["best_loss"] = progress_.best_loss;
  log_.metrics("valid", progress_.step, values);
  if ((better && o_.sample_every_steps == 0) || at_end) samples();
  if (average_) average_->swap();
  valid_s_ += now_s() - begin;
  if (job_.stop_when_memorised && verdict().pass()) ended_by_ = "memorised";
  if (o_.patience > 0 && progress_.worse_in_a_row >= o_.patience) ended_by_ = "patience";
  if (better) save("best so far");
}

void Loop::samples() {
  if (log_.mute()) return;
  const at::NoGradGuard no_grad;
  const StateGuard guard(job_.recipe);
  job_.recipe.model().eval();
  try {
    job_.recipe.samples(log_.samples(progress_.step),
                        {.step = progress_.step, .epoch = progress_.next.epoch, .training = false});
  } catch (const Error& e) {
    log_.warn(progress_.step, fmt::format("no samples: {}", e.what()));
  }
  job_.recipe.model().train();
}

void Loop::after_step(const std::vector<batch::Loaded>& micros, std::int64_t batches_before) {
  const bool epoch_ended =
      std::any_of(micros.begin(), micros.end(), [](const batch::Loaded& loaded) { return loaded.last_of_epoch; });
  const bool last = progress_.step >= progress_.max_steps;
  const bool by_step = o_.valid_every_steps > 0 && progress_.step % o_.valid_every_steps == 0;
  const bool by_batch = o_.valid_every_batches > 0 &&
                        progress_.batches / o_.valid_every_batches > batches_before / o_.valid_every_batches;
  // Where there is a companion, end_epoch() validates: did in the middle of this step, or will at its end.
  const bool companion = job_.recipe.companion() != nullptr;
  const bool by_epoch = epoch_ended && o_.valid_at_epoch_end && !companion;
  const bool later = companion && o_.valid_at_epoch_end && micros.back().last_of_epoch;
  const bool validates = !validator_.empty() && (by_step || by_batch || by_epoch || last) && !later;
  if (validates)
    validate_now(last, progress_.next.batch == 0 ? progress_.next.epoch - 1 : progress_.next.epoch, progress_.batches);
  if (o_.sample_every_steps > 0 && progress_.step % o_.sample_every_steps == 0 && !(validates && last)) {
    if (average_) average_->swap();
    samples();
    if (average_) average_->swap();
  }
  const bool due = o_.save_every_steps > 0 && progress_.step % o_.save_every_steps == 0;
  bool old = o_.save_every_minutes > 0 && now_s() - last_save_s_ > 60 * o_.save_every_minutes;
  // Clocks differ; rank 0's counts where all must come.
  if (stepper_.shared() && o_.save_every_minutes > 0) old = job_.ranks.sum(job_.ranks.first() && old ? 1.0 : 0.0) > 0;
  if (!due && !old) return;
  try {
    save(due ? "every so many steps" : "every so many minutes");
  } catch (const LostRank&) {
    throw;
  } catch (const SystemError& e) {
    // The checkpoints before are whole; the disk may have room again later. The last save must succeed.
    if (++failed_saves_ >= 3) throw;
    log_.warn(progress_.step, fmt::format("no checkpoint: {} ({} of 3 tries)", e.what(), failed_saves_));
  }
}

}  // namespace timbre::train
