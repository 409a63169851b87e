#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "audio/write.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/code_speaking.h"
#include "cli/verb.h"
#include "models/valle/checkpoint.h"
#include "models/valle/engine_synthesizer.h"
#include "models/valle/vocabulary.h"
#include "text/bpe_symbols.h"
#include "text/k2_symbols.h"
#include "voice/code_texts.h"

namespace timbre::cli {
namespace {

constexpr const char* kEspeak = "espeak";

/// infer.py of lifeiteng/vall-e, flag for flag; what is ours stands below its own.
struct InferVerb {
  std::string model, checkpoint;
  std::string text_prompts, audio_prompts, text = "To get up and running quickly just follow the steps below.";
  std::string text_extractor = kEspeak, output_dir = "infer/demo";
  bool continual = false, trim_prompt = false;
  std::string text_tokens, codec, vocoder, language, prompt_language, engine = "auto";
  std::int64_t seed = 0;
  voice::CodeSayOptions codes;
};

config::Fields fields(InferVerb& o) {
  config::Fields f;
  f.add("model", o.model, "valle").positional().required().metavar("MODEL");
  f.add("checkpoint", o.checkpoint, "a checkpoint of the trainer (.pt), or a voice folder").required().metavar("FILE");
  config::Fields reference;
  reference.add("text_prompts", o.text_prompts, "what the prompts say; several are separated by |")
      .metavar("TEXT|TEXT");
  reference.add("audio_prompts", o.audio_prompts, "recordings of the prompts, in the same order; they are joined")
      .metavar("CLIP|CLIP");
  reference
      .add("text", o.text,
           "what to say; several are separated by |. Or a file of lines: prompt text, prompt recording, text, output "
           "file, separated by tabs")
      .metavar("TEXT|TEXT");
  reference.add("text_extractor", o.text_extractor, "of a checkpoint: what makes tokens of texts")
      .choices({kEspeak, "pypinyin", "pypinyin_initials_finals"});
  reference.add("output_dir", o.output_dir, "folder for 0.wav, 1.wav …").metavar("FOLDER");
  reference.add("continual", o.continual,
                "say the prompt's own text again: its codebooks beyond the first, after its first half");
  f.group("", std::move(reference), "as the reference's infer.py has them");
  config::Fields own;
  own.add(
         "text_tokens", o.text_tokens,
         "of a checkpoint: unique_text_tokens.k2symbols, where it is not at the path the checkpoint names; of VALL-E X "
         "tokenizer.json or bpe_69.json, where it is not beside the checkpoint")
      .metavar("FILE");
  own.add("codec", o.codec, "folder of the codec; a voice may carry its own").metavar("FOLDER");
  own.add("vocoder", o.vocoder, "a vocoder of the codec's codes, instead of its own decoder").metavar("FOLDER");
  own.add("language", o.language,
          "of the text, for voices of several languages; VALL-E X's go by marks in the text ([EN]…[EN]) or its script")
      .metavar("LANGUAGE");
  own.add("prompt_language", o.prompt_language, "of what the prompts say, likewise").metavar("LANGUAGE");
  add_trim_field(own, o.trim_prompt);
  own.add("seed", o.seed, "seed of the draws").range(0, 9e15);
  own.group("", voice::fields(o.codes));
  add_engine_field(own, o.engine);
  f.group("", std::move(own), "beyond it");
  return f;
}

std::string front_end_of(const std::string& extractor) {
  if (extractor == "pypinyin") return "pypinyin:syllables";
  if (extractor == "pypinyin_initials_finals") return "pypinyin:initials_finals";
  return "phonemizer:en-us";
}

/// Where the symbols are: as told, as the checkpoint says, or beside the checkpoint under that name.
fs::path symbols_file(const InferVerb& o, const valle::Checkpoint& checkpoint) {
  if (!o.text_tokens.empty()) return o.text_tokens;
  const auto* named = checkpoint.parameter("text_tokens");
  const fs::path said = named && named->is_text() ? fs::path(named->as_text()) : fs::path();
  const fs::path here = fs::path(o.checkpoint).parent_path();
  for (const fs::path& candidate : {said, here / said.filename(), here.parent_path() / said.filename()})
    if (!said.empty() && fs::is_regular_file(candidate)) return candidate;
  throw UsageError(fmt::format("{} names its text tokens '{}', and there is no such file", o.checkpoint, said.string()),
                   "--text-tokens FILE: the unique_text_tokens.k2symbols it was trained with");
}

fs::path tokenizer_file(const InferVerb& o) {
  if (!o.text_tokens.empty()) return o.text_tokens;
  const fs::path found = valle::found_tokenizer(fs::absolute(o.checkpoint).parent_path());
  if (found.empty())
    throw UsageError(
        fmt::format("{} is VALL-E X's, and there is no tokenizer.json or bpe_69.json beside it", o.checkpoint),
        "--text-tokens FILE: utils/g2p/bpe_69.json of its repository");
  return found;
}

std::unique_ptr<voice::CodeSpeaker> open_checkpoint(const InferVerb& o, const roles::Registry& registry,
                                                    const Speaking& speaking) {
  valle::Checkpoint checkpoint = valle::read_checkpoint(o.checkpoint);
  for (const std::string& note : checkpoint.notes) log::detail(note);
  if (const std::string lacking = valle::engine_lacks(checkpoint.config); !lacking.empty())
    throw UsageError(fmt::format("{}: {}", o.checkpoint, lacking));
  const bool vallex = checkpoint.line() == valle::Line::vallex;
  if (vallex && o.text_extractor != kEspeak)
    throw UsageError(fmt::format("--text-extractor {}: {} is VALL-E X's, which reads texts in its own way",
                                 o.text_extractor, o.checkpoint),
                     "leave --text-extractor out");
  const fs::path file = vallex ? tokenizer_file(o) : symbols_file(o, checkpoint);
  auto symbols = vallex ? text::read_bpe_symbols(file) : text::collater_rows(text::read_k2_symbols(file));
  const std::string front_end = vallex ? "vallex:mix" : front_end_of(o.text_extractor);
  valle::check_symbols(checkpoint.config, front_end, symbols, file.string());
  auto texts = std::make_unique<voice::CodeTexts>(text::make_front_end(front_end), std::move(symbols),
                                                  checkpoint.config.languages, file.string());
  auto network = std::make_unique<valle::EngineSynthesizer>(
      checkpoint.config, valle::without_ties(checkpoint.config, checkpoint.model), o.checkpoint);
  auto parts = open_code_parts(registry, speaking, o.checkpoint, nullptr, std::move(network), o.codec, o.vocoder);
  return std::make_unique<voice::CodeSpeaker>(std::move(parts), std::move(texts), o.codes);
}

std::unique_ptr<voice::CodeSpeaker> open(const InferVerb& o, const roles::Registry& registry,
                                         const Speaking& speaking) {
  if (!fs::exists(o.checkpoint))
    throw UsageError(fmt::format("no checkpoint at {}: there is no such file or folder", o.checkpoint));
  if (!fs::is_directory(o.checkpoint)) return open_checkpoint(o, registry, speaking);
  if (!o.text_tokens.empty() || o.text_extractor != kEspeak)
    throw UsageError(fmt::format("{} is a voice, which knows its tokens and how they are made: --text-tokens and "
                                 "--text-extractor are for checkpoints",
                                 o.checkpoint),
                     "leave them out");
  const auto voice = voice::Voice::open(o.checkpoint);
  if (!speaks_in_codes(registry, voice))
    throw UsageError(fmt::format("{} does not speak in codes", o.checkpoint), "timbre say TEXT --voice VOICE");
  const CodeVoiceOptions options{
      .codec = o.codec, .vocoder = o.vocoder, .prompt = {}, .prompt_text = {}, .prompt_language = {}};
  return open_code_speaker(registry, speaking, voice, options, o.codes, false);
}

/// Appends one; a prompt known by its tokens alone can only join others of the kind.
void join_prompt(voice::CodePrompt& all, const voice::CodePrompt& one) {
  if (all.text.empty() != one.text.empty())
    throw UsageError("of some audio prompts the text is known and of others only tokens: they cannot be joined",
                     "--text-prompts: what is said in each, separated by |");
  if (all.codec != one.codec && !all.codec.empty() && !one.codec.empty())
    throw UsageError(fmt::format("one audio prompt holds codes of {}, another those of {}", all.codec, one.codec),
                     "make them with one codec: timbre prompt CLIP --voice VOICE");
  const auto each = [](voice::CodePrompt prompt) {  // a language for every token
    if (prompt.languages.size() == 1) prompt.languages.resize(prompt.tokens_S.size(), prompt.languages.front());
    return prompt.languages;
  };
  auto languages = each(all);
  const auto more = each(one);
  languages.insert(languages.end(), more.begin(), more.end());
  const bool alike = all.languages.size() <= 1 && all.languages == one.languages;
  if (!alike) {  // each in its own language, which the text does not say
    all.languages = std::move(languages);
    all.text.clear();
  } else if (!one.text.empty()) {
    all.text += " " + one.text;
  }
  all.tokens_S.insert(all.tokens_S.end(), one.tokens_S.begin(), one.tokens_S.end());
  all.frames += one.frames;
  all.codes_FQ.insert(all.codes_FQ.end(), one.codes_FQ.begin(), one.codes_FQ.end());
}

/// Several recordings as one, their texts joined by blanks.
void set_prompts(voice::CodeSpeaker& speaker, const std::string& texts, const std::string& recordings,
                 const std::string& language, bool trim_end) {
  const auto names = split(recordings, '|'), said = split(texts, '|');
  if (names.size() != said.size())
    throw UsageError(fmt::format("{} audio prompts and {} text prompts", names.size(), said.size()),
                     "one text for each recording, separated by |");
  voice::CodePrompt all;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string file(trim(names[i]));
    voice::CodePrompt one =
        voice::is_prompt_file(file)
            ? voice::read_prompt(file)
            : prompt_of_recording(speaker, {.file = file, .text = said[i], .language = language, .trim = trim_end});
    if (!trim(said[i]).empty()) one.text = said[i];
    if (voice::is_prompt_file(file) && !language.empty()) one.languages = {language};
    if (i == 0) {
      all = std::move(one);
      continue;
    }
    if (one.codebooks != all.codebooks)
      throw UsageError(
          fmt::format("{} has {} codebooks, the prompts before it {}", file, one.codebooks, all.codebooks));
    join_prompt(all, one);
  }
  speaker.set_prompt(std::move(all));
}

struct Work {
  std::string prompt_text, prompt_audio, text;
  fs::path out;
};

std::vector<Work> work_of(const InferVerb& o) {
  std::vector<Work> list;
  std::error_code too_long_for_a_name;
  if (!fs::is_regular_file(o.text, too_long_for_a_name)) {
    const auto texts = split(o.text, '|');
    for (std::size_t i = 0; i < texts.size(); ++i)
      list.push_back({o.text_prompts, o.audio_prompts, texts[i], fs::path(o.output_dir) / fmt::format("{}.wav", i)});
    return list;
  }
  std::int64_t number = 0;
  for (const auto& line : split(read_file(o.text), '\n')) {
    ++number;
    if (trim(line).empty()) continue;
    const auto parts = split(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line, '\t');
    if (parts.size() != 4)
      throw DataError(fmt::format("{}:{}: {} fields between tabs; expected 4", o.text, number, parts.size()),
                      "prompt text, prompt recording, text, output file");
    list.push_back({parts[0], parts[1], parts[2], parts[3]});
  }
  if (list.empty()) throw DataError(fmt::format("{} has no line to say", o.text));
  return list;
}

int run(const InferVerb& o, Context& context) {
  if (o.model != "valle")
    throw UsageError(fmt::format("infer {}: {}", o.model,
                                 o.model == "llasa" ? std::string("its reference has no inference command of its own")
                                                    : did_you_mean(o.model, {"valle"})),
                     "timbre infer valle --checkpoint FILE …; other voices speak with timbre say");
  if (o.codes.long_text != "fixed")
    throw UsageError("--long: infer says every text in one go, as the reference does", "timbre say --long sliding");
  if (o.continual && !trim(o.text).empty())
    throw UsageError("--continual says the prompt's own text: --text must be empty", "--text \"\"");
  if (!o.continual && trim(o.text).empty()) throw UsageError("there is nothing to say: --text is empty");
  const auto list = work_of(o);
  roles::Registry registry;
  const Speaking speaking(registry, o.engine);
  const auto speaker = open(o, registry, speaking);
  make_folders(o.output_dir);
  nlohmann::json written = nlohmann::json::array();
  std::string before_audio, before_text;
  const voice::CodePrompt own = speaker->prompt();
  voice::SayOptions say;
  say.seed = o.seed;
  say.language = o.language;
  for (const Work& work : list) {
    if (!work.prompt_audio.empty() && (work.prompt_audio != before_audio || work.prompt_text != before_text))
      set_prompts(*speaker, work.prompt_text, work.prompt_audio, o.prompt_language, o.trim_prompt);
    else if (work.prompt_audio.empty() && !work.prompt_text.empty())
      throw UsageError("--text-prompts without --audio-prompts", "--audio-prompts CLIP: where it is said");
    else if (work.prompt_audio.empty() && !before_audio.empty())
      own.frames > 0 ? speaker->set_prompt(own) : speaker->forget_prompt();
    before_audio = work.prompt_audio;
    before_text = work.prompt_text;
    voice::SpokenPiece piece;
    if (o.continual)
      piece.wave_N = speaker->revoice();
    else
      speaker->utter(work.text, say, piece);
    for (const std::string& warning : piece.warnings) log::warn(warning);
    if (work.out.has_parent_path()) make_folders(work.out.parent_path());
    audio::write_audio(work.out, piece.wave_N, speaker->rate_hz());
    const double seconds = static_cast<double>(piece.wave_N.size()) / static_cast<double>(speaker->rate_hz());
    written.push_back({{"out", work.out.string()}, {"text", work.text}, {"seconds", seconds}});
    if (!context.json) log::note(fmt::format("{}: {:.2f} s of speech", work.out.string(), seconds));
  }
  if (!speaker->counts().clean()) log::warn(speaker->counts().text());
  if (context.json) {
    nlohmann::json json = speaker->told();
    json["files"] = std::move(written);
    fmt::print(context.out, "{}\n", json.dump());
  }
  return 0;
}

}  // namespace

void register_infer(Verbs& verbs) {
  add_verb<InferVerb>(
      verbs,
      {.name = "infer",
       .summary = "Speaking: the inference command of VALL-E's reference, with its flags",
       .usage = "infer valle --checkpoint FILE --text-prompts TEXT --audio-prompts CLIP --text TEXT",
       .examples =
           {"timbre infer valle --checkpoint exp/valle/best-valid-loss.pt --codec codecs/encodec --text-prompts "
            "\"KNOT one point one five miles per hour.\" --audio-prompts prompt.wav --text \"Follow the steps "
            "below.\" --output-dir infer/demo",
            "timbre infer valle --checkpoint runs/valle/voice --text-prompts \"one|two\" --audio-prompts "
            "\"a.wav|b.wav\" --text \"First.|Second.\" --top-k 50",
            "timbre infer valle --checkpoint V --text-prompts \"All of it.\" --audio-prompts a.wav --continual "
            "true --text \"\""}},
      fields, run);
}

}  // namespace timbre::cli
