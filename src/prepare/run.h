#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/event.h"
#include "prepare/plan.h"

/// Runs the stages of a plan: in parallel, resumable at any moment, in independent shards.
namespace timbre::prepare {

struct RunOptions {
  corpus::Shard shard;                      ///< i of n: this process makes every n-th utterance
  std::string only;                         ///< one stage by name, "" = all
  std::int64_t first_stage = 0;             ///< by place in the plan, from 0 …
  std::int64_t last_stage = -1;             ///< … to this one; -1 = to the end
  bool redo = false;                        ///< make the columns of the chosen stages anew even when they are fresh
  const std::atomic<bool>* stop = nullptr;  ///< set by SIGINT: finish what is in hand, keep it, return
};

struct StageReport {
  std::string stage;
  std::int64_t made = 0;         ///< utterances that got a value now
  std::int64_t kept = 0;         ///< that had been done before
  std::vector<Skipped> skipped;  ///< now
  bool postponed = false;        ///< looks at the whole corpus, and other shards are not done yet
  double seconds = 0;
  std::string summary;                                                 ///< Stage::summary_of
  std::map<std::string, std::map<std::string, std::int64_t>> tallies;  ///< kind → item → how often
};

struct Report {
  std::vector<StageReport> stages;
  bool stopped = false;
};

nlohmann::json to_json(const Report& report);

/// Runs what is left to do. `corpus` may be opened for options.shard alone. Finished batches survive a kill; stale
/// columns are removed and remade.
Report run_plan(const corpus::Corpus& corpus, const std::vector<ColumnRequest>& wanted, const RunOptions& options,
                const EventSink& events, const Stages& stages = Stages::built_in());

}  // namespace timbre::prepare
