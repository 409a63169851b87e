#include "models/valle/engine_synthesizer.h"

#include "base/error.h"
#include "roles/network_folder.h"
#include "weights/load.h"

namespace timbre::valle {

void ValleFacts::check(const roles::CodeRequest& request) const {
  roles::check_request(*this, request);
  roles::refuse_language_model_rules(*this, request.sampling);
  for (const std::int64_t token : request.tokens_S)
    if (token < 0 || token >= config_.text_rows)
      throw UsageError(fmt::format("text token {}: {} knows 0 … {}", token, name(), config_.text_rows - 1),
                       "the text or the prompt was made with another tokenizer than the voice's");
}

roles::CodeUtterance EngineSynthesizer::generate(const roles::CodeRequest& request) {
  check(request);
  if (request.prompt_frames > most_prompt_frames())
    throw UsageError(fmt::format("the prompt has {} frames; {} takes {} at most", request.prompt_frames, name(),
                                 most_prompt_frames()),
                     "take a shorter recording: a few seconds of clear speech are best");
  return engine_.generate(request);
}

roles::CodeUtterance EngineSynthesizer::revoice(const roles::CodeRequest& whole) {
  check(whole);
  if (whole.prompt_frames < 2) throw UsageError("--continual needs a recording of at least two frames");
  return engine_.revoice(whole);
}

std::string voice_lacks(const roles::VoiceFiles& voice) {
  Config config;
  roles::read_model(config, "valle", voice.about, (voice.dir / "voice.json").string());
  return engine_lacks(config);
}

std::unique_ptr<roles::CodeSynthesizer> open_engine(const roles::VoiceFiles& voice) {
  Config config;
  roles::read_model(config, "valle", voice.about, (voice.dir / "voice.json").string());
  const auto file = roles::weights_file(voice.dir, voice.about);
  return std::make_unique<EngineSynthesizer>(config, weights::load_tensors(file), file.string());
}

}  // namespace timbre::valle
