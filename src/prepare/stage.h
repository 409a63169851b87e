#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/event.h"
#include "config/fields.h"
#include "corpus/columns.h"
#include "corpus/corpus.h"
#include "weights/tensor.h"

/// A stage makes columns of a corpus from its audio, its text and other columns.
///
/// The columns of the built-in stages, one tensor an utterance (P phones in time with silences, F frames, M mel bins):
///   phonemes          U8 text, joined by ' '   what the front end says: sil at both ends, sp for punctuation
///   phoneme_words     i64 [·]                  word number of each of `phonemes`, -1 for pauses
///   words             U8 text, joined by '\n'  the words these numbers count
///   alignment         f64 [·,3]                start_s, end_s in the clip, word number (-1 = silence)
///   alignment_phones  U8 text, joined by ' '   label of each interval: phones, sil at the ends, sp for real pauses
///   aligner           f64 [·], U8 text         under the names of its arrays: align::Aligner::Saved
///   confidence        f64 [1]                  probability that the text is what is said; NaN where a TextGrid was
///   read mel               f32 [F,M]                log mel energy_frames     f32 [F]                  L2 norm of each
///   frame's magnitudes durations         i64 [P]                  frames of each of aligned_phonemes; their sum is F
///   aligned_phonemes  U8 text, joined by ' '   alignment_phones of what mel keeps; P phones
///   pitch             f64 [P] or [F]           Hz; of phones interpolated over unvoiced frames, of frames 0 there
///   energy            f32 [P] or [F]
///   speaker_mel       f32 [·,M]                what a speaker encoder hears (audio/speaker_mel.h)
///   speaker_vec       f32 [E]                  who speaks, by a speaker encoder
///   speaker_mean      f32 [E] under the names of speakers
///   codes.<codec>     i32 [F,Q]                F frames of Q codebooks, of a neural codec
///   mel_of.<kind>     f32 [F,M]                what a voice makes of the clip's own durations, pitch and energy
///   statistics        f64 [4] under the ids "pitch" and "energy": min, max (of normalised values), mean, deviation
namespace timbre::prepare {

/// Columns of one utterance, or why there are none.
using Row = std::map<std::string, weights::Tensor>;
using RowResult = std::variant<Row, Skipped>;

/// What a stage sees while it runs.
struct StageJob {
  const corpus::Corpus& corpus;
  nlohmann::json settings;  ///< complete: every field with its value
  /// A value of a column this stage needs; nothing where that utterance was skipped. Thread-safe.
  std::function<std::optional<weights::Tensor>(const std::string& column, const std::string& id)> read;
  /// The settings another column was made with.
  std::function<nlohmann::json(const std::string& column)> settings_of;
  /// A needed column itself, for those with ids of their own.
  std::function<const corpus::Column&(const std::string& column)> column;
  EventSink events;
  /// Counts something people should know of: of a kind ("words in no lexicon, …"), the item. Thread-safe.
  std::function<void(const std::string& kind, const std::string& item)> tally;
  const std::atomic<bool>* stop = nullptr;  ///< set on SIGINT: leave at the next safe point
};

/// Raised inside a stage when `stop` was seen.
struct Stopped {};

/// Makes the row of one utterance; called from several threads. A timbre::Error about this utterance becomes Skipped.
using MakeRow = std::function<RowResult(const corpus::Utterance&)>;

/// Makes the rows of several utterances at once, in their order; called from one thread. A fault of one of them is its
/// Skipped.
using MakeRows = std::function<std::vector<RowResult>(std::span<const corpus::Utterance* const>)>;

struct Stage {
  std::string name;
  std::string summary;
  std::vector<std::string> makes;
  /// The settings with their defaults, bound to an object that lives as long as the result.
  std::function<std::pair<std::shared_ptr<void>, config::Fields>()> settings;
  /// The settings that name a file or a folder of files: what they hold makes a column stale, not where they lie.
  std::vector<std::string> files;
  /// The settings that a stage it builds on has under the same name: both get the same value.
  std::vector<std::string> shares = {};
  /// What a program of another version would make otherwise with the same settings (versions of rules): it makes a
  /// column stale as settings do. May be empty.
  std::function<nlohmann::json(const nlohmann::json& settings)> versions = {};
  /// Settings that the corpus decides ("espeak:auto"): complete settings → those that the columns keep. May be empty.
  std::function<nlohmann::json(nlohmann::json settings, const corpus::Corpus& corpus)> settle = {};
  /// The columns needed with these settings.
  std::function<std::vector<std::string>(const nlohmann::json& settings)> needs;
  /// One utterance at a time: parallel, resumable, shardable.
  std::function<MakeRow(const StageJob&)> rows;
  /// Looks at the whole corpus, as the aligner does to train: what it needs must then be complete.
  bool whole_corpus = false;
  /// It runs a network: only a program that has some can make its columns (prepare/speaker_vectors.h, teacher.h).
  bool network = false;
  /// Instead of `rows`, for columns with ids of their own (aligner, statistics): id → row.
  std::function<std::map<std::string, Row>(const StageJob&)> all;
  /// A line about what its columns hold, for the report; may be empty. Called after anything was made.
  std::function<std::string(const corpus::Corpus&)> summary_of = {};
  /// Instead of `rows`, for networks that take clips of like length together: batches come by rising length, of at most
  /// kTogether utterances and, padded, kTogether_s seconds.
  std::function<MakeRows(const StageJob&)> together = {};
  static constexpr std::size_t kTogether = 64;
  static constexpr double kTogether_s = 60;
  /// What readers of its columns need to know besides the settings (sizes, rates); recorded, no part of their identity.
  std::function<nlohmann::json(const nlohmann::json& settings)> facts = {};
};

/// The stages by name; register_stage_<file> in prepare/stages/<file>.cpp adds one.
class Stages {
 public:
  /// Throws std::logic_error for a name or column that is taken.
  void add(Stage stage);
  /// Stages whose number is not known: `make` gives the one for a column named prefix + [a-z0-9_]+.
  void add_family(std::string prefix, std::function<Stage(const std::string& column)> make);
  /// Throws UsageError with "did you mean".
  const Stage& at(const std::string& name) const;
  /// The stage that makes a column; null when none does.
  const Stage* maker(const std::string& column) const;
  const std::vector<std::unique_ptr<Stage>>& all() const { return stages_; }
  /// All of prepare/stages/.
  static const Stages& built_in();

 private:
  const Stage* of_family(const std::string& column) const;
  std::vector<std::unique_ptr<Stage>> stages_;
  std::map<std::string, std::function<Stage(const std::string&)>> families_;
  /// Those that were asked for so far.
  mutable std::map<std::string, std::unique_ptr<Stage>> members_;
  std::unique_ptr<std::mutex> guard_ = std::make_unique<std::mutex>();
};

/// Defaults, with `wanted` on top. Throws UsageError for unknown keys and bad values.
nlohmann::json resolve_settings(const Stage& stage, const nlohmann::json& wanted);

/// Generated from the files of prepare/stages/.
void register_all_stages(Stages& stages);

/// Fills a settings struct from complete settings.
template <class Options>
Options options_from(const nlohmann::json& settings, config::Fields (*list)(Options&), const std::string& stage) {
  Options options;
  config::Fields f = list(options);
  config::from_json(f, settings, "settings of " + stage);
  return options;
}

/// Stage::settings of a struct with a field list.
template <class Options>
std::pair<std::shared_ptr<void>, config::Fields> settings_of_struct(config::Fields (*list)(Options&)) {
  auto options = std::make_shared<Options>();
  return {options, list(*options)};
}

}  // namespace timbre::prepare
