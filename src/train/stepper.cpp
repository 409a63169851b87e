#include "train/stepper.h"

#include <ATen/autocast_mode.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_set>

#include "base/error.h"
#include "nn/dropout.h"

namespace timbre::train {
namespace {

/// Number formats of the forward pass (torch's autocast lists); fp32 changes nothing.
class Autocast {
 public:
  Autocast(const std::string& precision, at::DeviceType device) : on_(precision != "fp32"), device_(device) {
    if (!on_) return;
    at::autocast::set_autocast_enabled(device_, true);
    at::autocast::set_autocast_dtype(device_, at::kBFloat16);
  }
  ~Autocast() {
    if (!on_) return;
    at::autocast::set_autocast_enabled(device_, false);
    at::autocast::clear_cache();
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
  at::DeviceType device_;
};

std::string names_of(const std::vector<const batch::Batch*>& micros) {
  std::string text;
  std::size_t shown = 0, all = 0;
  for (const batch::Batch* micro : micros)
    for (const std::string& id : micro->ids) {
      ++all;
      if (shown < 64) {
        text += (shown ? ", " : "") + id;
        ++shown;
      }
    }
  if (all > shown) text += fmt::format(" and {} more", all - shown);
  return text;
}

bool matches_any(const std::vector<std::string>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return nn::matches(pattern, name); });
}

double count_of(const std::map<std::string, double>& counts, const std::string& unit) {
  const auto found = counts.find(unit);
  if (found == counts.end())
    throw std::logic_error(fmt::format("a loss is per '{}', which the batch does not count", unit));
  return std::max(found->second, 1e-12);
}

}  // namespace

void TermSums::add(const std::vector<Term>& terms, const std::map<std::string, double>& counts) {
  for (const Term& term : terms) {
    auto found = std::find_if(sums_.begin(), sums_.end(), [&](const auto& entry) { return entry.first == term.name; });
    if (found == sums_.end()) found = sums_.insert(sums_.end(), {term.name, {}});
    found->second.sum += term.sum.detach().to(at::kDouble).item<double>();
    found->second.count += count_of(counts, term.unit);
    found->second.weight = term.weight;
  }
}

void TermSums::join(const Ranks& ranks) {
  if (ranks.world() == 1) return;
  Tensor flat = at::zeros({static_cast<std::int64_t>(sums_.size()) * 2}, at::TensorOptions(at::kDouble));
  double* values = flat.mutable_data_ptr<double>();
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    values[2 * i] = sums_[i].second.sum;
    values[2 * i + 1] = sums_[i].second.count;
  }
  ranks.sum(flat);
  values = flat.mutable_data_ptr<double>();
  for (std::size_t i = 0; i < sums_.size(); ++i) {
    sums_[i].second.sum = values[2 * i];
    sums_[i].second.count = values[2 * i + 1];
  }
}

std::map<std::string, double> TermSums::means() const {
  std::map<std::string, double> means;
  for (const auto& [name, sum] : sums_) means[name] = sum.sum / std::max(sum.count, 1e-12);
  return means;
}

std::map<std::string, double> TermSums::counts() const {
  std::map<std::string, double> counts;
  for (const auto& [name, sum] : sums_) counts[name] = sum.count;
  return counts;
}

double TermSums::total() const {
  double total = 0;
  for (const auto& [name, sum] : sums_)
    if (sum.weight != 0) total += sum.weight * sum.sum / std::max(sum.count, 1e-12);
  return total;
}

/// precision=pure_bf16: no copy in single precision is kept.
void round_weights(nn::Module& model) {
  for (const Named& named : model.named_state())
    if (named.tensor.scalar_type() == at::kFloat) named.tensor.set_data(named.tensor.to(at::kBFloat16));
}

