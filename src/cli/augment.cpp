#include "prepare/augment.h"

#include "base/error.h"
#include "cli/verb.h"

namespace timbre::cli {
namespace {

struct AugmentVerb {
  std::string corpus, out;
  prepare::AugmentOptions options;
};

config::Fields fields(AugmentVerb& o) {
  config::Fields f;
  f.add("corpus", o.corpus, "corpus folder").positional().required().metavar("CORPUS");
  f.add("out", o.out, "corpus folder to make: the clips as they are, and the copies").required().metavar("FOLDER");
  f.group("", prepare::fields(o.options));
  return f;
}

int run(const AugmentVerb& o, Context& context) {
  const auto corpus = corpus::Corpus::open(o.corpus);
  const auto done = prepare::augment(corpus, o.out, o.options, context.dry_run, context.events);
  if (context.json) {
    fmt::print(context.out, "{}\n",
               nlohmann::json{{"out", o.out},
                              {"originals", done.originals},
                              {"copies", done.copies},
                              {"excepted", done.excepted},
                              {"too_short", done.too_short},
                              {"duration_s", done.duration_s}}
                   .dump());
    return 0;
  }
  fmt::print(context.out, "{}{}: {} clips and {} copies of them, {:.2f} h\n", context.dry_run ? "would write " : "",
             o.out, done.originals, done.copies, done.duration_s / 3600);
  if (done.excepted) fmt::print(context.out, "  {} held-out clips have no copies\n", done.excepted);
  if (done.too_short)
    fmt::print(context.out, "  {} copies left out: the shift is longer than the clip\n", done.too_short);
  if (!context.dry_run) fmt::print(context.out, "next: timbre prepare {} --for MODEL\n", o.out);
  return 0;
}

}  // namespace

void register_augment(Verbs& verbs) {
  add_verb<AugmentVerb>(
      verbs,
      {.name = "augment",
       .summary = "Data: add altered copies of a corpus' clips, so that a small one is not learned by heart",
       .usage = "augment CORPUS --out FOLDER --speed X,… --shift-ms MS,… [OPTIONS]",
       .examples = {"timbre augment corpora/anna --speed 0.9,1.1 --except heldout.txt --out corpora/anna3",
                    "timbre augment corpora/anna --shift-ms 5,10,15 --out corpora/anna4"},
       .writes = true},
      fields, run);
}

}  // namespace timbre::cli
