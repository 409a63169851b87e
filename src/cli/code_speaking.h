#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "cli/speaking.h"
#include "voice/code_speaker.h"

/// Voices that speak in a codec's codes, for the verbs that speak with them and make their prompts.
namespace timbre::cli {

/// What goes with the voice; every one may be "" = the voice's own.
struct CodeVoiceOptions {
  std::string codec;            ///< folder
  std::string vocoder;          ///< folder of a vocoder of codes
  std::string prompt;           ///< recording, or a file of voice::read_prompt()
  std::string prompt_text;      ///< what is said in the recording
  std::string prompt_language;  ///< of it
  bool trim_prompt = false;     ///< add_trim_field()
};
/// --codec, --prompt, --prompt-text, --prompt-language, --trim-prompt; --vocoder is the verb's.
config::Fields fields(CodeVoiceOptions& options);

/// True for a voice that speaks in codes.
bool speaks_in_codes(const roles::Registry& registry, const voice::Voice& voice);

/// The network, its codec and vocoder of codes, opened as --engine wants them. `codec` and `vocoder` are folders; ""
/// throws UsageError for a codec, and is none for a vocoder. `network`: of a folder; or null where `given` is one
/// already. Throws NeedsTorch, UsageError and DataError as Speaking::expect.
voice::CodeSpeaker::Parts open_code_parts(const roles::Registry& registry, const Speaking& speaking,
                                          const std::string& name, const roles::VoiceFiles* network,
                                          std::unique_ptr<roles::CodeSynthesizer> given,
                                          const std::filesystem::path& codec, const std::filesystem::path& vocoder);

/// A voice folder ready to speak, with its own prompt or the one that was asked for.
std::unique_ptr<voice::CodeSpeaker> open_code_speaker(const roles::Registry& registry, const Speaking& speaking,
                                                      const voice::Voice& voice, const CodeVoiceOptions& options,
                                                      const voice::CodeSayOptions& drawing, bool accept_text_changes);

/// --trim-prompt of a verb that makes prompts.
void add_trim_field(config::Fields& fields, bool& trim);

/// What a prompt is made of.
struct PromptRecording {
  std::filesystem::path file;
  std::string text, language;
  bool trim = false;  ///< cut the silence at its end
};
/// A recording as a prompt of this speaker; says what is odd about it. Throws as audio::decode_audio, and UsageError
/// for one that is longer than the voice takes, or silent where that is to be cut.
voice::CodePrompt prompt_of_recording(voice::CodeSpeaker& speaker, const PromptRecording& recording);

}  // namespace timbre::cli
