#include "models/valle/recipe_books.h"

#include <fmt/format.h>

#include <cmath>

namespace timbre::valle {

using nlohmann::json;

Totals totals_of(const std::vector<std::pair<std::string, double>>& sums, const std::map<std::string, double>& counts) {
  Totals totals;
  totals.add("frames", counts.at("frames"));
  totals.add("utterances", counts.at("utterances"));
  for (const auto& [name, sum] : sums) totals.add(name, sum);
  return totals;
}

void Books::show(const std::string& prefix, const Totals& totals, std::int64_t batch) {
  for (const auto& [name, value] : totals.per_frame()) sinks_.scalar(prefix + name, value, batch);
}

void Books::batch_done(const train::Companion::Report& report) {
  if (report.batch_of_epoch == 1) running_ = Totals();
  const Totals now = totals_of(report.sums, report.counts);
  const double share = 1.0 / static_cast<double>(reset_interval_);
  Totals fresh = now;
  fresh *= share;
  running_ *= 1.0 - share;
  running_ += fresh;
  for (const std::string& message : report.messages) sinks_.line(message);
  if (report.batch_of_epoch % log_interval_ != 0) return;
  sinks_.line(fmt::format("Epoch {}, batch {}, train_loss[{}], tot_loss[{}], batch size: {}, lr: {:.2e}",
                          report.info.epoch + 1, report.batch_of_epoch, now.text(), running_.text(), report.items,
                          report.lr_after));
  const std::int64_t batch = report.info.batch;
  sinks_.scalar("train/learning_rate", report.lr_after, batch);
  show("train/current_", now, batch);
  show("train/tot_", running_, batch);
  show("train/tot_", running_, batch);  // twice, as the trainer writes them
}

void Books::validated(std::int64_t epoch, std::int64_t batch, const Totals& valid, std::int64_t memory_mb) {
  const double loss = valid.value("loss") / valid.frames();
  if (loss < best.valid_loss) {
    best.valid_loss = loss;
    best.valid_epoch = epoch;
  }
  sinks_.line(fmt::format("Epoch {}, validation: {}", epoch, valid.text()));
  sinks_.line(fmt::format("Maximum memory allocated so far is {}MB", memory_mb));
  show("train/valid_", valid, batch);
}

void Books::epoch_ended(std::int64_t epoch) {
  sinks_.line("Reaches end of dataloader.");
  if (running_.frames() <= 0) return;
  train_loss_ = running_.value("loss") / running_.frames();
  if (train_loss_ < best.train_loss) {
    best.train_loss = train_loss_;
    best.train_epoch = epoch;
  }
}

json Books::state() const {
  json sums = json::array();
  for (const auto& [name, value] : running_.sums()) sums.push_back({name, value});
  json state = {{"running", sums}, {"best_train_epoch", best.train_epoch}, {"best_valid_epoch", best.valid_epoch}};
  if (std::isfinite(best.train_loss)) state["best_train_loss"] = best.train_loss;
  if (std::isfinite(best.valid_loss)) state["best_valid_loss"] = best.valid_loss;
  if (std::isfinite(train_loss_)) state["train_loss"] = train_loss_;
  return state;
}

void Books::load_state(const json& state) {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  running_ = Totals();
  for (const json& sum : state.at("running")) running_.add(sum.at(0).get<std::string>(), sum.at(1).get<double>());
  best = {state.value("best_train_loss", kNone), state.value("best_valid_loss", kNone), state.at("best_train_epoch"),
          state.at("best_valid_epoch")};
  train_loss_ = state.value("train_loss", kNone);
}

}  // namespace timbre::valle
