#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/event.h"
#include "config/fields.h"
#include "corpus/corpus.h"
#include "doctor/clip_facts.h"

/// The doctor: what is wrong with this data, before any training time is spent. Facts about every clip are measured
/// once, in parallel; each rule then reads utterances and facts and returns a finding. fix.h repairs what can be.
/// docs/doctor.md has a line for every rule.
namespace timbre::doctor {

struct CheckOptions {
  bool audio = true;
  double min_rate_hz = 16000;
  double clipped_share = 1e-4;
  double silent_db = -55, quiet_db = -35;
  double dc_offset = 0.01;
  double hum_db = -42;
  double edge_silence_s = 0.8, inner_silence_s = 2;
  double min_duration_s = 0.3, max_duration_s = 20;
  double outlier_deviations = 5;
  double min_confidence = 0.5;
  double min_total_s = 600;
  std::int64_t min_speaker_clips = 20;
  std::int64_t examples = 5;
  std::vector<std::string> skip;
};
config::Fields fields(CheckOptions& options);

enum class Severity { info, warning, fatal };
std::string_view to_string(Severity severity);

/// One example of a finding; larger `badness` is shown first.
struct Example {
  std::string id, detail;
  double badness = 0;
};

/// What preparation has left beside the manifest, as the utterances; an empty vector when that column is not there.
struct PreparedFacts {
  std::string front_end;                ///< that made the phones; "" = none did yet
  std::vector<std::int32_t> phones;     ///< number of phones, -1 = none for this one
  std::vector<float> confidence;        ///< probability that the text is what is said; NaN = not known
  std::vector<std::string> misaligned;  ///< why the aligner left it out; "" = it did not
};

/// Estimates for preparing a model's columns and training on them, and what is there.
struct Needs {
  double disk_bytes = 0, disk_free_bytes = 0;
  double memory_bytes = 0, memory_available_bytes = 0;
};

/// Everything a rule may look at.
struct Examined {
  const corpus::Corpus& corpus;
  std::span<const corpus::Utterance> utterances;
  std::span<const ClipFacts> facts;  ///< as utterances; empty when audio was not looked at
  const CheckOptions& options;
  const PreparedFacts& prepared;
  const Needs& needs;
};

/// One utterance that a rule speaks of.
struct Hit {
  std::size_t place;  ///< in Examined::utterances
  std::string detail;
};

/// Collects the hits of one rule and keeps the worst.
class Hits {
 public:
  /// With `every`, all hits on utterances are kept there besides (what a repair needs).
  explicit Hits(std::int64_t keep, std::span<const corpus::Utterance> utterances = {},
                std::vector<Hit>* every = nullptr)
      : keep_(keep), utterances_(utterances), every_(every) {}
  void add(const corpus::Utterance& utterance, std::string detail, double badness = 0);
  void add_corpus(std::string detail, double badness = 0);  ///< about the whole corpus rather than one clip
  std::int64_t count() const { return count_; }
  /// Worst first; equal ones in the order of the corpus.
  const std::vector<Example>& worst() const { return kept_; }

 private:
  void keep(Example example);
  std::int64_t keep_, count_ = 0;
  std::span<const corpus::Utterance> utterances_;
  std::vector<Hit>* every_;
  std::vector<Example> kept_;
};

/// What `check --fix` does about the utterances that a rule names.
enum class Cure { repair, quarantine, leave };
std::string_view to_string(Cure cure);

/// A rule: one small entry in rules_*.cpp.
struct Rule {
  std::string name;  ///< kebab-case, stable: tests and --json use it
  Severity severity;
  bool needs_audio;
  std::string what;    ///< what a hit means
  std::string remedy;  ///< what to do
  Cure cure;
  std::function<void(const Examined&, Hits&)> run;
  /// Why the rule has nothing to go by ("no alignment yet …"), or "". May be empty: it always runs.
  std::function<std::string(const Examined&)> missing = {};
};
std::vector<Rule> file_rules();   ///< rules_file.cpp: can the clip be read
std::vector<Rule> sound_rules();  ///< rules_sound.cpp: does it sound right
std::vector<Rule> text_rules();   ///< rules_text.cpp: can the text be read
std::vector<Rule> fit_rules();    ///< rules_fit.cpp: is the text what is said
std::vector<Rule> set_rules();    ///< rules_set.cpp: the corpus as a whole
/// All of them, in the order of reports.
std::vector<Rule> all_rules();

struct Finding {
  std::string rule, what, remedy;
  Severity severity;
  Cure cure;
  std::int64_t count = 0;
  std::vector<Example> worst;
};

struct CheckReport {
  std::string corpus;
  std::int64_t utterances = 0, rules_run = 0;
  double duration_s = 0, seconds = 0;  ///< of audio; the check took
  bool audio = true;
  Needs needs;
  std::vector<Finding> findings;                             ///< most severe first; only rules with hits
  std::vector<std::pair<std::string, std::string>> not_run;  ///< rules that lacked something, and what
  bool fatal() const;
};
nlohmann::json to_json(const CheckReport& report);
std::string to_text(const CheckReport& report);

/// The rules that `options` leave, in the order of reports. Throws UsageError for a rule to skip that does not exist.
std::vector<Rule> chosen_rules(const CheckOptions& options);

/// Everything the doctor has seen, for repairs and pages.
struct Examination {
  CheckReport report;
  std::vector<ClipFacts> facts;
  std::vector<std::vector<Hit>> hits;  ///< by rule, as `rules`; empty unless asked for
  std::vector<Rule> rules;
};
Examination examine(const corpus::Corpus& corpus, const CheckOptions& options, const EventSink& events, bool keep_hits);

/// The report alone.
CheckReport check_corpus(const corpus::Corpus& corpus, const CheckOptions& options, const EventSink& events);

/// Reads the columns the rules look at, where they are.
PreparedFacts read_prepared(const corpus::Corpus& corpus);

}  // namespace timbre::doctor
