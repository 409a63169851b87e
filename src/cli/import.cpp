#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"
#include "cli/usage.h"
#include "cli/verb.h"
#include "exchange/importer.h"

namespace timbre::cli {

namespace {

/// The FORMAT word, what every import takes, and each format's own options under its name (--table.delimiter).
struct ImportVerb {
  std::string format, out;
  std::vector<std::string> sources;
  exchange::ImportOptions options;
  std::map<std::string, exchange::Importer> importers;
};

constexpr std::size_t kColumns = 100;

/// "  head  words …" with the further lines below the first word.
std::string paragraph(const std::string& head, const std::string& text, std::size_t indent) {
  std::string out = fmt::format("  {:<{}}", head, indent - 2), line;
  for (const std::string& word : split_whitespace(text)) {
    if (!line.empty() && indent + line.size() + 1 + word.size() > kColumns) {
      out += line + "\n" + std::string(indent, ' ');
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return out + line + "\n";
}

/// `timbre import --help`: the formats. `timbre import FORMAT --help`: what it expects and keeps, and its own options
/// alone.
std::string explain(const ImportVerb& verb, Verb& shown, const std::vector<std::string>& words) {
  auto chosen = verb.importers.end();
  for (const std::string& word : words)
    if (chosen == verb.importers.end()) chosen = verb.importers.find(word);
  auto is_of_format = [&](const config::Field& field) {
    return field.name().find('.') != std::string::npos &&
           (chosen == verb.importers.end() || !field.name().starts_with(exchange::option_prefix(chosen->first) + "."));
  };
  std::erase_if(shown.fields.list(), is_of_format);
  if (chosen != verb.importers.end()) {
    const exchange::Importer& importer = chosen->second;
    if (!importer.examples.empty()) shown.examples = importer.examples;
    return fmt::format("{}: {}\n", importer.name, importer.summary) + paragraph("expects", importer.layout, 11) +
           (importer.keeps.empty() ? "" : paragraph("keeps", importer.keeps, 11));
  }
  std::size_t widest = 0;
  for (const auto& [name, importer] : verb.importers) widest = std::max(widest, name.size());
  std::string out = "Formats (timbre import FORMAT --help says more of one):\n";
  for (const auto& [name, importer] : verb.importers) out += paragraph(name, importer.summary, widest + 4);
  return out;
}

void print(const exchange::ImportResult& result, const ImportVerb& verb, const Context& context) {
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
  exchange::Importers all;
  exchange::register_all_importers(all);
  all.make(verb.format);  // throws for an unknown format, with those there are
  for (const auto& [name, importer] : verb.importers)
    if (name != verb.format && config::to_json(importer.fields) != config::to_json(all.make(name).fields))
      throw UsageError(fmt::format("options --{}.… belong to the format '{}', not to '{}'", name, name, verb.format),
                       fmt::format("timbre import {} --help", verb.format));
  exchange::ImportRequest request;
  request.sources.assign(verb.sources.begin(), verb.sources.end());
  request.out = verb.out;
  request.options = verb.options;
  request.dry_run = context.dry_run;
  request.tool_version = version_text();
  exchange::ImportResult result = exchange::import_corpus(verb.importers.at(verb.format), request, context.events);
  if (context.json)
    fmt::print(context.out, "{}\n", exchange::to_json(result).dump(2));
  else
    print(result, verb, context);
  return 0;
}

}  // namespace

void register_import(Verbs& verbs) {
  verbs.add("import", "Data: any common dataset layout → a corpus folder", [] {
    exchange::Importers importers;
    exchange::register_all_importers(importers);
    auto verb = std::make_shared<ImportVerb>();
    for (const std::string& name : importers.names()) verb->importers.emplace(name, importers.make(name));
    Verb head;
    head.name = "import";
    head.summary = "Data: any common dataset layout → a corpus folder";
    head.usage = "import FORMAT SOURCE… --out CORPUS";
    head.examples = {"timbre import ljspeech LJSpeech-1.1 --out corpora/lj",
                     "timbre import table recordings.csv --out corpora/mine --speaker Ada --language en",
                     "timbre import kaldi data/train --out corpora/train", "timbre import gpt-sovits --help"};
    head.writes = true;
    head.fields.add("format", verb->format, "layout of the source, one of the formats above")
        .positional()
        .required()
        .metavar("FORMAT");
    head.fields.add("source", verb->sources, "folder, table or package to import")
        .positional()
        .required()
        .metavar("SOURCE");
    head.fields.add("out", verb->out, "the corpus folder to make").letter('o').required().metavar("CORPUS");
    head.fields.group("", exchange::fields(verb->options));
    for (auto& [name, importer] : verb->importers)
      head.fields.group(exchange::option_prefix(name), importer.fields, name);
    head.explain = [verb](Verb& shown, const std::vector<std::string>& words) { return explain(*verb, shown, words); };
    head.run = [verb](Context& context) { return run(*verb, context); };
    return head;
  });
}

}  // namespace timbre::cli
