#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "corpus/columns.h"
#include "corpus/corpus.h"
#include "prepare/stage.h"

/// From the columns a model wants to the stages that must run.
namespace timbre::prepare {

/// A column that a model needs, and how it must be made. Keys left out take the stage's defaults; keys that the
/// column's own stage does not have are given to the stages it builds on (aligned_phonemes {front_end}).
struct ColumnRequest {
  std::string column;
  nlohmann::json settings = nlohmann::json::object();
};

/// One stage to run, with complete settings and what its columns are made from.
struct Step {
  const Stage* stage = nullptr;
  nlohmann::json settings;
  nlohmann::json recorded;  ///< settings, and a hash of each file they name: what the columns keep
  std::string settings_hash, inputs_hash;
  std::vector<std::string> needs;
  corpus::ColumnState::Kind state = corpus::ColumnState::Kind::missing;  ///< the worst of its columns
  std::map<std::string, corpus::ColumnState::Kind> columns;              ///< of each
  std::int64_t done = 0, total = 0;                                      ///< utterances
  std::string why;                                                       ///< for a stale one
  corpus::ColumnKey key(const std::string& column) const { return {column, settings_hash, inputs_hash}; }
};

struct Plan {
  std::vector<Step> steps;  ///< in the order they must run
  std::vector<std::string> wanted;
  /// Columns asked for that are not complete; empty = nothing to do.
  std::vector<std::string> missing() const;
  bool complete() const { return missing().empty(); }
  const Step& step(const std::string& stage) const;
};

/// Orders the stages that make the wanted columns and what these need, and looks at what is there. Throws UsageError
/// for a column no stage makes, unknown settings and settings that contradict each other.
Plan make_plan(const corpus::Corpus& corpus, const std::vector<ColumnRequest>& wanted,
               const Stages& stages = Stages::built_in());

/// Throws DataError "missing: phonemes, durations" with next = "timbre prepare C --for MODEL" unless all is there.
void require_columns(const corpus::Corpus& corpus, const std::vector<ColumnRequest>& wanted, const std::string& model,
                     const Stages& stages = Stages::built_in());

}  // namespace timbre::prepare
