#include "prepare/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include "base/strings.h"
#include "base/threads.h"

namespace timbre::prepare {
namespace {

using Kind = corpus::ColumnState::Kind;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBatchPerThread = 8;  // utterances between two looks at the stop flag
constexpr double kFlushEvery_s = 10;        // what a kill may lose

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// The columns a step reads, opened once.
class Inputs {
 public:
  Inputs(const corpus::Corpus& corpus, const Plan& plan, const Step& step) {
    for (const auto& name : step.needs) {
      for (const auto& other : plan.steps)
        if (std::find(other.stage->makes.begin(), other.stage->makes.end(), name) != other.stage->makes.end()) {
          columns_.emplace(name, corpus::Column::open(corpus.dir(), other.key(name)));
          if (other.stage->all) own_ids_.insert(name);
        }
      for (const auto& skipped : columns_.at(name).skipped())
        reasons_.emplace(name + '\n' + skipped.id, skipped.reason);
    }
  }
  std::optional<weights::Tensor> read(const std::string& column, const std::string& id) const {
    const auto& found = columns_.at(column);
    if (!found.has(id)) return std::nullopt;
    return found.get(id);
  }
  nlohmann::json settings_of(const std::string& column) const { return columns_.at(column).settings(); }
  const corpus::Column& column(const std::string& name) const { return columns_.at(name); }
  /// Why an utterance cannot be done: the first needed column that has no value for it; "" when all have.
  std::string obstacle(const std::string& id) const {
    for (const auto& [name, column] : columns_) {
      if (column.has(id) || own_ids_.contains(name)) continue;
      const auto reason = reasons_.find(name + '\n' + id);
      return fmt::format("no {}: {}", name, reason == reasons_.end() ? "not made yet" : reason->second);
    }
    return "";
  }

 private:
  std::map<std::string, corpus::Column> columns_;
  std::set<std::string> own_ids_;  ///< columns that have no value for each utterance
  std::map<std::string, std::string> reasons_;
};

class StepRun {
 public:
  StepRun(const corpus::Corpus& corpus, const Plan& plan, const Step& step, const RunOptions& options,
          const EventSink& events)
      : corpus_(corpus),
        step_(step),
        options_(options),
        events_(events),
        inputs_(corpus, plan, step),
        job_{corpus,
             step.settings,
             [this](const std::string& column, const std::string& id) { return inputs_.read(column, id); },
             [this](const std::string& column) { return inputs_.settings_of(column); },
             [this](const std::string& column) -> const corpus::Column& { return inputs_.column(column); },
             [this](const Event& event) { emit(event); },
             [this](const std::string& kind, const std::string& item) {
               const std::scoped_lock lock(guard_);
               ++report_.tallies[kind][item];
             },
             options.stop} {
    nlohmann::json recorded = step.recorded;
    if (step.stage->facts) recorded["facts"] = step.stage->facts(step.settings);
    for (const auto& column : step.stage->makes)
      writers_.emplace(column,
                       std::make_unique<corpus::ColumnWriter>(corpus.dir(), step.key(column), options.shard, recorded));
  }

  StageReport run() {
    report_.stage = step_.stage->name;
    const auto start = Clock::now();
    if (step_.stage->all)
      run_all();
    else
      run_rows();
    for (auto& [column, writer] : writers_) writer->commit();
    if (step_.stage->summary_of && report_.made > 0) report_.summary = step_.stage->summary_of(corpus_);
    report_.seconds = seconds_since(start);
    return std::move(report_);
  }
  bool stopped() const { return stopped_; }

 private:
  bool asked_to_stop() const { return options_.stop && options_.stop->load(); }

  void emit(const Event& event) {
    const std::scoped_lock lock(guard_);
    events_(event);
  }

  void run_all() {
    std::map<std::string, Row> rows;
    try {
      rows = step_.stage->all(job_);
    } catch (const Stopped&) {
      stopped_ = true;
    }
    for (const auto& [id, row] : rows) {
      for (const auto& [column, tensor] : row)
        if (!writers_.at(column)->is_done(id)) writers_.at(column)->put(id, tensor);
      ++report_.made;
    }
  }

  void run_rows() {
    std::vector<const corpus::Utterance*> waiting;
    const auto& all = corpus_.utterances();
    std::int64_t mine = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (corpus_.whole() && !options_.shard.has(static_cast<std::int64_t>(i))) continue;
      ++mine;
      const bool done =
          std::all_of(writers_.begin(), writers_.end(), [&](const auto& w) { return w.second->is_done(all[i].id); });
      if (!done) waiting.push_back(&all[i]);
    }
    report_.kept = mine - static_cast<std::int64_t>(waiting.size());
    if (waiting.empty()) return;
    try {
      if (step_.stage->together)
        run_together(waiting);
      else
        run_one_by_one(waiting);
    } catch (const Stopped&) {
      stopped_ = true;
    }
  }

