#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "corpus/columns.h"
#include "corpus/corpus.h"
#include "prepare/stage.h"

namespace timbre::prepare {

/// A column that a model needs, and how it must be made. Keys left out take the stage's defaults.
struct ColumnRequest {
  std::string column;
  nlohmann::json settings = nlohmann::json::object();
};

/// One stage to run, with complete settings and the keys its columns will carry.
struct Step {
  const Stage* stage = nullptr;
  nlohmann::json settings;
  std::string settings_hash, inputs_hash;
  enum class State { missing, partial, stale, complete } state = State::missing;
  std::int64_t done = 0, total = 0;  ///< utterances
};

struct Plan {
  std::vector<Step> steps;  ///< in the order they must run
  /// Columns asked for that are not complete; empty = nothing to do.
  std::vector<std::string> missing() const;
  bool complete() const { return missing().empty(); }
};

/// Orders the stages that make the wanted columns and what these need, and looks at what is there. Settings given for a
/// needed column apply to it as well. Throws UsageError for a column no stage makes or settings that contradict.
Plan make_plan(const corpus::Corpus& corpus, const std::vector<ColumnRequest>& wanted, const Stages& stages = Stages::built_in());

/// Throws DataError "missing: phonemes, durations" with next = "timbre prepare C --for MODEL" unless all is there.
void require_columns(const corpus::Corpus& corpus, const std::vector<ColumnRequest>& wanted, const std::string& model);

/// The columns a FastSpeech2-like model wants at a rate and hop (before a model's own spec says so).
std::vector<ColumnRequest> default_requests(const std::string& front_end);

}  // namespace timbre::prepare
