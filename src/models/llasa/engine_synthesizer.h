#pragma once
#include <memory>
#include <string>

#include "models/llasa/engine.h"
#include "models/llasa/synthesizer.h"
#include "roles/registry.h"

/// Llasa voices spoken by the engine.
namespace timbre::llasa {

class EngineDecoder final : public SpeechDecoder {
 public:
  explicit EngineDecoder(Engine engine) : engine_(std::move(engine)), session_(engine_) {}
  EngineDecoder(const EngineDecoder&) = delete;
  EngineDecoder& operator=(const EngineDecoder&) = delete;
  std::span<const float> prefill(const HeardPrompt& prompt) override;
  std::span<const float> step(std::int64_t id) override { return session_.step(id); }
  std::span<const float> rewind() override { return session_.rewind(); }

 private:
  Engine engine_;
  EngineSession session_;
};

/// For the registry. Both throw DataError naming file and field.
std::string voice_lacks(const roles::VoiceFiles& files);
std::unique_ptr<roles::CodeSynthesizer> open_engine(const roles::VoiceFiles& files);

}  // namespace timbre::llasa