  void run_one_by_one(const std::vector<const corpus::Utterance*>& waiting) {
    const MakeRow make = step_.stage->rows(job_);
    Pace pace(waiting.size());
    const std::size_t batch = kBatchPerThread * static_cast<std::size_t>(std::max(1, thread_count()));
    for (std::size_t from = 0; from < waiting.size(); from += batch) {
      if ((stopped_ = asked_to_stop())) return;
      const std::size_t count = std::min(batch, waiting.size() - from);
      std::vector<RowResult> results(count);
      parallel_for(count, [&](std::size_t i) { results[i] = one(make, *waiting[from + i]); });
      for (std::size_t i = 0; i < count; ++i) keep(waiting[from + i]->id, std::move(results[i]));
      tell(pace, count);
    }
  }

  void run_together(std::vector<const corpus::Utterance*> waiting) {
    const MakeRows make = step_.stage->together(job_);
    std::erase_if(waiting, [&](const corpus::Utterance* utterance) {
      const std::string obstacle = inputs_.obstacle(utterance->id);
      if (!obstacle.empty()) keep(utterance->id, Skipped{utterance->id, obstacle});
      return !obstacle.empty();
    });
    std::stable_sort(waiting.begin(), waiting.end(),
                     [](const auto* a, const auto* b) { return a->duration_s < b->duration_s; });
    Pace pace(waiting.size());
    for (std::size_t from = 0; from < waiting.size();) {
      if ((stopped_ = asked_to_stop())) return;
      std::size_t count = 1;
      while (from + count < waiting.size() && count < Stage::kTogether &&
             waiting[from + count]->duration_s * static_cast<double>(count + 1) <= Stage::kTogether_s)
        ++count;
      std::vector<RowResult> results = make(std::span(waiting).subspan(from, count));
      for (std::size_t i = 0; i < count; ++i) keep(waiting[from + i]->id, std::move(results[i]));
      tell(pace, count);
      from += count;
    }
  }

  struct Pace {
    explicit Pace(std::size_t all) : total(static_cast<double>(all)) {}
    Clock::time_point start = Clock::now(), flushed = start;
    double done = 0, total = 0;
  };

  /// Secures what is done from time to time, and says how far it is.
  void tell(Pace& pace, std::size_t count) {
    if (seconds_since(pace.flushed) > kFlushEvery_s) {
      for (auto& [column, writer] : writers_) writer->flush();
      pace.flushed = Clock::now();
    }
    pace.done += static_cast<double>(count);
    const double left_s = seconds_since(pace.start) / pace.done * (pace.total - pace.done);
    emit({"progress",
          {{"task", step_.stage->name},
           {"done", pace.done},
           {"total", pace.total},
           {"unit", "utterances"},
           {"note", ""},
           {"left_s", left_s}}});
  }

  RowResult one(const MakeRow& make, const corpus::Utterance& utterance) const {
    if (const std::string obstacle = inputs_.obstacle(utterance.id); !obstacle.empty())
      return Skipped{utterance.id, obstacle};
    try {
      return make(utterance);
    } catch (const DataError& error) {
      return Skipped{utterance.id, error.what()};
    } catch (const UsageError& error) {  // a script the front end cannot read: this text's fault, not the command's
      return Skipped{utterance.id, error.what()};
    }
  }

  void keep(const std::string& id, RowResult result) {
    if (auto* skipped = std::get_if<Skipped>(&result)) {
      for (auto& [column, writer] : writers_)
        if (!writer->is_done(id)) writer->skip(id, skipped->reason);
      report_.skipped.push_back(std::move(*skipped));
      return;
    }
    Row& row = std::get<Row>(result);
    for (auto& [column, writer] : writers_)
      if (!writer->is_done(id)) writer->put(id, row.at(column));
    ++report_.made;
  }

