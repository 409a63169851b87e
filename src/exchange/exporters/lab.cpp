#include <memory>

#include "base/strings.h"
#include "exchange/exporter.h"
#include "exchange/importer.h"  // make_id

/// <speaker>/<id>.wav with <id>.lab beside it: what the Montreal Forced Aligner and ming024's raw_path read. Splits go
/// to splits.tsv (id, split), which `timbre import lab` takes up.
namespace timbre::exchange {

namespace {

struct Options {
  std::string ending = "lab";
};

void write(const Options& options, ExportJob& job) {
  const auto& utterances = job.utterances();
  std::vector<fs::path> wanted;
  UniqueNames unique;
  for (const corpus::Utterance* u : utterances) {
    fs::path name = u->speaker.empty() ? fs::path(u->id) : fs::path(make_id(u->speaker)) / u->id;
    const bool is_new = unique.insert(name.string());
    if (!is_new) job.skip(u->id, fmt::format("another clip is named '{}'", name.string()));
    wanted.push_back(is_new ? name : fs::path());
  }
  const std::vector<Placed> placed = job.place(wanted);
  std::string splits;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    if (!placed[i].ok) continue;
    fs::path text = wanted[i];
    text += "." + options.ending;
    job.write(text, one_line(utterances[i]->text) + "\n");
    if (!utterances[i]->split.empty())
      splits += fmt::format("{}\t{}\n", wanted[i].generic_string(), utterances[i]->split);
  }
  if (!splits.empty()) job.write("splits.tsv", splits);
}

config::Fields fields(Options& o) {
  config::Fields f;
  f.add("ending", o.ending, "of the text files").choices({"lab", "txt"});
  return f;
}

}  // namespace

void register_exporter_lab(Exporters& exporters) {
  exporters.add("lab", [] {
    auto options = std::make_shared<Options>();
    return Exporter{.name = "lab",
                    .summary = "a folder a speaker with a .lab beside each clip (MFA, ming024)",
                    .clips = ClipForm::wav16,
                    .fields = fields(*options),
                    .check = {},
                    .write = [options](ExportJob& job) { write(*options, job); }};
  });
}

}  // namespace timbre::exchange
