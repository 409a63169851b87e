#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"
#include "cli/usage.h"
#include "cli/verb.h"
#include "exchange/exporter.h"
#include "prepare/export.h"

namespace timbre::cli {

namespace {

/// What every export takes, and each format's own options under its name (--lhotse.prefix).
struct ExportVerb {
  std::string corpus, format, out;
  exchange::ExportOptions options;
  std::map<std::string, exchange::Exporter> exporters;
};

exchange::Exporters all_exporters() {
  exchange::Exporters all;
  exchange::register_all_exporters(all);
  prepare::register_column_exporters(all);
  return all;
}

void print_skipped(const exchange::ExportResult& result, const ExportVerb& verb, const Context& context) {
  constexpr std::size_t kShown = 3;
  if (result.skipped.empty()) return;
  fmt::print(context.out, "  left out {}:\n", result.skipped.size());
  for (std::size_t i = 0; i < std::min(kShown, result.skipped.size()); ++i)
    fmt::print(context.out, "    {}: {}\n", result.skipped[i].id, result.skipped[i].reason);
  if (result.skipped.size() > kShown && !context.dry_run)
    fmt::print(context.out, "    … all of them: {}/skipped.jsonl\n", verb.out);
}

void print(const exchange::ExportResult& result, const ExportVerb& verb, const Context& context) {
  fmt::print(context.out, "{} {}: {} utterances, {}\n", context.dry_run ? "would write" : "wrote", verb.out,
             result.utterances, human_seconds(result.duration_s));
  std::vector<std::string> splits;
  for (const auto& [split, count] : result.splits)
    if (!split.empty()) splits.push_back(fmt::format("{} {}", split, count));
  if (!splits.empty()) fmt::print(context.out, "  splits: {}\n", join(splits, ", "));
  std::vector<std::string> clips;
  for (const auto& [count, what] : {std::pair(result.left, "left in place"),
                                    {result.linked, "hard-linked"},
                                    {result.copied, "copied"},
                                    {result.converted, "converted to 16-bit mono WAV"}})
    if (count) clips.push_back(fmt::format("{} {}", count, what));
  if (!clips.empty()) fmt::print(context.out, "  clips: {}\n", join(clips, ", "));
  for (const std::string& note : result.notes) fmt::print(context.out, "  {}\n", note);
  print_skipped(result, verb, context);
}

int run(const ExportVerb& verb, Context& context) {
  const exchange::Exporters all = all_exporters();
  all.make(verb.format);  // throws for an unknown format, with those there are
  for (const auto& [name, exporter] : verb.exporters)
    if (name != verb.format && config::to_json(exporter.fields) != config::to_json(all.make(name).fields))
      throw UsageError(fmt::format("options --{}.… belong to the format '{}', not to '{}'", name, name, verb.format));
  exchange::ExportRequest request;
  request.corpus = verb.corpus;
  request.out = verb.out;
  request.options = verb.options;
  request.dry_run = context.dry_run;
  request.tool_version = version_text();
  const auto result = exchange::export_corpus(verb.exporters.at(verb.format), request, context.events);
  if (context.json)
    fmt::print(context.out, "{}\n", exchange::to_json(result).dump(2));
  else
    print(result, verb, context);
  return 0;
}

}  // namespace

void register_export(Verbs& verbs) {
  const std::string summary = "Data: a corpus → a layout that other programs read";
  verbs.add("export", summary, [summary] {
    const exchange::Exporters exporters = all_exporters();
    auto verb = std::make_shared<ExportVerb>();
    for (const std::string& name : exporters.names()) verb->exporters.emplace(name, exporters.make(name));
    Verb head;
    head.name = "export";
    head.summary = summary;
    head.usage = "export CORPUS --format FORMAT --out DIR";
    head.examples = {"timbre export corpora/lj --format ljspeech --out lj-for-coqui --rate 22050",
                     "timbre export corpora/zh --format lhotse --out data/manifests --lhotse.prefix baker_zh",
                     "timbre export corpora/en --format hf --out en-dataset",
                     "timbre export corpora/en --format lab --out for-mfa --speaker Ada"};
    head.writes = true;
    head.fields.add("corpus", verb->corpus, "corpus folder").positional().required().metavar("CORPUS");
    std::vector<std::string> formats;
    for (const auto& [name, exporter] : verb->exporters) formats.push_back(name + ": " + exporter.summary);
    head.fields.add("format", verb->format, "layout to write. " + join(formats, "; "))
        .letter('f')
        .required()
        .metavar("FORMAT");
    head.fields.add("out", verb->out, "the folder to make").letter('o').required().metavar("DIR");
    head.fields.group("", exchange::fields(verb->options));
    for (auto& [name, exporter] : verb->exporters)
      if (!exporter.fields.list().empty()) head.fields.group(name, exporter.fields, name + ": " + exporter.summary);
    head.run = [verb](Context& context) { return run(*verb, context); };
    return head;
  });
}

}  // namespace timbre::cli
