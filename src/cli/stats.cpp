#include <fmt/format.h>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cli/verb.h"
#include "corpus/corpus.h"
#include "corpus/stats.h"
#include "exchange/cut_stats.h"
#include "exchange/lhotse_manifest.h"
#include "plot/histogram.h"

namespace timbre::cli {

namespace {

struct StatsVerb {
  std::string corpus, plots;
  std::int64_t speakers = 20;
};

config::Fields fields(StatsVerb& verb) {
  config::Fields f;
  f.add("corpus", verb.corpus, "corpus folder, or a lhotse cuts manifest, of which it prints what lhotse prints")
      .positional()
      .required()
      .metavar("CORPUS|CUTS.jsonl.gz");
  f.add("speakers", verb.speakers, "how many speakers to list").range(0, 1e9);
  f.add("plots", verb.plots, "write histograms of durations and rates into this folder, as SVG and PNG").metavar("DIR");
  return f;
}

/// Returns the files' names.
std::vector<std::string> write_plots(const corpus::Corpus& corpus, const corpus::CorpusSamples& samples,
                                     const fs::path& folder, bool dry_run) {
  struct Plot {
    const char *name, *title, *x_label;
    const std::vector<double>& values;
  };
  const Plot plots[] = {
      {"durations", "Clip length", "seconds", samples.durations_s},
      {"characters_per_s", "Speaking rate", "characters per second", samples.characters_per_s},
      {"words_per_s", "Speaking rate in words", "words per second", samples.words_per_s},
      {"characters", "Text length", "characters", samples.characters},
  };
  std::vector<std::string> files;
  if (!dry_run) make_folders(folder);
  for (const Plot& plot : plots) {
    const plot::HistogramPicture picture{
        .values = plot.values,
        .bars = 0,
        .title = fmt::format("{}, {} ({} clips)", plot.title, corpus.name(), plot.values.size()),
        .x_label = plot.x_label,
        .size = {900, 320}};
    for (const char* ending : {".svg", ".png"}) files.push_back((folder / (plot.name + std::string(ending))).string());
    if (dry_run) continue;
    write_file_atomic(files[files.size() - 2], plot::histogram_svg(picture));
    const plot::Png png = plot::draw_histogram(picture);
    write_file_atomic(files.back(), {reinterpret_cast<const char*>(png.data()), png.size()});
  }
  return files;
}

int run_cuts(const StatsVerb& verb, Context& context) {
  using namespace exchange::lhotse;
  if (!verb.plots.empty()) throw UsageError("--plots draws a corpus, not a manifest", "timbre import lhotse makes one");
  if (kind_of_file(verb.corpus) != Kind::cuts)
    throw DataError(fmt::format("{}: no manifest of cuts", verb.corpus),
                    "give a corpus folder, or a lhotse manifest whose lines are cuts");
  const CutStats stats = cut_stats(verb.corpus);
  if (context.json)
    fmt::print(context.out, "{}\n", stats.json().dump(2));
  else
    fmt::print(context.out, "{}", stats.text());
  return 0;
}

int run(const StatsVerb& verb, Context& context) {
  if (fs::is_regular_file(verb.corpus)) return run_cuts(verb, context);
  corpus::Corpus corpus = corpus::Corpus::open(verb.corpus);
  const corpus::CorpusSamples samples = corpus::corpus_samples(corpus.utterances());
  const corpus::CorpusStats stats = corpus::corpus_stats(corpus.utterances(), samples);
  std::vector<std::string> files;
  if (!verb.plots.empty()) files = write_plots(corpus, samples, verb.plots, context.dry_run);
  if (context.json) {
    nlohmann::json document = corpus::to_json(stats);
    document["corpus"] = verb.corpus;
    document["name"] = corpus.name();
    document["licence"] = corpus.about().value("licence", "");
    document["hash"] = corpus.hash();
    if (!files.empty()) document["plots"] = files;
    fmt::print(context.out, "{}\n", document.dump(2));
    return 0;
  }
  std::string licence = corpus.about().value("licence", "");
  fmt::print(context.out, "{}{}\n{}", corpus.name(), licence.empty() ? "" : ", " + licence,
             corpus::to_text(stats, verb.speakers));
  for (const std::string& file : files) log::note(fmt::format("{}{}", context.dry_run ? "would write " : "", file));
  return 0;
}

}  // namespace

void register_stats(Verbs& verbs) {
  Verb head;
  head.name = "stats";
  head.summary = "Data: durations, rates and texts of a corpus, as tables and histograms";
  head.usage = "stats CORPUS [--plots DIR]";
  head.examples = {"timbre stats corpora/en", "timbre stats corpora/en --json",
                   "timbre stats corpora/vctk --speakers 200", "timbre stats corpora/en --plots plots"};
  head.writes = true;
  add_verb<StatsVerb>(verbs, head, fields, run);
}

}  // namespace timbre::cli
