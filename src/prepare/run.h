#pragma once
#include <atomic>
#include <string>
#include <vector>

#include "base/event.h"
#include "prepare/plan.h"

namespace timbre::prepare {

struct RunOptions {
  corpus::Shard shard;       ///< i of n: this process makes every n-th utterance
  std::string only;          ///< one stage, "" = all
  std::int64_t first_stage = 0, last_stage = -1;  ///< by place in the plan; -1 = to the end
  bool redo = false;         ///< make columns anew even when they are fresh
  const std::atomic<bool>* stop = nullptr;  ///< set by SIGINT: finish the batch, keep it, return
};

struct StageReport {
  std::string stage;
  std::int64_t made = 0, kept = 0;
  std::vector<Skipped> skipped;
  double seconds = 0;
};

struct Report {
  std::vector<StageReport> stages;
  bool stopped = false;
};

/// Runs what a plan leaves to do. Finished batches survive a kill; stale columns are removed and remade.
Report run_plan(const corpus::Corpus& corpus, const std::vector<ColumnRequest>& wanted, const RunOptions& options, const EventSink& events,
                const Stages& stages = Stages::built_in());

}  // namespace timbre::prepare
