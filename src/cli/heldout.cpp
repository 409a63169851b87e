#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cli/verb.h"
#include "score/prompts.h"
#include "text/language_tag.h"

namespace timbre::cli {
namespace {

struct HeldoutVerb {
  std::string corpus, out, language;
  std::int64_t count = 40, seed = 17, min_words = 3;
};

config::Fields fields(HeldoutVerb& o) {
  config::Fields f;
  f.add("corpus", o.corpus, "corpus folder").positional().required().metavar("CORPUS");
  f.add("out", o.out, "file that gets one utterance id a line").letter('o').required().metavar("FILE");
  f.add("count", o.count, "how many prompts").range(1, 1e6);
  f.add("language", o.language,
        "take them from the utterances of this language; other than English, score measures them without listening")
      .metavar("LANGUAGE");
  f.add("seed", o.seed, "seed of the choice").range(0, 9e15);
  f.add("min_words", o.min_words, "shortest prompt").range(1, 20);
  return f;
}

int run(const HeldoutVerb& o, Context& context) {
  const auto corpus = corpus::Corpus::open(o.corpus);
  const bool heard = o.language.empty() || text::language_of_tag(o.language) == "en";
  const auto prompts = heard ? score::closed_grammar(corpus, score::Recognizer(), o.min_words)
                             : score::prompts_of_language(corpus, o.language, o.min_words);
  const auto chosen = score::choose_heldout(prompts, o.count, static_cast<std::uint64_t>(o.seed));
  std::string lines;
  for (const auto& prompt : chosen) lines += prompt.id + "\n";
  if (!context.dry_run) write_file_atomic(o.out, lines);
  if (context.json) {
    auto ids = nlohmann::json::array();
    for (const auto& prompt : chosen) ids.push_back(prompt.id);
    fmt::print(context.out, "{}\n", nlohmann::json{{"out", o.out}, {"prompts", prompts.size()}, {"ids", ids}}.dump());
  } else {
    log::note(fmt::format("{}{}: {} of {} prompts {}", context.dry_run ? "would write " : "", o.out, chosen.size(),
                          prompts.size(),
                          heard ? "that the recogniser knows every word of" : "in '" + o.language + "'"));
  }
  return 0;
}

}  // namespace

void register_heldout(Verbs& verbs) {
  add_verb<HeldoutVerb>(verbs,
                        {.name = "heldout",
                         .summary = "Data: choose prompts that are never trained on and that score can listen to",
                         .usage = "heldout CORPUS --count 40 -o heldout.txt",
                         .examples = {"timbre heldout corpora/en --count 40 --seed 17 -o heldout.txt",
                                      "timbre heldout corpora/four --language fr --count 20 -o heldout.fr.txt"},
                         .writes = true},
                        fields, run);
}

}  // namespace timbre::cli
