#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/event.h"
#include "config/fields.h"
#include "doctor/check.h"

/// `check --fix`: a new corpus in which what can be repaired is repaired, and from which the rest is left out with the
/// reason (rejected.jsonl). The source is only read; the new corpus appears whole or not at all.
namespace timbre::doctor {

struct RepairOptions {
  std::int64_t rate_hz = 0;        ///< 0 = the commonest rate, where there are several
  double margin_s = 0.15;          ///< of silence left at either end that is trimmed
  double inner_s = 0.5;            ///< what is left of a silence inside that was too long
  double level_db = -23;           ///< of the speech of clips that were too quiet
  bool notch_hum = false;          ///< filter out the mains frequency and its harmonics where there is hum
  std::vector<std::string> leave;  ///< rules whose clips are neither repaired nor left out
};
config::Fields fields(RepairOptions& options);

struct FixReport {
  std::int64_t utterances = 0, kept = 0,
               changed = 0;  ///< of the source; in the new corpus; those with another sound or text
  std::int64_t quarantined = 0;
  double duration_s = 0;                                                     ///< of the new corpus
  std::int64_t rate_hz = 0;                                                  ///< the one rate, or 0 = as they were
  std::map<std::string, std::int64_t> repaired_by, quarantined_by, left_by;  ///< rule → utterances
};
nlohmann::json to_json(const FixReport& report);
std::string to_text(const FixReport& report, const std::filesystem::path& out, bool dry_run);

/// Throws UsageError when `out` exists and is not empty, or lies in the source: to be asked before the long look.
void require_place_for_fix(const corpus::Corpus& corpus, const std::filesystem::path& out);

/// `seen` comes from examine(…, keep_hits) with sound. Throws UsageError for an `out` that exists and is not empty or
/// lies in the source, or for a rule in `leave` that does not exist; DataError when nothing would be left.
FixReport fix_corpus(const corpus::Corpus& corpus, const Examination& seen, const CheckOptions& check,
                     const RepairOptions& options, const std::filesystem::path& out, const EventSink& events,
                     bool dry_run);

}  // namespace timbre::doctor
