#include <fmt/format.h>

#include "cli/verb.h"
#include "corpus/corpus.h"
#include "corpus/stats.h"

namespace timbre::cli {

namespace {

struct StatsVerb {
  std::string corpus;
  std::int64_t speakers = 20;
};

config::Fields fields(StatsVerb& verb) {
  config::Fields f;
  f.add("corpus", verb.corpus, "corpus folder").positional().required().metavar("CORPUS");
  f.add("speakers", verb.speakers, "how many speakers to list").range(0, 1e9);
  return f;
}

int run(const StatsVerb& verb, Context& context) {
  corpus::Corpus corpus = corpus::Corpus::open(verb.corpus);
  corpus::CorpusStats stats = corpus::corpus_stats(corpus.utterances());
  if (context.json) {
    nlohmann::json document = corpus::to_json(stats);
    document["corpus"] = verb.corpus;
    document["name"] = corpus.name();
    document["licence"] = corpus.about().value("licence", "");
    document["hash"] = corpus.hash();
    fmt::print(context.out, "{}\n", document.dump(2));
    return 0;
  }
  std::string licence = corpus.about().value("licence", "");
  fmt::print(context.out, "{}{}\n{}", corpus.name(), licence.empty() ? "" : ", " + licence,
             corpus::to_text(stats, verb.speakers));
  return 0;
}

}  // namespace

void register_stats(Verbs& verbs) {
  Verb head;
  head.name = "stats";
  head.summary = "Data: durations, rates and texts of a corpus, as tables";
  head.usage = "stats CORPUS";
  head.examples = {"timbre stats corpora/en", "timbre stats corpora/en --json",
                   "timbre stats corpora/vctk --speakers 200"};
  add_verb<StatsVerb>(verbs, head, fields, run);
}

}  // namespace timbre::cli