  const corpus::Corpus& corpus_;
  const Step& step_;
  const RunOptions& options_;
  const EventSink& events_;
  Inputs inputs_;
  StageJob job_;
  std::map<std::string, std::unique_ptr<corpus::ColumnWriter>> writers_;
  StageReport report_;
  std::mutex guard_;
  bool stopped_ = false;
};

// A stage that looks at the whole corpus has to wait for the other shards; another one only for its own.
bool inputs_complete(const Plan& plan, const Step& step) {
  return std::all_of(step.needs.begin(), step.needs.end(), [&](const std::string& need) {
    for (const auto& other : plan.steps)
      if (std::find(other.stage->makes.begin(), other.stage->makes.end(), need) != other.stage->makes.end())
        return other.state == Kind::complete;
    return false;
  });
}

bool inputs_there(const Plan& plan, const Step& step) {
  return std::all_of(step.needs.begin(), step.needs.end(), [&](const std::string& need) {
    for (const auto& other : plan.steps)
      if (std::find(other.stage->makes.begin(), other.stage->makes.end(), need) != other.stage->makes.end())
        return other.state >= Kind::partial;
    return false;
  });
}

std::vector<std::string> chosen_stages(const Plan& plan, const RunOptions& options) {
  std::vector<std::string> names;
  if (!options.only.empty()) return {plan.step(options.only).stage->name};
  const auto count = static_cast<std::int64_t>(plan.steps.size());
  const std::int64_t last = options.last_stage < 0 ? count - 1 : options.last_stage;
  if (options.first_stage < 0 || last >= count || options.first_stage > last) {
    std::string list;
    for (std::int64_t i = 0; i < count; ++i)
      list += fmt::format(" {} {}", i, plan.steps[static_cast<std::size_t>(i)].stage->name);
    throw UsageError(fmt::format("stages {} to {} are not all there", options.first_stage, last), "stages:" + list);
  }
  for (std::int64_t i = options.first_stage; i <= last; ++i)
    names.push_back(plan.steps[static_cast<std::size_t>(i)].stage->name);
  return names;
}

}  // namespace

nlohmann::json to_json(const Report& report) {
  nlohmann::json stages = nlohmann::json::array();
  for (const auto& s : report.stages) {
    nlohmann::json skipped = nlohmann::json::array();
    for (const auto& item : s.skipped) skipped.push_back({{"id", item.id}, {"reason", item.reason}});
    stages.push_back({{"stage", s.stage},
                      {"made", s.made},
                      {"kept", s.kept},
                      {"skipped", skipped},
                      {"postponed", s.postponed},
                      {"seconds", s.seconds},
                      {"tallies", s.tallies}});
    if (!s.summary.empty()) stages.back()["summary"] = s.summary;
  }
  return {{"stages", stages}, {"stopped", report.stopped}};
}

Report run_plan(const corpus::Corpus& corpus, const std::vector<ColumnRequest>& wanted, const RunOptions& options,
                const EventSink& events, const Stages& stages) {
  Report report;
  Plan plan = make_plan(corpus, wanted, stages);
  std::optional<corpus::Corpus> all;  // opened for the first stage that looks at more than the shard
  const auto seen_by = [&](const Stage& stage) -> const corpus::Corpus& {
    if (!stage.whole_corpus || corpus.whole()) return corpus;
    if (!all) all = corpus::Corpus::open(corpus.dir());
    return *all;
  };
  bool changed =
      false;  // what earlier stages made changes the states; looking takes a while where there are many parts
  for (const auto& name : chosen_stages(plan, options)) {
    if (changed) plan = make_plan(corpus, wanted, stages);
    changed = false;
    const Step* step = &plan.step(name);
    if (options.redo)
      for (const auto& column : step->stage->makes) corpus::remove_column(corpus.dir(), column);
    if (options.redo) {
      plan = make_plan(corpus, wanted, stages);
      step = &plan.step(name);
    }
    if (step->state == Kind::complete) {
      StageReport& fresh = report.stages.emplace_back();
      fresh.stage = name;
      fresh.kept = step->total;
      continue;
    }
    if (!inputs_there(plan, *step) || (step->stage->whole_corpus && !inputs_complete(plan, *step))) {
      if (options.shard.count > 1 && inputs_there(plan, *step) && options.only.empty()) {
        StageReport& waiting = report.stages.emplace_back();
        waiting.stage = name;
        waiting.postponed = true;
        events({"note",
                {{"text", fmt::format("{} looks at the whole corpus: it runs when all {} shards are done with what it "
                                      "needs; call the same command once more then",
                                      name, options.shard.count)}}});
        break;
      }
      throw DataError(
          fmt::format("{}: {} needs {} of the whole corpus", corpus.dir().string(), name, fmt::join(step->needs, ", ")),
          "run the stages before it first (without --only, or every --shard of them)");
    }
    changed = true;
    StepRun run(seen_by(*step->stage), plan, *step, options, events);
    report.stages.push_back(run.run());
    if (run.stopped()) {
      report.stopped = true;
      break;
    }
  }
  return report;
}

}  // namespace timbre::prepare
