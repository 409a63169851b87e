#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/log.h"
#include "cli/verb.h"
#include "report/report.h"

namespace timbre::cli {
namespace {

struct ReportVerb {
  std::string run, corpus, score, clips, said, check, out;
  std::int64_t prompts = 8;
};

config::Fields fields(ReportVerb& o) {
  config::Fields f;
  f.add("run", o.run, "run folder").positional().required().metavar("RUN");
  f.add("out", o.out, "page to write; default: report.html in the run folder").letter('o').metavar("FILE");
  f.add("corpus", o.corpus, "corpus folder: histograms, an alignment picture, licence").metavar("CORPUS");
  f.add("score", o.score, "table that `timbre score -o` wrote").metavar("FILE");
  f.add("clips", o.clips, "folder that `timbre score --keep` filled").metavar("DIR");
  f.add("said", o.said, "folder of NAME.wav and NAME.json from `timbre say --timestamps`").metavar("DIR");
  f.add("check", o.check, "findings that `timbre check --json` printed").metavar("FILE");
  f.add("prompts", o.prompts, "how many scored prompts get players").range(0, 1000);
  return f;
}

int run(const ReportVerb& o, Context& context) {
  const fs::path out = o.out.empty() ? fs::path(o.run) / "report.html" : fs::path(o.out);
  const std::string html = report::make_report({.run = o.run,
                                                .corpus = o.corpus,
                                                .score = o.score,
                                                .clips = o.clips,
                                                .said = o.said,
                                                .check = o.check,
                                                .prompts = o.prompts});
  if (!context.dry_run) write_file_atomic(out, html);
  if (context.json)
    fmt::print(context.out, "{}\n", nlohmann::json{{"out", out.string()}, {"bytes", html.size()}}.dump());
  else
    log::note(fmt::format("{}{} ({} KB)", context.dry_run ? "would write " : "", out.string(), html.size() / 1000));
  return 0;
}

}  // namespace

void register_report(Verbs& verbs) {
  add_verb<ReportVerb>(verbs,
                       {.name = "report",
                        .summary = "Training: one page about a run: curves, sounds, pictures, scores",
                        .usage = "report RUN [--corpus CORPUS] [-o report.html]",
                        .examples = {"timbre report runs/first --corpus corpora/en",
                                     "timbre report runs/first --score score.json --clips clips -o report.html"},
                        .writes = true},
                       fields, run);
}

}  // namespace timbre::cli