Stepper::Stepper(Recipe& recipe, const TrainOptions& options, const Ranks& ranks)
    : recipe_(recipe), options_(options), ranks_(ranks), players_(recipe.players()) {
  nn::Module& model = recipe.model();
  if (options.precision == "pure_bf16") round_weights(model);
  const std::vector<Named> all = model.named_parameters();
  std::set<std::string> learnable;  // what the network itself keeps fixed is nobody's to move
  for (const Named& named : all)
    if (named.tensor.requires_grad()) learnable.insert(named.name);
  freeze_by_pattern(all);
  choose_sharing();
  for (const Player& player : players_) {
    std::vector<Named> mine, moved;
    std::set<std::string> held;
    for (const Named& named : all) {
      if (!matches_any(player.parameters, named.name)) continue;
      const bool trained = named.tensor.requires_grad();
      if (trained) mine.push_back(named);
      // ScaledAdam's state has a place for what stays as it is, as the reference's files do.
      if (!trained && options.optim.kind != "scaled_adam") continue;
      moved.push_back(named);
      if (!trained && !(options.optim.frozen_shrink && learnable.contains(named.name))) held.insert(named.name);
    }
    if (mine.empty())
      throw UsageError(fmt::format("nothing is left to train: every parameter of '{}' is frozen", player.name),
                       "freeze fewer with --optim.freeze");
    optimisers_.emplace_back(
        options.optim,
        make_groups(moved, players_.size() == 1 ? options.optim.group_lr : std::vector<std::string>{}, held,
                    options.optim.no_decay),
        shared_ ? &ranks : nullptr);
    owned_.push_back(std::move(mine));
    std::vector<Named> recorded;
    for (const Named& named : all)
      if (named.tensor.requires_grad() &&
          std::any_of(player.records.begin(), player.records.end(),
                      [&](const std::string& pattern) { return nn::matches(pattern, named.name); }))
        recorded.push_back(named);
    recorded_.push_back(std::move(recorded));
  }
}

void Stepper::choose_sharing() {
  if (ranks_.world() == 1 || options_.shard_optimiser == "off") return;
  const std::vector<Named> all = recipe_.model().named_parameters();
  const auto crooked = std::find_if(all.begin(), all.end(), [](const Named& n) { return !n.tensor.is_contiguous(); });
  if (options_.optim.kind == "scaled_adam")
    why_whole_ = "scaled_adam keeps its state by stacks of whole tensors";
  else if (recipe_.companion())
    why_whole_ = "another trainer's files are written as well, and hold the whole state";
  else if (crooked != all.end())
    why_whole_ = fmt::format("{} does not lie in one piece", crooked->name);
  shared_ = why_whole_.empty();
  if (!shared_ && options_.shard_optimiser == "on")
    throw UsageError(fmt::format("--shard-optimiser on: the optimiser's state cannot be shared out: {}", why_whole_),
                     "leave it out, or choose --optim.kind adamw");
}

std::int64_t Stepper::moment_bytes() const {
  std::int64_t sum = 0;
  for (const Optimiser& optimiser : optimisers_) sum += optimiser.bytes();
  return sum;
}

std::int64_t Stepper::all_moment_bytes() const {
  return shared_ ? std::llround(ranks_.sum(static_cast<double>(moment_bytes()))) : moment_bytes();
}

void Stepper::freeze_by_pattern(const std::vector<Named>& all) {
  frozen_ = recipe_.model().freeze(options_.optim.freeze);
  const auto require = [&](const char* option, const std::vector<std::string>& patterns) {
    for (const std::string& pattern : patterns) {
      if (std::any_of(all.begin(), all.end(), [&](const Named& named) { return nn::matches(pattern, named.name); }))
        continue;
      std::string some;
      for (std::size_t i = 0; i < all.size() && i < 4; ++i) some += (i ? ", " : "") + all[i].name;
      throw UsageError(fmt::format("optim.{}: no parameter matches '{}'", option, pattern),
                       fmt::format("names look like {}", some));
    }
  };
  require("freeze", options_.optim.freeze);
  require("unfreeze", options_.optim.unfreeze);
  require("no_decay", options_.optim.no_decay);
  if (options_.optim.unfreeze.empty()) return;
  for (const Named& named : all) {
    if (!named.tensor.requires_grad() || matches_any(options_.optim.unfreeze, named.name)) continue;
    named.tensor.set_requires_grad(false);
    frozen_.push_back(named.name);
  }
}

void Stepper::take_turn(std::size_t player) {
  for (const auto& owned : owned_)
    for (const Named& named : owned) named.tensor.mutable_grad() = Tensor();
  if (players_.size() == 1) return;
  for (const auto& owned : owned_)
    for (const Named& named : owned) named.tensor.set_requires_grad(false);
  for (const Named& named : owned_[player]) named.tensor.set_requires_grad(true);
  for (const Named& named : recorded_[player]) named.tensor.set_requires_grad(true);
}

