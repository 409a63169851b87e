#pragma once
#include <filesystem>
#include <string>

namespace timbre::report {

/// What goes into a run's report; empty paths leave their sections out.
struct ReportSources {
  std::filesystem::path run;     ///< run folder: run.yaml, events.jsonl, voice/
  std::filesystem::path corpus;  ///< histograms, an alignment picture, licence and attribution
  std::filesystem::path score;   ///< JSON of `timbre score -o`
  std::filesystem::path clips;   ///< folder of `timbre score --keep`
  std::filesystem::path said;    ///< folder of NAME.wav + NAME.json (timestamps) from `timbre say`
  std::filesystem::path check;   ///< JSON of `timbre check --json`
  std::int64_t prompts = 8;      ///< scored prompts shown with players
};

/// One HTML page with everything inside: players, mels with phone boundaries, loss curves, the score table, the data.
/// Throws DataError naming the file that is missing or broken.
std::string make_report(const ReportSources& sources);

}  // namespace timbre::report
