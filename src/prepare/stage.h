#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/event.h"
#include "corpus/columns.h"
#include "corpus/corpus.h"
#include "weights/tensor.h"

/// A stage makes columns of a corpus from its audio, its text and other columns.
///
/// The columns of the built-in stages, one tensor an utterance (P phonemes with pauses, F frames):
///   phonemes          U8 text, joined by ' '   what the front end says, punctuation and pauses as it gives them
///   phoneme_words     i64 [·]                  word number of each of `phonemes`
///   durations         i64 [P]                  frames of each of aligned_phonemes; their sum is the frames of mel
///   aligned_phonemes  U8 text, joined by ' '   what is spoken in time: phonemes with sil at the ends, sp for pauses
///   alignment         f64 [P,3]                start_s, end_s, word number (-1 = silence)
///   confidence        f64 [1]                  see align::Alignment
///   mel               f32 [F,M]    energy  f32 [P] or [F]    pitch  f32 [P] or [F]   Hz, raw
///   statistics        f64 [4] under the ids "pitch" and "energy": min, max (of normalised values), mean, std
namespace timbre::prepare {

/// Columns of one utterance, or why there are none.
using Row = std::map<std::string, weights::Tensor>;
using RowResult = std::variant<Row, Skipped>;

/// What a stage sees while it runs.
struct StageJob {
  const corpus::Corpus& corpus;
  nlohmann::json settings;  ///< complete: every field with its value
  /// A value of a column this stage needs; absent when that utterance was skipped there. Thread-safe.
  std::function<std::optional<weights::Tensor>(const std::string& column, const std::string& id)> read;
  /// The settings another column was made with.
  std::function<nlohmann::json(const std::string& column)> settings_of;
  EventSink events;
  const std::atomic<bool>* stop = nullptr;  ///< set on SIGINT: leave at the next safe point
};

/// Makes the row of one utterance; called from several threads. Errors of the data are returned or thrown, both skip it.
using MakeRow = std::function<RowResult(const corpus::Utterance&)>;

struct Stage {
  std::string name;
  std::string summary;
  std::vector<std::string> makes;
  /// Fills in defaults and checks; throws UsageError for unknown keys and bad values.
  std::function<nlohmann::json(const nlohmann::json& wanted)> resolve;
  /// The columns needed with these settings.
  std::function<std::vector<std::string>(const nlohmann::json& settings)> needs;
  /// One utterance at a time (parallel, resumable, shardable) …
  std::function<MakeRow(const StageJob&)> rows;
  /// … after an optional look at the whole corpus, done once per run of the stage and kept: how the aligner trains.
  bool whole_corpus = false;
  /// For whole-corpus stages that make few rows of their own ids (statistics): all at once.
  std::function<std::map<std::string, Row>(const StageJob&)> all;
};

/// The stages by name; register_stage_<file> in prepare/stages/<file>.cpp adds one.
class Stages {
 public:
  void add(Stage stage);
  const Stage& at(const std::string& name) const;
  /// The stage that makes a column; null when none does.
  const Stage* maker(const std::string& column) const;
  const std::vector<std::unique_ptr<Stage>>& all() const { return stages_; }
  static const Stages& built_in();

 private:
  std::vector<std::unique_ptr<Stage>> stages_;
};

void register_all_stages(Stages& stages);

}  // namespace timbre::prepare
