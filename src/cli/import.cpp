#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/usage.h"
#include "cli/verb.h"
#include "corpus/importer.h"

namespace timbre::cli {

namespace {

/// The FORMAT word, what every import takes, and each format's own options under its name (--table.delimiter).
struct ImportVerb {
  std::string format, out;
  std::vector<std::string> sources;
  corpus::ImportOptions options;
  std::map<std::string, corpus::Importer> importers;
};

std::string usage_of_formats(const corpus::Importers& importers) {
  std::vector<std::string> names = importers.names();
  return join(names, ", ");
}

void print(const corpus::ImportResult& result, const ImportVerb& verb, const Context& context) {
  auto line = [&](const std::string& text) { fmt::print(context.out, "{}\n", text); };
  if (result.already_there) {
    line(fmt::format("{}: this import is finished: {} utterances; nothing to do", verb.out, result.utterances));
    return;
  }
  line(fmt::format("{} {}: {} utterances, {}{}", context.dry_run ? "would import into" : "imported into", verb.out,
                   result.utterances, human_seconds(result.duration_s),
                   result.rejected ? fmt::format("; {} rejected", result.rejected) : ""));
  for (const auto& [reason, count] : result.reasons) line(fmt::format("  rejected {:>6}  {}", count, reason));
  if (result.rejected && !context.dry_run) line(fmt::format("  which and why: {}/rejected.jsonl", verb.out));
  line(fmt::format("  clips: {} left in place, {} copied, {} decoded to 16-bit WAV", result.linked, result.copied,
                   result.decoded));
  if (result.mixed_to_mono)
    line(fmt::format("  {} clips had several channels and were mixed to one", result.mixed_to_mono));
  if (result.stereo_left)
    line(fmt::format("  {} clips have several channels; later steps mix them to one", result.stereo_left));
  for (const auto& [rate, count] : result.rates_hz) line(fmt::format("  {} Hz: {} clips", rate, count));
  std::size_t shown = 0;
  for (const auto& [speaker, count] : result.speakers)
    if (++shown <= 5) line(fmt::format("  speaker {}: {} clips", speaker.empty() ? "(not named)" : speaker, count));
  if (shown > 5) line(fmt::format("  … {} speakers in all", shown));
  for (const char* key : {"licence", "attribution"})
    if (std::string value = result.about.value(key, ""); !value.empty()) line(fmt::format("  {}: {}", key, value));
  for (const std::string& note : result.notes) line("  " + note);
  if (!context.dry_run) line(fmt::format("next: timbre check {}", verb.out));
}

int run(const ImportVerb& verb, Context& context) {
  corpus::Importers all;
  corpus::register_all_importers(all);
  all.make(verb.format);  // throws for an unknown format, with those there are
  for (const auto& [name, importer] : verb.importers)
    if (name != verb.format && config::to_json(importer.fields) != config::to_json(all.make(name).fields))
      throw UsageError(fmt::format("options --{}.… belong to the format '{}', not to '{}'", name, name, verb.format));
  corpus::ImportRequest request;
  request.sources.assign(verb.sources.begin(), verb.sources.end());
  request.out = verb.out;
  request.options = verb.options;
  request.dry_run = context.dry_run;
  request.tool_version = version_text();
  corpus::ImportResult result = corpus::import_corpus(verb.importers.at(verb.format), request, context.events);
  if (context.json)
    fmt::print(context.out, "{}\n", corpus::to_json(result).dump(2));
  else
    print(result, verb, context);
  return 0;
}

}  // namespace

void register_import(Verbs& verbs) {
  verbs.add("import", "Data: any common dataset layout → a corpus folder", [] {
    corpus::Importers importers;
    corpus::register_all_importers(importers);
    auto verb = std::make_shared<ImportVerb>();
    for (const std::string& name : importers.names()) verb->importers.emplace(name, importers.make(name));
    Verb head;
    head.name = "import";
    head.summary = "Data: any common dataset layout → a corpus folder";
    head.usage = "import FORMAT SOURCE… --out CORPUS";
    head.examples = {"timbre import ljspeech LJSpeech-1.1 --out corpora/lj",
                     "timbre import asterisk asterisk-core-sounds-en-g722_1.6.1-1_all.deb "
                     "asterisk-core-sounds-en_1.6.1-1_all.deb --out corpora/en",
                     "timbre import table recordings.csv --out corpora/mine --speaker Ada --language en",
                     "timbre import lab speakers/ --out corpora/many --audio wav16"};
    head.writes = true;
    head.fields.add("format", verb->format, fmt::format("layout of the source: {}", usage_of_formats(importers)))
        .positional()
        .required()
        .metavar("FORMAT");
    head.fields.add("source", verb->sources, "folder, table or package to import")
        .positional()
        .required()
        .metavar("SOURCE");
    head.fields.add("out", verb->out, "the corpus folder to make").letter('o').required().metavar("CORPUS");
    head.fields.group("", corpus::fields(verb->options));
    for (auto& [name, importer] : verb->importers)
      head.fields.group(name, importer.fields, name + ": " + importer.summary);
    head.run = [verb](Context& context) { return run(*verb, context); };
    return head;
  });
}

}  // namespace timbre::cli
