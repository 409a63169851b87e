#include <fmt/format.h>

#include "cli/verb.h"
#include "corpus/check.h"

namespace timbre::cli {

namespace {

struct CheckVerb {
  std::string corpus;
  corpus::CheckOptions options;
};

config::Fields fields(CheckVerb& verb) {
  config::Fields f;
  f.add("corpus", verb.corpus, "corpus folder").positional().required().metavar("CORPUS");
  f.group("", corpus::fields(verb.options));
  return f;
}

/// 3 when a finding is fatal: training on this corpus cannot work.
int run(const CheckVerb& verb, Context& context) {
  corpus::Corpus corpus = corpus::Corpus::open(verb.corpus);
  corpus::CheckReport report = corpus::check_corpus(corpus, verb.options, context.events);
  fmt::print(context.out, "{}", context.json ? corpus::to_json(report).dump(2) + "\n" : corpus::to_text(report));
  return report.fatal() ? 3 : 0;
}

}  // namespace

void register_check(Verbs& verbs) {
  Verb head;
  head.name = "check";
  head.summary = "Data: the doctor: what is wrong with this data, before any training time is spent";
  head.usage = "check CORPUS";
  head.examples = {"timbre check corpora/en", "timbre check corpora/en --json",
                   "timbre check corpora/en --no-audio --examples 20",
                   "timbre check corpora/en --min-rate-hz 22050 --skip digits-left,duplicate-text"};
  add_verb<CheckVerb>(verbs, head, fields, run);
}

}  // namespace timbre::cli