std::map<std::string, double> Stepper::denominators(const std::vector<const batch::Batch*>& micros,
                                                    const batch::Batch& micro) const {
  if (options_.normalise == "sum") {
    std::map<std::string, double> counts = micro.counts;
    for (auto& [unit, count] : counts) count = ranks_.world();
    return counts;
  }
  if (options_.normalise == "per_device") {  // the mean of each micro-batch's own mean
    std::map<std::string, double> counts = micro.counts;
    for (auto& [unit, count] : counts) count *= static_cast<double>(micros.size()) * ranks_.world();
    return counts;
  }
  std::map<std::string, double> counts;
  for (const batch::Batch* one : micros)
    for (const auto& [unit, count] : one->counts) counts[unit] += count;
  if (ranks_.world() == 1) return counts;
  Tensor flat = at::zeros({static_cast<std::int64_t>(counts.size())}, at::TensorOptions(at::kDouble));
  std::int64_t i = 0;
  for (const auto& [unit, count] : counts) flat[i++] = count;
  ranks_.sum(flat);
  i = 0;
  for (auto& [unit, count] : counts) count = flat[i++].item<double>();
  return counts;
}

Tensor Stepper::backward(const std::vector<Term>& terms, const std::map<std::string, double>& denominators) {
  Tensor total;
  for (const Term& term : terms) {
    if (term.weight == 0) continue;
    const Tensor part = term.sum.to(at::kFloat) * (term.weight / count_of(denominators, term.unit));
    total = total.defined() ? total + part : part;
  }
  if (!total.defined()) throw std::logic_error("the recipe returned no loss with a weight");
  total.backward();
  return total.detach();
}

void Stepper::name_what_is_not_finite(std::size_t player, const batch::Batch& batch, StepOutcome& outcome) const {
  for (const Named& named : owned_[player])
    if (const Tensor& g = named.tensor.grad(); g.defined() && !g.isfinite().all().item<bool>())
      outcome.messages.push_back(fmt::format("the gradient of {} {} is not finite ({})", named.name,
                                             nn::shape_text(named.tensor.sizes()), names_of({&batch})));
}

/// A parameter that no loss reached on this rank takes part in the sum; one that none reached on any rank has no
/// gradient, as with one rank.
void Stepper::sum_gradients(std::size_t player) const {
  const std::vector<Named>& owned = owned_[player];
  Tensor reached = at::zeros({static_cast<std::int64_t>(owned.size())}, at::TensorOptions(at::kFloat));
  float* by = reached.mutable_data_ptr<float>();
  for (std::size_t i = 0; i < owned.size(); ++i) by[i] = owned[i].tensor.grad().defined() ? 1.0f : 0.0f;
  ranks_.sum(reached);
  std::vector<Tensor> gradients;
  for (std::size_t i = 0; i < owned.size(); ++i) {
    if (by[i] == 0) continue;
    const Tensor& weight = owned[i].tensor;
    if (!weight.grad().defined()) weight.mutable_grad() = at::zeros_like(weight);
    gradients.push_back(weight.grad());
  }
  ranks_.sum_all(gradients);
}

