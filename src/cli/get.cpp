#include "exchange/get.h"

#include <fmt/format.h>

#include <atomic>
#include <csignal>

#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "cli/usage.h"
#include "cli/verb.h"
#include "exchange/importer.h"

namespace timbre::cli {
namespace {

struct GetVerb {
  std::string name, out, catalogue, corpus, sha256, format;
  std::vector<std::string> parts, urls;
  bool import = false, keep = false;
  fetch::DownloadOptions download;
};

config::Fields fields(GetVerb& o) {
  config::Fields f;
  f.add("name", o.name, "corpus to get; without one, those there are").positional().metavar("NAME");
  f.add("out", o.out, "folder it is unpacked into (default: data/NAME)").letter('o').metavar("DIR");
  f.add("parts", o.parts, "parts of a corpus that comes in parts, or all").metavar("A,B");
  f.add("import", o.import, "import it afterwards");
  f.add("corpus", o.corpus, "the corpus folder that --import makes (default: corpora/NAME)").metavar("CORPUS");
  f.add("url", o.urls, "fetch from here instead: a mirror, or the address of an archive the catalogue does not have")
      .metavar("URL");
  f.add("sha256", o.sha256, "its SHA-256, for an archive the catalogue does not have").metavar("HEX");
  f.add("format", o.format, "its layout (timbre import --help), for an archive the catalogue does not have")
      .metavar("FORMAT");
  f.add("catalogue", o.catalogue, "YAML file of further corpora").metavar("FILE");
  f.add("keep", o.keep, "keep the archive after unpacking");
  f.group("", fetch::fields(o.download), "connection");
  return f;
}

std::atomic<bool> interrupted{false};
void on_interrupt(int) {
  if (interrupted.exchange(true)) std::_Exit(130);  // the second Ctrl-C does not wait
}

exchange::Catalogue catalogue_of(const GetVerb& o) {
  exchange::Catalogue catalogue = exchange::Catalogue::built_in();
  if (!o.catalogue.empty()) catalogue.add(exchange::Catalogue::read(read_file(o.catalogue), o.catalogue));
  return catalogue;
}

std::string size_text(std::int64_t bytes) {
  return bytes < 0 ? "size not published" : human_bytes(static_cast<double>(bytes));
}

int list(const exchange::Catalogue& catalogue, Context& context) {
  if (context.json) {
    auto all = nlohmann::json::array();
    for (const auto& dataset : catalogue.all()) all.push_back(exchange::to_json(dataset));
    fmt::print(context.out, "{}\n", all.dump(2));
    return 0;
  }
  for (const auto& d : catalogue.all()) {
    fmt::print(context.out, "{:<10} {}, {}\n{:<10} {}; {}; {}\n", d.name, d.title, d.language, "", d.contents,
               size_text(exchange::total_bytes(d.files)), d.licence);
    if (const auto parts = d.parts(); !parts.empty())
      fmt::print(context.out, "{:<10} parts: {}\n", "", join(parts, ", "));
  }
  fmt::print(context.out, "next: timbre get NAME\n");
  return 0;
}

/// The catalogue's entry with the addresses the user gave; for a name it does not have, one made of the flags.
exchange::Dataset dataset_of(const GetVerb& o, const exchange::Catalogue& catalogue) {
  const exchange::Dataset* known = catalogue.find(o.name);
  if (!known && o.urls.empty())
    throw UsageError(
        fmt::format("the catalogue has no corpus '{}'; there are: {}", o.name, join(catalogue.names(), ", ")),
        did_you_mean(o.name, catalogue.names()));
  if (known) {
    exchange::Dataset dataset = *known;
    if (!o.sha256.empty() || !o.format.empty())
      throw UsageError(
          fmt::format("--sha256 and --format are for archives the catalogue does not have; it has {}", o.name));
    if (o.urls.empty()) return dataset;
    const auto files = dataset.files_of(o.parts);
    if (files.size() != 1)
      throw UsageError(fmt::format("--url gives one file, but {} files are wanted", files.size()),
                       "name one of --parts");
    dataset.files = files;
    dataset.files[0].source.urls = o.urls;
    return dataset;
  }
  exchange::Dataset dataset;
  dataset.name = dataset.title = o.name;
  dataset.licence = "not known here: see where it comes from";
  dataset.format = o.format;
  std::string name = o.urls[0].substr(0, o.urls[0].find_first_of("?#"));
  name = name.substr(name.find_last_of('/') + 1);
  if (name.empty() || !is_safe_relative(name) || name.front() == '.')
    throw UsageError(fmt::format("--url {}: no file name at its end", o.urls[0]),
                     "give the address of the archive itself");
  dataset.files.push_back({name, "", {o.urls, -1, o.sha256, ""}});
  return dataset;
}

void announce(const exchange::Dataset& dataset, const std::vector<exchange::CatalogueFile>& files,
              const std::string& out, Context& context) {
  auto line = [&](const std::string& text) { fmt::print(context.out, "{}\n", text); };
  line(dataset.title + (dataset.contents.empty() ? "" : ": " + dataset.contents));
  line("licence: " + dataset.licence);
  if (!dataset.attribution.empty()) line("name as source: " + dataset.attribution);
  if (!dataset.homepage.empty()) line("see " + dataset.homepage);
  if (!dataset.note.empty()) line("note: " + dataset.note);
  for (const auto& file : files) {
    const bool hash = !file.source.sha256.empty() || !file.source.md5.empty();
    line(fmt::format("{}: {}, {}", file.name, size_text(file.source.bytes),
                     hash ? "with a published hash" : "no published hash"));
    for (const auto& url : file.source.urls) line("  " + url);
  }
  if (const auto total = exchange::total_bytes(files); files.size() > 1) line("together " + size_text(total));
  line("into " + out);
  std::fflush(context.out);
}

void print(const exchange::GetResult& result, Context& context) {
  for (const auto& f : result.files) {
    if (f.already_there) {
      fmt::print(context.out, "{}: fetched and unpacked before\n", f.name);
      continue;
    }
    fmt::print(context.out, "{}: {}{}\n", f.name, human_bytes(static_cast<double>(f.bytes)),
               f.verified ? ", hash as published" : "; no hash is published, its SHA-256 is " + f.sha256);
    if (f.unpacked_files)
      fmt::print(context.out, "  unpacked {} files, {}{}\n", f.unpacked_files,
                 human_bytes(static_cast<double>(f.unpacked_bytes)),
                 f.left_out ? fmt::format("; {} links left out", f.left_out) : "");
  }
}

/// Runs the importer; its command line is what the user would type.
nlohmann::json import(const exchange::Dataset& dataset, const exchange::GetResult& got, const std::string& out,
                      Context& context) {
  exchange::Importers all;
  exchange::register_all_importers(all);
  const exchange::Importer importer = all.make(dataset.format);
  exchange::ImportRequest request;
  request.sources = {got.source};
  request.out = out;
  request.options.licence = dataset.licence;
  request.options.attribution = dataset.attribution;
  request.options.name = dataset.title;
  request.tool_version = version_text();
  const exchange::ImportResult result = exchange::import_corpus(importer, request, context.events);
  if (!context.json)
    fmt::print(context.out, "imported into {}: {} utterances, {}{}\nnext: timbre check {}\n", out, result.utterances,
               human_seconds(result.duration_s), result.rejected ? fmt::format("; {} rejected", result.rejected) : "",
               out);
  return exchange::to_json(result);
}

void refuse_unknown_format(const exchange::Dataset& dataset) {
  if (dataset.format.empty())
    throw UsageError("--import needs the layout of an archive the catalogue does not have", "add --format FORMAT");
  exchange::Importers all;
  exchange::register_all_importers(all);
  all.make(dataset.format);
}

int run(const GetVerb& o, Context& context) {
  const exchange::Catalogue catalogue = catalogue_of(o);
  if (o.name.empty()) return list(catalogue, context);
  if (!is_safe_relative(o.name) || o.name.find('/') != std::string::npos)
    throw UsageError(fmt::format("'{}' is no name", o.name), "timbre get lists those there are");
  const exchange::Dataset dataset = dataset_of(o, catalogue);
  const auto files =
      dataset.files_of(o.urls.empty() || !dataset.parts().empty() ? o.parts : std::vector<std::string>{});
  const std::string out = o.out.empty() ? "data/" + o.name : o.out;
  const std::string corpus = o.corpus.empty() ? "corpora/" + o.name : o.corpus;
  if (o.import) refuse_unknown_format(dataset);  // now rather than after hours
  if (!context.json) announce(dataset, files, out, context);
  if (context.dry_run) {
    if (context.json) fmt::print(context.out, "{}\n", exchange::to_json(dataset).dump(2));
    return 0;
  }
  interrupted = false;
  const auto before = std::signal(SIGINT, on_interrupt);
  const exchange::GetResult result =
      exchange::get_dataset({dataset, o.parts, out, o.keep, o.download}, context.events, &interrupted);
  std::signal(SIGINT, before);
  nlohmann::json document = exchange::to_json(result);
  if (!context.json) print(result, context);
  if (o.import) document["import"] = import(dataset, result, corpus, context);
  if (context.json) {
    document["dataset"] = exchange::to_json(dataset);
    fmt::print(context.out, "{}\n", document.dump(2));
  } else if (!o.import) {
    fmt::print(context.out, "next: timbre import {} {} --out {}\n", dataset.format.empty() ? "FORMAT" : dataset.format,
               result.source.string(), corpus);
  }
  return 0;
}

}  // namespace

void register_get(Verbs& verbs) {
  add_verb<GetVerb>(verbs,
                    {.name = "get",
                     .summary = "Data: fetch, verify and unpack a public corpus; goes on where it was cut off",
                     .usage = "get [NAME] [--out DIR] [--import]",
                     .examples = {"timbre get", "timbre get ljspeech --dry-run", "timbre get ljspeech --import",
                                  "timbre get libritts --parts dev-clean,test-clean --out data/libritts",
                                  "timbre get mine --url https://example.org/mine.tar.gz --format lab --import"},
                     .writes = true},
                    fields, run);
}

}  // namespace timbre::cli
