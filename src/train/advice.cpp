#include "train/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "base/files.h"

namespace timbre::train {
namespace {

constexpr std::size_t kFewest = 5;    // validations from which a curve can be read
constexpr double kFlat = 0.005;       // of the best loss: a gain below this is none
constexpr double kWorse = 0.02;       // of the best loss: a rise above this (and the noise) is one
constexpr double kNoiseWidths = 2.0;  // how many deviations make a difference

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Deviation of one validation about a smooth curve: from second differences, which a straight slope leaves at 0 (their
/// deviation is √6 times it).
double noise_of(std::span<const CurvePoint> curve) {
  std::vector<double> bends;
  for (std::size_t i = curve.size() / 3 + 1; i + 1 < curve.size(); ++i)
    bends.push_back(std::abs(curve[i - 1].valid - 2 * curve[i].valid + curve[i + 1].valid));
  return 1.4826 * median(bends) / std::sqrt(6.0);
}

/// Least-squares slope of the validation loss over steps.
double slope_of(std::span<const CurvePoint> curve) {
  double steps = 0, values = 0;
  for (const CurvePoint& p : curve) {
    steps += static_cast<double>(p.step);
    values += p.valid;
  }
  const auto n = static_cast<double>(curve.size());
  double along = 0, across = 0;
  for (const CurvePoint& p : curve) {
    const double x = static_cast<double>(p.step) - steps / n;
    across += x * (p.valid - values / n);
    along += x * x;
  }
  return along > 0 ? across / along : 0;
}

double mean_of(std::span<const CurvePoint> curve) {
  double sum = 0;
  for (const CurvePoint& p : curve) sum += p.valid;
  return sum / static_cast<double>(curve.size());
}

/// The training loss at and after the best validation; nothing when it was not reported there.
std::optional<std::pair<double, double>> training_since(std::span<const CurvePoint> curve, std::size_t best) {
  std::optional<double> then = curve[best].train, now = curve.back().train;
  if (!then || !now) return std::nullopt;
  return std::pair(*then, *now);
}

std::string checkpoint_name(std::int64_t step) { return fmt::format("checkpoints/step_{:09}", step); }

void say_worse(Advice& a, std::span<const CurvePoint> curve, std::size_t best, const std::string& run) {
  const auto training = training_since(curve, best);
  const double last = mean_of(curve.last(std::min<std::size_t>(3, curve.size())));
  a.since_step = a.best_step;
  const std::string rose =
      fmt::format("since step {} the validation loss rose from {:.4g} to {:.4g}", a.best_step, a.best, last);
  const std::string best_is =
      fmt::format("The best checkpoint is {} and the voice is made of it", checkpoint_name(a.best_step));
  if (training && training->second > training->first * (1 + kFlat)) {
    a.kind = "diverging";
    a.text = fmt::format(
        "diverging: {} and the training loss from {:.4g} to {:.4g}. {}. Start again from it with a lower --optim.lr: "
        "timbre train … --base {}",
        rose, training->first, training->second, best_is, run);
    return;
  }
  a.kind = "overfitting";
  a.text = fmt::format(
      "overfitting: {}{}. {}. More data helps, or more dropout, or an end at step {}", rose,
      training ? fmt::format(" while the training loss fell from {:.4g} to {:.4g}", training->first, training->second)
               : "",
      best_is, a.best_step);
}

void say_adversarial(Advice& a, double last, const std::string& run) {
  a.kind = "adversarial";
  a.since_step = a.best_step;
  a.text = fmt::format(
      "since step {} the validation loss rose from {:.4g} to {:.4g}, as it may against discriminators: it measures "
      "distances, not how natural a sound is. The voice is made of the last weights; listen to {}/samples",
      a.best_step, a.best, last, run);
}

}  // namespace

std::vector<CurvePoint> read_curve(const fs::path& run) {
  std::vector<CurvePoint> curve;
  const fs::path file = run / "events.jsonl";
  if (!fs::exists(file)) return curve;
  std::istringstream lines(read_file(file));
  std::string line;
  std::optional<double> train;
  while (std::getline(lines, line)) {
    const auto event = nlohmann::json::parse(line, nullptr, false);
    if (!event.is_object() || event.value("kind", "") != "metric" || !event.contains("values")) continue;
    const auto loss = event["values"].find("loss");
    if (loss == event["values"].end() || !loss->is_number()) continue;
    if (event.value("set", "") == "train") train = loss->get<double>();
    if (event.value("set", "") == "valid")
      curve.push_back({event.value("step", std::int64_t{0}), loss->get<double>(), train});
  }
  return curve;
}

nlohmann::json to_json(const Advice& a) {
  return {{"kind", a.kind}, {"since_step", a.since_step}, {"best_step", a.best_step},
          {"best", a.best}, {"noise", a.noise},           {"text", a.text}};
}

std::optional<Advice> advise(std::span<const CurvePoint> whole, const std::string& run, std::int64_t last_step,
                             bool last_is_best) {
  std::vector<CurvePoint> curve;
  for (const CurvePoint& p : whole)
    if (std::isfinite(p.valid)) curve.push_back(p);
  if (curve.empty()) return std::nullopt;
  const std::span<const CurvePoint> points(curve);
  const auto best = static_cast<std::size_t>(
      std::min_element(curve.begin(), curve.end(), [](const auto& a, const auto& b) { return a.valid < b.valid; }) -
      curve.begin());
  Advice a;
  a.best_step = a.since_step = curve[best].step;
  a.best = curve[best].valid;
  if (curve.size() < kFewest) {
    a.kind = "too_short";
    a.text = fmt::format("only {} validation{}: too few to say whether to go on; the best is at step {}", curve.size(),
                         curve.size() == 1 ? "" : "s", a.best_step);
    return a;
  }
  a.noise = noise_of(points);
  const double flat = std::max(kNoiseWidths * a.noise, kFlat * std::abs(a.best));
  const double worse = std::max(kNoiseWidths * a.noise, kWorse * std::abs(a.best));
  const auto tail = points.last(std::max<std::size_t>(3, curve.size() / 3));
  // Three validations in a row above the best, so that one bad one is no verdict.
  if (curve.size() - 1 - best >= 3 && mean_of(points.last(3)) > a.best + worse) {
    if (last_is_best)
      say_adversarial(a, mean_of(points.last(3)), run);
    else
      say_worse(a, points, best, run);
    return a;
  }
  const double to_come = -slope_of(tail) * static_cast<double>(tail.back().step - tail.front().step);
  if (to_come > flat) {
    a.kind = "improving";
    a.text = fmt::format(
        "still improving: over the last {} steps the validation loss came down by {:.2g} to {:.4g}; go on with: timbre "
        "train --continue {} --max-steps {}",
        tail.back().step - tail.front().step, to_come, a.best, run, last_step + last_step / 2);
    return a;
  }
  a.kind = "stopped_improving";
  // The first validation that is no worse than the last third, but for chance: the best alone is a lucky one.
  const double level = std::max(a.best, mean_of(tail));
  for (const CurvePoint& p : curve)
    if (p.valid <= level + flat) {
      a.since_step = p.step;
      break;
    }
  a.text = fmt::format(
      "validation stopped improving at step {} (loss {:.4g}); {}", a.since_step,
      std::find_if(curve.begin(), curve.end(), [&](const auto& p) { return p.step == a.since_step; })->valid,
      last_is_best
          ? fmt::format("the voice is made of the last weights, as this loss does not hear what discriminators "
                        "teach: listen to {}/samples",
                        run)
          : fmt::format("the best checkpoint is {} ({:.4g}). More steps like these will not help: change "
                        "something, or take it as it is",
                        checkpoint_name(a.best_step), a.best));
  return a;
}

bool OverfitVerdict::pass() const {
  return std::all_of(parts.begin(), parts.end(), [](const Part& part) { return part.pass(); });
}

std::string OverfitVerdict::text() const {
  std::string failed, reached;
  for (const Part& part : parts) {
    const std::string figure = fmt::format("{} {:.3g} (at most {:.3g})", part.name, part.reached, part.wanted);
    reached += (reached.empty() ? "" : ", ") + figure;
    if (!part.pass()) failed += (failed.empty() ? "" : ", ") + part.name;
  }
  if (pass())
    return fmt::format("overfit: pass. The network learned {} utterance{} by heart within {} steps: {}", items,
                       items == 1 ? "" : "s", step, reached);
  return fmt::format(
      "overfit: fail. After {} steps the network does not know {} utterance{} by heart: {}. Not reached: {}. Before "
      "more "
      "data, look at what these learn from (timbre check), at their learning rate and at what is frozen; a run that "
      "was "
      "still improving may go on with --max-steps",
      step, items, items == 1 ? "" : "s", reached, failed);
}

nlohmann::json to_json(const OverfitVerdict& verdict) {
  nlohmann::json parts = nlohmann::json::array();
  for (const auto& part : verdict.parts)
    parts.push_back({{"name", part.name}, {"reached", part.reached}, {"wanted", part.wanted}, {"pass", part.pass()}});
  return {{"pass", verdict.pass()}, {"items", verdict.items}, {"step", verdict.step}, {"parts", parts}};
}

OverfitVerdict judge_overfit(std::int64_t items, std::int64_t step, const std::map<std::string, double>& means,
                             const std::map<std::string, double>& targets, double total, double untrained_total) {
  constexpr double kShareOfUntrained = 0.1;
  OverfitVerdict verdict{.items = items, .step = step, .parts = {}};
  for (const auto& [name, wanted] : targets) {
    const auto found = means.find(name);
    if (found != means.end()) verdict.parts.push_back({name, found->second, wanted});
  }
  if (verdict.parts.empty()) verdict.parts.push_back({"loss", total, kShareOfUntrained * untrained_total});
  return verdict;
}

}  // namespace timbre::train
