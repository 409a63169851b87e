#include "models/llasa/engine_synthesizer.h"

#include <numeric>

#include "roles/network_folder.h"
#include "weights/load.h"

namespace timbre::llasa {

std::span<const float> EngineDecoder::prefill(const HeardPrompt& prompt) {
  session_.clear();
  return session_.prefill(prompt.ids_T, prompt.seen_T, prompt.positions_T);
}

std::string voice_lacks(const roles::VoiceFiles& files) {
  Config config;
  roles::read_model(config, "llasa", files.about, (files.dir / "voice.json").string());
  return engine_lacks(config);
}

std::unique_ptr<roles::CodeSynthesizer> open_engine(const roles::VoiceFiles& files) {
  OpenedVoice voice = open_voice(files);
  const auto file = roles::weights_file(files.dir, files.about);
  Engine engine(voice.config, weights::load_tensors(file), file.string(), {.scored = voice.scored});
  return std::make_unique<Synthesizer>(std::move(voice), std::make_unique<EngineDecoder>(std::move(engine)));
}

}  // namespace timbre::llasa
