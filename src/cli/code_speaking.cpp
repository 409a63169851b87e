#include "cli/code_speaking.h"

#include "audio/levels.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"
#include "cli/verb.h"
#include "prepare/codecs.h"
#include "roles/network_folder.h"
#include "voice/code_texts.h"
#include "voice/token_texts.h"

namespace timbre::cli {
namespace {

namespace fs = std::filesystem;

constexpr double kSilent_db = 40;         // below the loudest: what --trim-prompt takes for silence
constexpr double kTail_s = 0.05;          // of it stays: the last sound dies away
constexpr double kAllButSilent_db = -60;  // against full scale
constexpr double kShort_s = 0.5;
constexpr const char* kTrimsRecordings = "--trim-prompt cuts recordings; there is none";
constexpr const char* kTrimWhenMade = "a prompt's file holds codes: make it anew with timbre prompt … --trim-prompt";

/// about[part]["folder"] inside the voice; "" when it carries none.
fs::path own_folder(const voice::Voice& voice, const char* part) {
  const auto found = voice.about().find(part);
  if (found == voice.about().end() || !found->is_object() || !found->contains("folder")) return {};
  const auto& folder = (*found)["folder"];
  if (!folder.is_string() || !is_safe_relative(folder.get<std::string>()))
    throw DataError(fmt::format("{}: {}.folder is {}; expected a folder inside the voice's folder",
                                (voice.dir() / "voice.json").string(), part, folder.dump()));
  return voice.dir() / folder.get<std::string>();
}

/// The voice says whose codes it speaks in.
void expect_named_codec(const voice::Voice& voice, const roles::Codec& codec) {
  const auto& about = voice.about().at("codec");
  const auto differs = [&](const char* key, std::int64_t has) {
    if (!about.contains(key) || !about[key].is_number_integer() || about[key] == has) return;
    throw UsageError(fmt::format("'{}' speaks in codes of {} {}; the codec {} has {}", voice.name(), key,
                                 about[key].dump(), codec.name(), has),
                     "--codec FOLDER: the codec that the voice was trained on");
  };
  if (about.contains("codec") && about["codec"].is_string() && about["codec"] != codec.name())
    throw UsageError(fmt::format("'{}' speaks in the codes of {}, not in those of {}", voice.name(),
                                 about["codec"].get<std::string>(), codec.name()),
                     "--codec FOLDER: the codec that the voice was trained on");
  differs("rate_hz", codec.rate_hz());
  differs("hop_samples", codec.hop_samples());
  differs("codebook_size", codec.codebook_size());
}

/// How the voice reads: with phones, or a tokenizer.
std::unique_ptr<voice::TextReader> texts_of(const voice::Voice& voice, const voice::CodeSpeaker::Parts& parts,
                                            bool accept_text_changes) {
  const std::string where = (voice.dir() / "voice.json").string();
  if (voice.has_tokenizer()) {
    const double frames_per_s =
        static_cast<double>(parts.codec->rate_hz()) / static_cast<double>(parts.codec->hop_samples());
    return std::make_unique<voice::TokenTexts>(tokenizer::Tokenizer::read(voice.tokenizer_folder()),
                                               voice::token_speaking(voice.about(), where), voice.name(), frames_per_s);
  }
  auto front_end = voice.make_front_end();
  if (!accept_text_changes) voice::expect_same_reading(voice, *front_end);
  return std::make_unique<voice::CodeTexts>(std::move(front_end),
                                            voice.about()["symbols"].get<std::vector<std::string>>(),
                                            parts.synthesizer->languages(), where, voice.token_policy());
}

/// As VALL-E X finds prompts by name: the path itself, presets/NAME.npz, customs/NAME.npz.
std::string found_prompt(const std::string& given) {
  for (const fs::path& place :
       {fs::path(given), fs::path("presets") / (given + ".npz"), fs::path("customs") / (given + ".npz")})
    if (fs::exists(place)) return place.string();
  return given;
}

voice::CodePrompt prompt_of_file(const std::string& path, const CodeVoiceOptions& options) {
  voice::CodePrompt prompt = voice::read_prompt(path);
  if (!options.prompt_text.empty()) prompt.text = options.prompt_text;
  if (!options.prompt_language.empty()) prompt.languages = {options.prompt_language};
  return prompt;
}

void give_prompt(voice::CodeSpeaker& speaker, const voice::Voice& voice, const CodeVoiceOptions& options) {
  if (options.prompt.empty()) {
    if (!options.prompt_text.empty())
      throw UsageError("--prompt-text without a recording it is said in", "--prompt RECORDING");
    if (options.trim_prompt) throw UsageError(kTrimsRecordings, "--prompt RECORDING");
    const auto own = voice.about().find("prompt");
    if (own == voice.about().end() || !own->is_object() || !own->contains("file") || !(*own)["file"].is_string())
      return;
    const auto file = (*own)["file"].get<std::string>();
    if (!is_safe_relative(file))
      throw DataError(
          fmt::format("{}: prompt.file '{}' must be inside the voice's folder", voice.dir().string(), file));
    return speaker.set_prompt(voice::read_prompt(voice.dir() / file));
  }
  const std::string prompt = found_prompt(options.prompt);
  if (voice::is_prompt_file(prompt)) {
    if (options.trim_prompt) throw UsageError(kTrimsRecordings, kTrimWhenMade);
    return speaker.set_prompt(prompt_of_file(prompt, options));
  }
  speaker.set_prompt(prompt_of_recording(
      speaker,
      {.file = prompt, .text = options.prompt_text, .language = options.prompt_language, .trim = options.trim_prompt}));
}

}  // namespace

config::Fields fields(CodeVoiceOptions& o) {
  config::Fields f;
  f.add("prompt", o.prompt,
        "sound like this recording of a few seconds, or a prompt that timbre prompt made (.npz of "
        "VALL-E X, .safetensors)")
      .metavar("CLIP");
  f.add("prompt_text", o.prompt_text, "what is said in that recording").metavar("TEXT");
  f.add("prompt_language", o.prompt_language, "its language, for voices of several").metavar("LANGUAGE");
  add_trim_field(f, o.trim_prompt);
  f.add("codec", o.codec, "folder of the codec, where the voice carries none").metavar("FOLDER");
  return f;
}

bool speaks_in_codes(const roles::Registry& registry, const voice::Voice& voice) {
  return registry.makes_codes(voice.about()["model"]["kind"].get<std::string>());
}

voice::CodeSpeaker::Parts open_code_parts(const roles::Registry& registry, const Speaking& speaking,
                                          const std::string& name, const roles::VoiceFiles* network,
                                          std::unique_ptr<roles::CodeSynthesizer> given, const fs::path& codec,
                                          const fs::path& vocoder) {
  if (codec.empty())
    throw UsageError(fmt::format("'{}' speaks in a codec's codes and carries no codec", name),
                     "--codec FOLDER, as timbre train small_codec or timbre convert made it");
  const prepare::CodecFolder found = prepare::find_codec_folder(codec);
  const roles::VoiceFiles codec_files{.dir = found.dir, .about = found.about, .vocoder = {}};
  speaking.expect_codes(name, network, codec_files);
  voice::CodeSpeaker::Parts parts;
  parts.name = name;
  parts.codec = registry.make_codec(codec_files);
  if (!vocoder.empty()) parts.vocoder = registry.make_code_vocoder(roles::folder_of_network(vocoder));
  parts.synthesizer = network ? registry.make_code_synthesizer(*network) : std::move(given);
  return parts;
}

std::unique_ptr<voice::CodeSpeaker> open_code_speaker(const roles::Registry& registry, const Speaking& speaking,
                                                      const voice::Voice& voice, const CodeVoiceOptions& options,
                                                      const voice::CodeSayOptions& drawing, bool accept_text_changes) {
  const fs::path codec = options.codec.empty() ? own_folder(voice, "codec") : fs::path(options.codec);
  const fs::path vocoder = options.vocoder.empty() ? own_folder(voice, "code_vocoder") : fs::path(options.vocoder);
  auto parts = open_code_parts(registry, speaking, voice.name(), &voice.files(), nullptr, codec, vocoder);
  expect_named_codec(voice, *parts.codec);
  auto texts = texts_of(voice, parts, accept_text_changes);
  auto speaker = std::make_unique<voice::CodeSpeaker>(std::move(parts), std::move(texts), drawing);
  give_prompt(*speaker, voice, options);
  return speaker;
}

void add_trim_field(config::Fields& f, bool& trim) {
  f.add("trim_prompt", trim,
        "cut the silence at the end of the prompt's recording: a voice that goes on from silence ends at once more "
        "often");
}

voice::CodePrompt prompt_of_recording(voice::CodeSpeaker& speaker, const PromptRecording& recording) {
  const std::string name = recording.file.string();
  prepare::CodecClip clip = prepare::load_clip(recording.file, speaker.codec());
  const std::int64_t rate_hz = speaker.rate_hz();
  const double most_s = speaker.longest_prompt_s();
  if (recording.trim) {
    const audio::Span sound = audio::trim_silence(clip.wave_CN, rate_hz, {.top_db = kSilent_db});
    if (sound.count == 0) throw UsageError(fmt::format("{} is silent: there is nothing to go on from", name));
    const auto end = static_cast<std::size_t>(sound.first + sound.count +
                                              static_cast<std::int64_t>(kTail_s * static_cast<double>(rate_hz)));
    clip.wave_CN.resize(std::min(clip.wave_CN.size(), end));
  }
  const double seconds = static_cast<double>(clip.wave_CN.size()) / static_cast<double>(rate_hz);
  if (seconds > most_s)
    throw UsageError(fmt::format("{} is {:.1f} s long; a prompt may have {:.1f} s", name, seconds, most_s),
                     "cut it: a few seconds of clear speech are best");
  if (clip.source_channels > 1) log::note(fmt::format("{}: {} channels were mixed to one", name, clip.source_channels));
  if (audio::measure_levels(clip.wave_CN, rate_hz).rms_db < kAllButSilent_db)
    log::warn(fmt::format("{} is all but silent: the voice has nobody to sound like", name));
  else if (seconds < kShort_s)
    log::warn(fmt::format("{} is {:.2f} s long: a voice goes on best from a few seconds", name, seconds));
  return speaker.make_prompt(clip.wave_CN, recording.text, recording.language);
}

}  // namespace timbre::cli
