#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <chrono>

#include "base/error.h"
#include "base/log.h"
#include "base/strings.h"
#include "train/loop_parts.h"
#include "train/pessimistic.h"

namespace timbre::train {
namespace {

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double padded_units(const Side& side, const std::vector<std::size_t>& items) {
  std::int64_t longest = 0;
  for (const std::size_t item : items) longest = std::max(longest, side.units[item]);
  return static_cast<double>(longest) * static_cast<double>(items.size());
}

/// One update on arrays like the model's: the time of Adam without touching the weights. Of large models a part is
/// measured: four copies of them may not fit.
double update_time(nn::Module& model) {
  constexpr std::int64_t kMost = 1 << 24;
  std::vector<Tensor> w, g, m, v, s;
  std::int64_t all = 0, tried = 0;
  for (const Named& named : model.named_parameters()) {
    if (!named.tensor.requires_grad()) continue;
    const std::int64_t size = named.tensor.numel(), here = std::min(size, kMost - tried);
    all += size;
    if (here == 0) continue;
    tried += here;
    for (auto* list : {&w, &g, &m, &v}) list->push_back(at::zeros({here}, named.tensor.options()).detach());
    s.push_back(at::ones({}, named.tensor.options().dtype(at::kFloat)).detach());
  }
  if (w.empty()) return 0;
  double best = 1e9;
  for (int round = 0; round < 2; ++round) {
    const double begin = now_s();
    at::_fused_adamw_(w, g, m, v, {}, s, 1e-3, 0.9, 0.98, 0.0, 1e-9, false, false);
    best = std::min(best, now_s() - begin);
  }
  // Norm and clipping read and write the gradients once more.
  return best * 1.7 * static_cast<double>(all) / static_cast<double>(tried);
}

double validation_time(Recipe& recipe, const batch::Batch& batch) {
  const at::NoGradGuard no_grad;
  recipe.model().eval();
  const double begin = now_s();
  recipe.validate(batch, {.step = 1, .training = false});
  const double taken = now_s() - begin;
  recipe.model().train();
  return taken;
}

/// A batch that the trial runs because it may be too much.
struct Hard {
  std::string why;  ///< "largest_batch_cuts_duration = 79.3 s"
  std::vector<std::size_t> items;
};

/// Where batches go by seconds: lhotse's six criteria over the first epoch, as VALL-E's --oom-check has it, each batch
/// once. Then the largest that any epoch may hold.
std::vector<Hard> hard_batches(const batch::BucketSampler& sampler, const Side& side) {
  std::vector<Hard> all;
  const auto add = [&](const std::string& why, const std::vector<std::size_t>& items) {
    const auto same = std::find_if(all.begin(), all.end(), [&](const Hard& hard) { return hard.items == items; });
    if (same == all.end())
      all.push_back({why, items});
    else
      same->why += ", " + why;
  };
  const std::vector<std::vector<std::size_t>> epoch = sampler.epoch(0);
  if (!side.seconds.empty())
    for (const Pessimistic& one : pessimistic_batches(epoch, side.seconds)) add(one.text(), epoch[one.batch]);
  const std::vector<std::size_t> largest = sampler.largest();
  add(fmt::format("largest of any epoch = {:g} padded units", padded_units(side, largest)), largest);
  return all;
}

[[noreturn]] void out_of_memory(const Hard& hard, const std::vector<std::string>& ids, const Job& job) {
  throw SystemError(
      fmt::format("the trial before step 1 ran out of memory. Failing criterion: {}. Its {} utterances: {}", hard.why,
                  ids.size(), join(ids, ", ")),
      job.options.batch.seconds > 0
          ? fmt::format("make batches smaller than --batch.seconds {:g} (VALL-E's --max-duration)",
                        job.options.batch.seconds)
          : std::string("make batches smaller: --batch.items, --batch.units"));
}

/// Forward and backward of one batch; what the allocator says is told with the criterion that it fails.
template <class Run>
void try_hard(const Hard& hard, const std::vector<std::string>& ids, const Job& job, const Run& run) {
  try {
    run();
  } catch (const c10::OutOfMemoryError&) {
    out_of_memory(hard, ids, job);
  } catch (const std::bad_alloc&) {
    out_of_memory(hard, ids, job);
  } catch (const c10::Error& e) {  // the CPU's allocator has no type of its own for it
    if (std::string_view(e.what()).find("allocate memory") == std::string_view::npos) throw;
    out_of_memory(hard, ids, job);
  }
}

}  // namespace

StateGuard::StateGuard(Recipe& recipe) : recipe_(recipe), state_(recipe.state()) {
  for (const Named& named : recipe.model().named_buffers())
    kept_.push_back({named.name, named.tensor.detach().clone()});
}

StateGuard::~StateGuard() {
  const at::NoGradGuard no_grad;
  const std::vector<Named> buffers = recipe_.model().named_buffers();
  for (std::size_t i = 0; i < buffers.size(); ++i) buffers[i].tensor.copy_(kept_[i].tensor);
  recipe_.load_state(state_);
}

Trial try_batches(Job& job, Stepper& stepper, const batch::BucketSampler& sampler, const Side& side,
                  const std::vector<Stepper::Phase>& phases, bool validates) {
  const StateGuard guard(job.recipe);
  Trial trial;
  std::vector<std::vector<std::size_t>> batches = sampler.epoch(0);
  std::sort(batches.begin(), batches.end(),
            [&](const auto& a, const auto& b) { return padded_units(side, a) < padded_units(side, b); });
  const auto make = [&](const std::vector<std::size_t>& items) {
    batch::Batch batch = job.recipe.collate(side.split, items);
    batch.to(job.device);
    return batch;
  };
  const auto seconds = [&](const batch::Batch& batch, std::int64_t step) {
    const double begin = now_s();
    const double loss = stepper.trial(batch, step);
    if (!std::isfinite(loss))
      throw DataError(
          fmt::format("the trial before step 1: the loss is {}. Utterances: {}", loss, join(batch.ids, ", ")),
          "look at these utterances (timbre check)");
    return now_s() - begin;
  };
  const std::vector<Hard> hard_ones = hard_batches(sampler, side);
  const double largest_units = padded_units(side, hard_ones.back().items);
  job.recipe.model().train();
  // A small one first: it warms caches up, and its growth tells whether the largest can be dared.
  const batch::Batch small = make(batches[batches.size() / 4]);
  const double before = resident_bytes();
  reset_peak_resident();
  for (const Stepper::Phase& phase : phases) seconds(small, phase.first);
  const double growth = peak_resident_bytes() - before;
  const double guess = growth * largest_units / std::max(1.0, padded_units(side, batches[batches.size() / 4]));
  if (guess > available_memory_bytes() * 2)  // far beyond: dying is certain, so do not try
    require_room({.memory_bytes = before + guess}, available_memory_bytes() + before, 1e18, job.run);
  reset_peak_resident();
  for (const Hard& hard : hard_ones) {
    const batch::Batch batch = make(hard.items);
    try_hard(hard, batch.ids, job, [&] {
      for (const Stepper::Phase& phase : phases) seconds(batch, phase.first);
    });
    log::detail(fmt::format("tried the batch of {} clips with {}: {:.0f} MB so far", hard.items.size(), hard.why,
                            peak_resident_bytes() / 1e6));
  }
  trial.peak_bytes = peak_resident_bytes();
  // Five ordinary batches, from short to long, again and again until the clock has enough to go by. The first time pays
  // for fresh memory and prepared kernels; of the others the middle one counts, which bears with what else runs on the
  // machine.
  constexpr std::size_t kPlaces = 5, kMost = 20;
  constexpr double kEnough_s = 8.0;
  trial.step = {0, 0};
  for (const Stepper::Phase& phase : phases) {
    std::vector<std::vector<double>> taken(kPlaces);
    double spent = 0, units = 0, cost = 0;
    const double enough_s = kEnough_s / static_cast<double>(phases.size());
    for (std::size_t i = 0; i < kMost && (i < kPlaces || spent < enough_s); ++i) {
      const auto& items = batches[(2 * (i % kPlaces) + 1) * batches.size() / (2 * kPlaces)];
      const batch::Batch batch = make(items);
      taken[i % kPlaces].push_back(seconds(batch, phase.first));
      spent += taken[i % kPlaces].back();
      trial.measured.emplace_back(padded_units(side, items), taken[i % kPlaces].back());
      if (i < kPlaces) units += std::max(1.0, padded_units(side, items));
      trial.batch_bytes = std::max(trial.batch_bytes, static_cast<double>(batch.bytes()));
    }
    for (std::vector<double>& times : taken) {
      if (times.size() > 1) times.erase(times.begin());
      std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
      cost += times[times.size() / 2];
    }
    trial.step.per_unit_s += phase.share * cost / units;
  }
  trial.peak_bytes = std::max(trial.peak_bytes, peak_resident_bytes());
  trial.update_s = update_time(job.recipe.model());
  if (validates) {
    const auto& items = batches[batches.size() / 2];
    trial.valid_unit_s = validation_time(job.recipe, make(items)) / std::max(1.0, padded_units(side, items));
  }
  for (const Named& named : job.recipe.model().named_parameters()) named.tensor.mutable_grad() = Tensor();
  return trial;
}

Forecast make_forecast(const Job& job, const Trial& trial, const batch::BucketSampler& sampler,
                       const Progress& progress, double valid_units) {
  const TrainOptions& o = job.options;
  Forecast forecast;
  double weights = 0, trained = 0;
  for (const Named& named : job.recipe.model().named_state()) weights += static_cast<double>(named.tensor.nbytes());
  for (const Named& named : job.recipe.model().named_parameters())
    if (named.tensor.requires_grad()) trained += static_cast<double>(named.tensor.nbytes());
  // A running mean is kept in doubles.
  const double average = o.ema > 0 ? weights : o.average_every_batches > 0 ? 2 * weights : 0;
  forecast.checkpoint_bytes = weights + average + 2 * trained;
  // Beside the trial's peak: the batches held ready, a checkpoint's copies while it is written, pictures and sound of
  // the samples.
  const double steady = trial.peak_bytes > 0 ? trial.peak_bytes : resident_bytes() + trained;
  constexpr double kSamples = 40 << 20;
  forecast.memory_bytes =
      steady + forecast.checkpoint_bytes + 5 * trial.batch_bytes + kSamples + job.recipe.later_bytes();

  double units = 0;
  const auto batches = sampler.epoch(0);
  std::vector<std::int64_t> sizes;
  double seconds = 0;
  for (const auto& items : batches) {
    std::int64_t longest = 0;
    const auto& list = job.recipe.items(Split::train);
    for (const std::size_t item : items) longest = std::max(longest, list[item].units);
    const double padded = static_cast<double>(longest) * static_cast<double>(items.size());
    units += padded;
    seconds += trial.step.at(padded);
  }
  const double per_micro = batches.empty() ? 0 : seconds / static_cast<double>(batches.size());
  forecast.step_s = per_micro * static_cast<double>(o.accumulate) + trial.update_s;
  forecast.valid_s = trial.valid_unit_s * valid_units / job.ranks.world();
  forecast.steps = std::max<std::int64_t>(progress.max_steps - progress.step, 0);
  const double steps_per_epoch = std::max(1.0, static_cast<double>(batches.size()) / static_cast<double>(o.accumulate));
  const double steps_to_come = static_cast<double>(forecast.steps), epochs = steps_to_come / steps_per_epoch,
               micros = steps_to_come * static_cast<double>(o.accumulate);
  double validations = o.valid_every_steps > 0 ? steps_to_come / static_cast<double>(o.valid_every_steps) : 0;
  if (o.valid_every_batches > 0) validations += micros / static_cast<double>(o.valid_every_batches);
  if (o.valid_at_epoch_end) validations += epochs;
  // keep, the best, one being written; the first one holds weights only; the voice.
  forecast.disk_bytes = forecast.checkpoint_bytes * static_cast<double>(o.keep + 2) + 2 * weights + (16 << 20);
  forecast.total_s = static_cast<double>(forecast.steps) * forecast.step_s + validations * forecast.valid_s;
  return forecast;
}

}  // namespace timbre::train
