#include "score/score.h"

#include <map>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/code_speaking.h"
#include "cli/verb.h"
#include "prepare/codecs.h"
#include "roles/vocoder.h"

namespace timbre::cli {
namespace {

struct ScoreVerb {
  std::string voice, vocoder, corpus, out, engine = "auto";
  std::optional<double> min_understood;
  bool prompts = true;
  score::ScoreOptions score;
  CodeVoiceOptions code_voice;
  voice::CodeSayOptions codes;
};

config::Fields fields(ScoreVerb& o) {
  config::Fields f;
  f.add("voice", o.voice, "folder of a voice, a vocoder, a codec or a run").positional().required().metavar("VOICE");
  f.add("vocoder", o.vocoder, "folder of another vocoder than the voice's own").metavar("FOLDER");
  f.add("corpus", o.corpus, "corpus that has recordings of the prompts").required().metavar("CORPUS");
  f.add("out", o.out, "also write the table as JSON").letter('o').metavar("FILE");
  f.add("min_understood", o.min_understood,
        "exit with 1 when the voice is understood on fewer prompts (a share from 0 to 1)")
      .range(0, 1);
  add_engine_field(f, o.engine);
  f.group("", score::fields(o.score));
  config::Fields codes = fields(o.code_voice);
  codes.add("prompts", o.prompts,
            "go on from a recording of each prompt's speaker, where the voice has no prompt of its own; --no-prompts: "
            "speak by itself");
  codes.group("", voice::fields(o.codes));
  f.group("", std::move(codes), "voices that speak in codes (VALL-E, Llasa)");
  return f;
}

/// The folder of a vocoder or a codec, which have a model and read no text; empty for anything else.
fs::path textless_folder(const fs::path& given) {
  for (const fs::path& dir : {given, given / "voice"})
    if (fs::exists(dir / "voice.json")) return read_json(dir / "voice.json").contains("front_end") ? fs::path() : dir;
  return {};
}

/// Copies of the recordings: there is no text, and hence no other vocoder.
score::ScoreTable copies_of(const ScoreVerb& o, const fs::path& folder, const corpus::Corpus& corpus,
                            Context& context) {
  if (!o.vocoder.empty())
    throw UsageError(fmt::format("{} makes no mels that another vocoder could take", o.voice), "leave --vocoder out");
  roles::Registry registry;
  const Speaking speaking(registry, o.engine);
  const auto about = read_json(folder / "voice.json");
  const auto kind = about.contains("model") ? about["model"].value("kind", "") : "";
  if (registry.makes_vocoders(kind)) {
    speaking.expect_vocoder(folder);
    const auto vocoder = registry.make_vocoder({.dir = {}, .about = {}, .vocoder = folder});
    return score::score_vocoder(*vocoder, about, corpus, o.score, context.events);
  }
  if (o.engine != "auto")
    throw UsageError(fmt::format("--engine {} is for voices and vocoders; {} is neither", o.engine, o.voice),
                     "leave --engine out");
  const auto codec = prepare::open_codec(o.voice);
  return score::score_codec(*codec, about, corpus, o.score, context.events);
}

/// A voice of codes goes on from the prompt it was given or carries; else from a recording of each prompt's speaker.
score::ScoreTable spoken_codes(ScoreVerb o, const roles::Registry& registry, const Speaking& speaking,
                               const voice::Voice& voice, const corpus::Corpus& corpus, Context& context) {
  if (o.score.ids.empty())
    o.score.ids = voice.about().value("provenance", nlohmann::json::object()).value("test_ids", o.score.ids);
  o.code_voice.vocoder = o.vocoder;
  const bool trim = o.code_voice.trim_prompt;
  if (o.code_voice.prompt.empty()) o.code_voice.trim_prompt = false;  // it is for the corpus' recordings then
  const auto speaker = open_code_speaker(registry, speaking, voice, o.code_voice, o.codes, false);
  std::map<std::string, voice::CodePrompt> prompts;
  const auto prompt_of = [&](const corpus::Utterance& spoken) {
    const corpus::Utterance& prompt = score::prompt_for(corpus, spoken, o.score.ids);
    auto [at, is_new] = prompts.try_emplace(prompt.id);
    if (is_new) {
      log::note(fmt::format("prompt of {}: {} ({:.1f} s)", spoken.speaker.empty() ? "all" : spoken.speaker, prompt.id,
                            prompt.duration_s));
      at->second = prompt_of_recording(
          *speaker,
          {.file = corpus.audio_path(prompt), .text = prompt.text, .language = prompt.language, .trim = trim});
    }
    return at->second;
  };
  const bool has_prompt = !o.prompts || !o.code_voice.prompt.empty() || voice.about().contains("prompt");
  auto table = score::score_codes(*speaker, voice.about(), corpus, o.score,
                                  has_prompt ? score::PromptOf() : score::PromptOf(prompt_of), context.events);
  if (const auto told = speaker->told(); !told.is_null()) log::note("endings: " + told.at("endings").dump());
  return table;
}

score::ScoreTable table_of(const ScoreVerb& o, Context& context) {
  const auto corpus = corpus::Corpus::open(o.corpus);
  if (const fs::path folder = textless_folder(o.voice); !folder.empty()) return copies_of(o, folder, corpus, context);
  auto voice = voice::Voice::open(o.voice);
  roles::Registry registry;
  const Speaking speaking(registry, o.engine);
  if (speaks_in_codes(registry, voice)) return spoken_codes(o, registry, speaking, voice, corpus, context);
  voice.use_vocoder(o.vocoder);
  speaking.expect(voice);
  return score::score_voice(voice, registry, corpus, o.score, context.events);
}

int run(const ScoreVerb& o, Context& context) {
  const auto table = table_of(o, context);
  const auto json = score::to_json(table);
  if (!o.out.empty()) write_file_atomic(o.out, json.dump(1) + "\n");
  fmt::print(context.out, "{}", context.json ? json.dump(1) + "\n" : score::to_text(table));
  const auto& own = table.rows.back();
  if (o.min_understood && own.asked() == 0)
    throw UsageError("--min-understood: the recogniser can be asked about none of the prompts",
                     "choose prompts with: timbre heldout CORPUS --count 40 -o heldout.txt");
  const double share =
      static_cast<double>(own.understood()) / static_cast<double>(std::max<std::int64_t>(1, own.asked()));
  if (o.min_understood && share < *o.min_understood) {
    throw CheckFailed(fmt::format("understood on {} of {} prompts, --min-understood asks for {:.0f} %",
                                  own.understood(), own.asked(), *o.min_understood * 100));
  }
  return 0;
}

}  // namespace

void register_score(Verbs& verbs) {
  add_verb<ScoreVerb>(
      verbs,
      {.name = "score",
       .summary = "Speaking: objective measures of a voice, with the real recordings as the top row",
       .usage = "score VOICE --corpus CORPUS",
       .examples =
           {"timbre score runs/first --corpus corpora/en",
            "timbre score runs/first --corpus corpora/en --keep clips --json -o score.json --min-understood 0.8",
            "timbre score voices/small_vocoder --corpus corpora/en"}},
      fields, run);
}

}  // namespace timbre::cli
