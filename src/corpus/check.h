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
#include "corpus/clip_facts.h"
#include "corpus/corpus.h"

/// The doctor: what is wrong with this data, before any training time is spent. Facts about every clip are measured
/// once, in parallel; each rule then reads utterances and facts and returns a finding.
namespace timbre::corpus {

struct CheckOptions {
  bool audio = true;
  double min_rate_hz = 16000;
  double clipped_share = 1e-4;
  double silent_db = -55, quiet_db = -35;
  double dc_offset = 0.01;
  double edge_silence_s = 0.8, inner_silence_s = 2;
  double min_duration_s = 0.3, max_duration_s = 20;
  double outlier_deviations = 5;
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

/// Everything a rule may look at.
struct Examined {
  const Corpus& corpus;
  std::span<const Utterance> utterances;
  std::span<const ClipFacts> facts;  ///< as utterances; empty when audio was not looked at
  const CheckOptions& options;
};

/// Collects the hits of one rule and keeps the worst.
class Hits {
 public:
  explicit Hits(std::int64_t keep) : keep_(keep) {}
  void add(const Utterance& utterance, std::string detail, double badness = 0);
  void add_corpus(std::string detail, double badness = 0);  ///< about the whole corpus rather than one clip
  std::int64_t count() const { return count_; }
  /// Worst first; equal ones in the order of the corpus.
  const std::vector<Example>& worst() const { return kept_; }

 private:
  void keep(Example example);
  std::int64_t keep_, count_ = 0;
  std::vector<Example> kept_;
};

/// A rule: one small entry in rules_*.cpp.
struct Rule {
  std::string name;  ///< kebab-case, stable: tests and --json use it
  Severity severity;
  bool needs_audio;
  std::string what;    ///< what a hit means
  std::string remedy;  ///< what to do
  std::function<void(const Examined&, Hits&)> run;
};
std::vector<Rule> file_rules();   ///< rules_file.cpp: can the clip be read
std::vector<Rule> sound_rules();  ///< rules_sound.cpp: does it sound right
std::vector<Rule> text_rules();   ///< rules_text.cpp
std::vector<Rule> set_rules();    ///< rules_set.cpp: the corpus as a whole
/// All of them, in the order of reports.
std::vector<Rule> all_rules();

struct Finding {
  std::string rule, what, remedy;
  Severity severity;
  std::int64_t count = 0;
  std::vector<Example> worst;
};

struct CheckReport {
  std::string corpus;
  std::int64_t utterances = 0, rules_run = 0;
  double duration_s = 0, seconds = 0;  ///< of audio; the check took
  bool audio = true;
  std::vector<Finding> findings;  ///< most severe first; only rules with hits
  bool fatal() const;
};
nlohmann::json to_json(const CheckReport& report);
std::string to_text(const CheckReport& report);

CheckReport check_corpus(const Corpus& corpus, const CheckOptions& options, const EventSink& events);

}  // namespace timbre::corpus
