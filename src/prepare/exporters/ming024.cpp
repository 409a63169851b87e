#include <set>

#include "exchange/exporter.h"
#include "prepare/ming024_folder.h"

/// The data folder of ming024/FastSpeech2, from the columns that `timbre prepare --for fastspeech2` made.
namespace timbre::prepare {

namespace {

constexpr std::uint64_t kSeed = 1234;  // of the shuffle that picks val.txt; the reference's own is unseeded

void check(const exchange::ExportJob& job) {
  const exchange::ExportOptions& o = job.request().options;
  if (!o.speaker.empty() || o.split != "all")
    throw UsageError("--format ming024 takes the whole corpus: its statistics are of all clips");
}

void write(exchange::ExportJob& job) {
  const Ming024Data data = export_ming024(job.corpus());
  write_ming024_folder(data, job.staging(), kSeed);
  std::set<std::string> skipped;
  for (const Skipped& s : data.skipped) {
    job.skip(s.id, s.reason);
    skipped.insert(s.id);
  }
  for (const corpus::Utterance* u : job.utterances())
    if (!skipped.contains(u->id)) job.count(*u);
}

}  // namespace

void register_exporter_ming024(exchange::Exporters& exporters) {
  exporters.add("ming024", [] {
    return exchange::Exporter{
        .name = "ming024",
        .summary = "mel, pitch, energy and durations as ming024/FastSpeech2's preprocess.py leaves them",
        .clips = exchange::ClipForm::none,
        .fields = {},
        .check = check,
        .write = write};
  });
}

}  // namespace timbre::prepare
