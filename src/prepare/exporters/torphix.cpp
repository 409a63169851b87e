#include <fmt/format.h>

#include <set>

#include "base/files.h"
#include "exchange/exporter.h"
#include "prepare/torphix_folder.h"
#include "text/symbols.h"

/// database/<dataset> of torphix/fastspeech2-TTS: preprocessed_dataset/<speaker>/ with clips and .lab, and what its
/// create_dataset would make of them, from the columns that `timbre prepare --for fastspeech2` made.
namespace timbre::prepare {

namespace {

void check(const exchange::ExportJob& job) {
  const exchange::ExportOptions& o = job.request().options;
  if (!o.speaker.empty() || o.split != "all")
    throw UsageError("--format torphix takes the whole corpus: its statistics are of all clips");
}

/// Its programs drop what their table lacks without a word, and the lengths no longer match then.
void tell_unknown_phones(const TorphixData& data, exchange::ExportJob& job) {
  std::set<std::string> unknown;
  for (const TorphixSpeaker& speaker : data.speakers)
    for (const auto& entry : speaker.data)
      for (const std::string phone : entry.at("phonemes"))
        if (text::ming024_symbol_id("@" + phone) < 0) unknown.insert(phone);
  if (unknown.empty()) return;
  job.note(
      fmt::format("{} phones are not in its symbol table, such as '{}': prepare with --preset torphix, which makes "
                  "its phones",
                  unknown.size(), *unknown.begin()));
}

void write(exchange::ExportJob& job) {
  const TorphixData data = export_torphix(job.corpus());
  tell_unknown_phones(data, job);
  write_torphix_folder(data, job.staging() / "processed_dataset", job.out() / "processed_dataset");
  std::set<std::string> skipped;
  for (const Skipped& s : data.skipped) {
    job.skip(s.id, s.reason);
    skipped.insert(s.id);
  }
  const auto& utterances = job.utterances();
  const auto name = [&](std::size_t i) {
    const corpus::Utterance& u = *utterances[i];
    return fs::path("preprocessed_dataset") / (u.speaker.empty() ? "1" : u.speaker) / u.id;
  };
  std::vector<fs::path> wanted;
  for (std::size_t i = 0; i < utterances.size(); ++i)
    wanted.push_back(skipped.contains(utterances[i]->id) ? fs::path() : name(i));
  const std::vector<exchange::Placed> placed = job.place(wanted);
  for (std::size_t i = 0; i < placed.size(); ++i)
    if (placed[i].ok) job.write(name(i).string() + ".lab", exchange::one_line(utterances[i]->text) + "\n");
  job.note(
      "its programs read the files under the paths written in <speaker>_data.json: after moving the folder, \"root\" "
      "must be changed there");
}

}  // namespace

void register_exporter_torphix(exchange::Exporters& exporters) {
  exporters.add("torphix", [] {
    return exchange::Exporter{
        .name = "torphix",
        .summary = "clips, .lab, mel, pitch, energy and durations as database/<dataset> of torphix/fastspeech2-TTS",
        .clips = exchange::ClipForm::wav16,
        .fields = {},
        .check = check,
        .write = write};
  });
}

}  // namespace timbre::prepare
