#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/code_speaking.h"
#include "cli/verb.h"

namespace timbre::cli {
namespace {

struct PromptVerb {
  std::string input, text, language, voice, codec, out, engine = "auto";
  bool trim_prompt = false;
};

config::Fields fields(PromptVerb& o) {
  config::Fields f;
  f.add("input", o.input, "recording of a few seconds, or a prompt to look at or to write anew")
      .positional()
      .required()
      .metavar("CLIP");
  f.add("text", o.text, "what is said in it").metavar("TEXT");
  f.add("language", o.language, "its language, for voices of several").metavar("LANGUAGE");
  f.add("voice", o.voice, "the voice that will go on from it").metavar("VOICE");
  f.add("codec", o.codec, "folder of the codec, where the voice carries none").metavar("FOLDER");
  f.add("out", o.out, ".npz as VALL-E X reads it, or .safetensors; 'VOICE' makes it the voice's own")
      .letter('o')
      .metavar("FILE");
  add_trim_field(f, o.trim_prompt);
  add_engine_field(f, o.engine);
  return f;
}

void show(const PromptVerb& o, const voice::CodePrompt& p, Context& context) {
  const nlohmann::ordered_json json = {
      {"file", o.input},          {"frames", p.frames}, {"codebooks", p.codebooks}, {"tokens", p.tokens_S.size()},
      {"languages", p.languages}, {"text", p.text},     {"codec", p.codec}};
  if (context.json)
    fmt::print(context.out, "{}\n", json.dump());
  else
    fmt::print(context.out, "{}: {} frames of {} codebooks, {} tokens{}{}\n", o.input, p.frames, p.codebooks,
               p.tokens_S.size(), p.languages.empty() ? "" : ", " + p.languages.front(),
               p.text.empty() ? "" : ": \"" + p.text + "\"");
}

/// The prompt inside the voice's folder, which then names it.
void give_to_voice(const voice::Voice& voice, const voice::CodePrompt& prompt) {
  constexpr const char* kFile = "prompt.safetensors";
  voice::write_prompt(voice.dir() / kFile, prompt);
  nlohmann::json about = voice.about();
  about["prompt"] = {{"file", kFile}, {"text", prompt.text}};
  write_file_atomic(voice.dir() / "voice.json", about.dump(1) + "\n");
}

int run(const PromptVerb& o, Context& context) {
  const bool made_already = voice::is_prompt_file(o.input);
  voice::CodePrompt prompt;
  if (made_already) {
    if (o.trim_prompt)
      throw UsageError(fmt::format("{} holds codes: --trim-prompt cuts recordings", o.input),
                       "make it anew from its recording");
    prompt = voice::read_prompt(o.input);
    if (!o.text.empty()) prompt.text = o.text;
    if (!o.language.empty()) prompt.languages = {o.language};
  }
  if (o.out.empty()) {
    if (!made_already)
      throw UsageError("a recording becomes a prompt with -o FILE", "-o prompt.npz, or -o VOICE for the voice's own");
    show(o, prompt, context);
    return 0;
  }
  if (o.voice.empty() && (!made_already || o.out == "VOICE"))
    throw UsageError("a prompt is made for a voice: its codec, its tokens", "--voice VOICE");
  if (!made_already && trim(o.text).empty())
    throw UsageError("a prompt needs to say what is said in it", "--text \"what is said in it\"");
  if (!o.voice.empty()) {
    const auto voice = voice::Voice::open(o.voice);
    roles::Registry registry;
    const Speaking speaking(registry, o.engine);
    if (!speaks_in_codes(registry, voice))
      throw UsageError(fmt::format("{} speaks in mels: it takes no prompt", o.voice), "timbre info VOICE");
    const auto speaker = open_code_speaker(
        registry, speaking, voice,
        {.codec = o.codec, .vocoder = {}, .prompt = {}, .prompt_text = {}, .prompt_language = {}}, {}, false);
    if (!made_already)
      prompt = prompt_of_recording(*speaker,
                                   {.file = o.input, .text = o.text, .language = o.language, .trim = o.trim_prompt});
    speaker->set_prompt(prompt);  // what the voice cannot take is said now
    if (o.out == "VOICE" && !context.dry_run) give_to_voice(voice, prompt);
  }
  if (o.out != "VOICE" && !context.dry_run) voice::write_prompt(o.out, prompt);
  if (context.json)
    fmt::print(
        context.out, "{}\n",
        nlohmann::json{
            {"out", o.out == "VOICE" ? o.voice : o.out}, {"frames", prompt.frames}, {"tokens", prompt.tokens_S.size()}}
            .dump());
  else
    log::note(fmt::format("{}: {} frames, {} tokens", o.out == "VOICE" ? o.voice : o.out, prompt.frames,
                          prompt.tokens_S.size()));
  return 0;
}

}  // namespace

void register_prompt(Verbs& verbs) {
  add_verb<PromptVerb>(verbs,
                       {.name = "prompt",
                        .summary = "Speaking: a recording as the prompt of a voice of codes; VALL-E X's .npz",
                        .usage = "prompt CLIP --text TEXT --voice VOICE -o FILE",
                        .examples = {"timbre prompt clip.wav --text \"What the clip says.\" --voice V -o clip.npz",
                                     "timbre prompt clip.wav --text \"What the clip says.\" --voice V -o VOICE",
                                     "timbre prompt alice.npz"},
                        .writes = true},
                       fields, run);
}

}  // namespace timbre::cli
