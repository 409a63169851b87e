#include <algorithm>

#include "audio/levels.h"
#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/strings.h"
#include "cli/speaking.h"
#include "cli/verb.h"
#include "report/compare_page.h"
#include "report/sound.h"
#include "score/clip_source.h"
#include "score/preference.h"

namespace timbre::cli {
namespace {

struct CompareVerb {
  std::string a, b, out = "compare.html", text, corpus, key, engine = "auto", question = "Which sounds more natural?";
  std::vector<std::string> results, names, ids;
  std::int64_t prompts = 20, seed = 0;
  report::ComparePageOptions page;
  voice::SayOptions say;
};

config::Fields fields(CompareVerb& o) {
  config::Fields f;
  f.add("a", o.a, "a voice, a run, a corpus (its recordings) or a folder of sound files").positional().metavar("A");
  f.add("b", o.b, "the same").positional().metavar("B");
  f.add("out", o.out, "page to write; its key lies beside it as NAME.key.json").letter('o').metavar("FILE");
  f.add("text", o.text, "what voices speak: lines 'id|text' or 'text'").metavar("FILE");
  f.add("corpus", o.corpus, "take the texts from this corpus, by clip id").metavar("CORPUS");
  f.add("ids", o.ids, "these prompts alone").metavar("ID,ID");
  f.add("prompts", o.prompts, "how many pairs, chosen by the seed").range(1, 10000);
  f.add("seed", o.seed, "seed of the choice and of what is heard first");
  f.add("names", o.names, "what A and B are called in the verdict").metavar("A,B");
  f.add("question", o.question, "what the listener is asked").metavar("TEXT");
  f.add("reveal", o.page.reveal, "the page says at its end which was which; --no-reveal keeps that in the key alone");
  f.add("show_text", o.page.show_text, "show the words of each pair");
  f.add("speaker", o.say.speaker, "who speaks, of voices with several speakers").metavar("NAME");
  f.add("accept_text_changes", o.say.accept_text_changes,
        "compare although the text path reads probe sentences otherwise than in training");
  add_engine_field(f, o.engine);
  f.add("results", o.results, "count these listeners' answers instead (needs --key)").metavar("FILE,FILE");
  f.add("key", o.key, "the key of the page they answered").metavar("FILE");
  return f;
}

int count(const CompareVerb& o, Context& context) {
  if (o.key.empty())
    throw UsageError("--results without --key", "give the NAME.key.json that was written beside the page");
  const score::Comparison comparison = score::parse_comparison(read_json(o.key), o.key);
  const std::vector<fs::path> files(o.results.begin(), o.results.end());
  const score::Verdict verdict = score::count_answers(comparison, files);
  fmt::print(context.out, "{}",
             context.json ? score::to_json(comparison, verdict).dump(1) + "\n" : score::to_text(comparison, verdict));
  return 0;
}

std::unique_ptr<score::ClipSource> open_source(const std::string& path, const roles::Registry& registry,
                                               const Speaking& speaking, const voice::SayOptions& say) {
  switch (score::source_kind(path)) {
    case score::SourceKind::corpus:
      return score::corpus_source(path);
    case score::SourceKind::voice:
      speaking.expect(voice::Voice::open(path));
      return score::voice_source(path, registry, say);
    case score::SourceKind::folder:
      break;
  }
  return score::folder_source(path);
}

/// The prompts both sides can be heard with, in the order of whoever lists them.
score::PromptTexts common_prompts(const CompareVerb& o, const score::ClipSource& a, const score::ClipSource& b) {
  const auto ids_a = a.ids(), ids_b = b.ids();
  score::PromptTexts given;
  std::unique_ptr<score::ClipSource> corpus;
  if (!o.text.empty()) given = score::read_prompts(o.text);
  if (!o.corpus.empty()) corpus = score::corpus_source(o.corpus);
  std::vector<std::string> ids = ids_a ? *ids_a : ids_b ? *ids_b : corpus ? *corpus->ids() : given.ids;
  if (ids.empty())
    throw UsageError("two voices, and nothing for them to say", "give the texts: --text FILE, or --corpus CORPUS");
  if (!o.ids.empty()) ids = o.ids;
  const auto in = [](const std::optional<std::vector<std::string>>& all, const std::string& id) {
    return !all || std::find(all->begin(), all->end(), id) != all->end();
  };
  score::PromptTexts prompts;
  for (const std::string& id : ids) {
    if (!in(ids_a, id) || !in(ids_b, id)) {
      if (o.ids.empty()) continue;
      throw DataError(fmt::format("the prompt '{}' is not in {}", id, in(ids_a, id) ? b.name() : a.name()));
    }
    std::string text = given.text_of.contains(id) ? given.text_of.at(id) : corpus ? corpus->text(id) : "";
    if (text.empty()) text = a.text(id).empty() ? b.text(id) : a.text(id);
    if (text.empty() && (!ids_a || !ids_b)) continue;  // a voice needs words
    prompts.add(id, text);
  }
  if (prompts.ids.empty())
    throw DataError(fmt::format("{} and {} have no prompt in common", a.name(), b.name()),
                    "clips are paired by their names; voices need the texts: --text FILE or --corpus CORPUS");
  return prompts;
}

/// Those that no voice was trained on, where the voices say so.
void keep_heldout(score::PromptTexts& prompts, const score::ClipSource& a, const score::ClipSource& b) {
  for (const score::ClipSource* side : {&a, &b}) {
    const auto heldout = side->heldout();
    if (heldout.empty()) continue;
    score::PromptTexts kept;
    for (const std::string& id : prompts.ids)
      if (std::find(heldout.begin(), heldout.end(), id) != heldout.end()) kept.add(id, prompts.text_of.at(id));
    if (kept.ids.empty()) {
      log::warn(fmt::format("none of the prompts is held out of the training of {}: it may know them", side->name()));
      continue;
    }
    prompts = std::move(kept);
  }
}

score::Comparison plan(const CompareVerb& o, const score::ClipSource& a, const score::ClipSource& b) {
  score::PromptTexts prompts = common_prompts(o, a, b);
  if (o.ids.empty()) keep_heldout(prompts, a, b);
  score::Comparison comparison{.id = {}, .a = a.name(), .b = b.name(), .question = o.question, .trials = {}};
  if (!o.names.empty()) {
    if (o.names.size() != 2) throw UsageError("--names: expected two names", "--names first,second");
    comparison.a = o.names[0], comparison.b = o.names[1];
  }
  if (comparison.a == comparison.b) comparison.a = o.a, comparison.b = o.b;
  std::vector<std::string> ids = prompts.ids;
  Philox random(static_cast<std::uint64_t>(o.seed), 1);
  if (o.ids.empty()) random.shuffle(ids);
  if (o.ids.empty() && static_cast<std::int64_t>(ids.size()) > o.prompts)
    ids.resize(static_cast<std::size_t>(o.prompts));
  for (const std::string& id : ids) comparison.trials.push_back({id, prompts.text_of.at(id)});
  score::make_blind(comparison, o.seed);
  return comparison;
}

int run(const CompareVerb& o, Context& context) {
  if (!o.results.empty()) return count(o, context);
  if (o.a.empty() || o.b.empty())
    throw UsageError("two sides are needed", "timbre compare runs/first runs/second --corpus CORPUS");
  roles::Registry registry;
  const Speaking speaking(registry, o.engine);
  const auto a = open_source(o.a, registry, speaking, o.say), b = open_source(o.b, registry, speaking, o.say);
  const score::Comparison comparison = plan(o, *a, *b);
  const fs::path key = fs::path(o.out).replace_extension(".key.json");
  if (!context.dry_run) {
    std::vector<report::TrialSounds> sounds;
    sounds.reserve(comparison.trials.size());
    for (const score::Trial& trial : comparison.trials) {
      audio::Clip clip_a = a->clip(trial.id, trial.text), clip_b = b->clip(trial.id, trial.text);
      audio::match_levels(clip_a.samples_N, clip_a.rate_hz, clip_b.samples_N, clip_b.rate_hz);
      std::string uri_a = report::sound_uri(clip_a.samples_N, clip_a.rate_hz, "flac");
      std::string uri_b = report::sound_uri(clip_b.samples_N, clip_b.rate_hz, "flac");
      if (!trial.a_first) std::swap(uri_a, uri_b);
      sounds.push_back({std::move(uri_a), std::move(uri_b)});
      emit_progress(context.events, "compare", static_cast<double>(sounds.size()),
                    static_cast<double>(comparison.trials.size()), "pairs");
    }
    write_file_atomic(o.out, report::make_compare_page(comparison, sounds, o.page));
    write_file_atomic(key, score::to_json(comparison).dump(1) + "\n");
  }
  if (context.json)
    fmt::print(context.out, "{}\n",
               nlohmann::json{{"page", o.out}, {"key", key.string()}, {"pairs", comparison.trials.size()}}.dump());
  else
    log::note(fmt::format("{}{}: {} pairs of {} and {}; the key: {}", context.dry_run ? "would write " : "", o.out,
                          comparison.trials.size(), comparison.a, comparison.b, key.string()));
  return 0;
}

}  // namespace

void register_compare(Verbs& verbs) {
  add_verb<CompareVerb>(
      verbs,
      {.name = "compare",
       .summary = "Speaking: a blind listening test of two voices as one page, and what its answers say",
       .usage = "compare A B [--text FILE | --corpus CORPUS] [-o compare.html]",
       .examples = {"timbre compare runs/first runs/second --corpus corpora/en",
                    "timbre compare runs/first corpora/en --no-reveal -o listen.html",
                    "timbre compare clips/one clips/two --question \"Which is clearer?\"",
                    "timbre compare --results answers-ada.json,answers-bo.json --key listen.key.json"},
       .writes = true},
      fields, run);
}

}  // namespace timbre::cli