StepOutcome Stepper::run(const StepInfo& given, const std::vector<const batch::Batch*>& micros, double base_rate,
                         const Between& between) {
  StepOutcome outcome;
  for (const batch::Batch* micro : micros) {
    outcome.real_units += micro->real_units;
    outcome.padded_units += micro->padded_units;
  }
  StepInfo info = given;
  const std::map<std::string, double> shared =
      options_.normalise == "per_device" ? std::map<std::string, double>{} : denominators(micros, *micros.front());
  for (std::size_t p = 0; p < players_.size(); ++p) {
    if (info.step < players_[p].first_step || info.step % players_[p].every_n_steps != 0) continue;
    info.player = p;
    take_turn(p);
    TermSums sums;
    bool finite = true;
    for (std::size_t m = 0; m < micros.size(); ++m) {
      const nn::NoiseScope noise(static_cast<std::uint64_t>(options_.seed), static_cast<std::uint64_t>(info.step),
                                 static_cast<std::uint32_t>(m + p * 4096), static_cast<std::uint32_t>(ranks_.rank()));
      std::vector<Term> terms;
      info.batch = given.batch + static_cast<std::int64_t>(m);
      const std::map<std::string, double> own =
          options_.normalise == "per_device" ? denominators(micros, *micros[m]) : std::map<std::string, double>{};
      info.divisors = options_.normalise == "per_device" ? &own : &shared;
      {
        const Autocast autocast(options_.precision, recipe_.model().device().type());
        terms = recipe_.losses(*micros[m], info);
      }
      const Tensor total = backward(terms, *info.divisors);
      finite = finite && std::isfinite(total.item<double>());
      sums.add(terms, micros[m]->counts);
      if (options_.inf_check) name_what_is_not_finite(p, *micros[m], outcome);
      if (between && p + 1 == players_.size()) between(m, terms);
    }
    if (ranks_.world() > 1) sum_gradients(p);
    const double norm = gradient_norm(owned_[p]).item<double>();
    if (!std::isfinite(norm) || !finite) {
      std::string what;
      for (const auto& [name, value] : sums.means())
        if (!std::isfinite(value)) what += (what.empty() ? "" : ", ") + fmt::format("loss '{}' is {}", name, value);
      for (const std::string& message : outcome.messages) what += (what.empty() ? "" : "; ") + message;
      if (what.empty()) what = finite ? fmt::format("the norm of the gradients is {}", norm) : "the loss is not finite";
      throw DataError(
          fmt::format("step {}: {}; {}. Utterances of this step{}: {}", info.step, what,
                      outcome.metrics.empty() ? "no weight was changed"
                                              : "only players before this one were changed, and nothing was saved",
                      ranks_.world() > 1 ? fmt::format(" on rank {}", ranks_.rank()) : "", names_of(micros)),
          "look at these utterances (timbre check), or lower --optim.lr; then --continue");
    }
    if (options_.optim.clip_norm > 0 && !optimisers_[p].rule().clips_itself())
      clip_gradients(owned_[p], norm, options_.optim.clip_norm);
    optimisers_[p].step(base_rate);
    for (std::string& message : optimisers_[p].take_messages()) outcome.messages.push_back(std::move(message));
    const std::string prefix = players_.size() > 1 ? players_[p].name + "." : "";
    for (const auto& [name, value] : sums.means()) outcome.metrics[prefix + name] = value;
    outcome.metrics[prefix + "loss"] = outcome.loss = sums.total();
    outcome.metrics[prefix + "grad_norm"] = norm;
    outcome.metrics["loss"] = outcome.loss;  // of several players, the last one's
  }
  return outcome;
}

std::vector<Stepper::Phase> Stepper::phases(std::int64_t from, std::int64_t to) const {
  std::set<std::int64_t> begins{from};
  for (const Player& player : players_)
    if (player.first_step > from && player.first_step <= to) begins.insert(player.first_step);
  std::vector<Phase> all;
  for (auto begin = begins.begin(); begin != begins.end(); ++begin) {
    const auto next = std::next(begin);
    const std::int64_t end = next == begins.end() ? std::max(to, *begin) + 1 : *next;
    all.push_back({*begin, static_cast<double>(end - *begin) / static_cast<double>(std::max(to, from) + 1 - from)});
  }
  return all;
}

double Stepper::trial(const batch::Batch& batch, std::int64_t step) {
  double loss = 0;
  for (std::size_t p = 0; p < players_.size(); ++p) {
    if (step < players_[p].first_step) continue;
    take_turn(p);
    const nn::NoiseScope noise(static_cast<std::uint64_t>(options_.seed), 0);
    std::vector<Term> terms;
    {
      const Autocast autocast(options_.precision, recipe_.model().device().type());
      terms =
          recipe_.losses(batch, {.step = step, .epoch = 0, .player = p, .training = true, .divisors = &batch.counts});
    }
    loss = backward(terms, batch.counts).item<double>();
  }
  take_turn(0);
  return loss;
}

void Stepper::save(weights::TensorMap& to) const {
  for (const Optimiser& optimiser : optimisers_) optimiser.save(to);
}

void Stepper::load(const weights::TensorMap& from, const nlohmann::json& steps, const std::string& where) {
  for (std::size_t p = 0; p < optimisers_.size(); ++p)
    optimisers_[p].load(from, steps.at(p).get<std::int64_t>(), where);
}

nlohmann::json Stepper::steps() const {
  nlohmann::json list = nlohmann::json::array();
  for (const Optimiser& optimiser : optimisers_) list.push_back(optimiser.steps());
  return list;
}

}  // namespace timbre::train
