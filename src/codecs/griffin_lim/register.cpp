#include "audio/griffin_lim.h"
#include "base/error.h"
#include "roles/registry.h"
#include "roles/vocoder.h"

/// Griffin-Lim as a vocoder: no network and no training, so it fits any voice with a magnitude mel.
namespace timbre::models {
namespace {

class GriffinLimVocoder : public roles::Vocoder {
 public:
  GriffinLimVocoder(const audio::MelOptions& mel, const audio::GriffinLimOptions& options)
      : mel_(mel), algorithm_(mel, options) {}
  std::string name() const override { return "griffin-lim"; }
  const audio::MelOptions& mel() const override { return mel_; }
  std::vector<float> synthesize(std::span<const float> mel_FM, std::int64_t frames) override {
    auto wave_N = algorithm_.run(mel_FM, frames).wave_N;
    // Every frame stands for one hop, so that times add up over pieces; a centred STFT gives one hop less.
    wave_N.resize(static_cast<std::size_t>(frames * mel_.hop_samples), 0.0f);
    return wave_N;
  }

 private:
  audio::MelOptions mel_;
  audio::GriffinLim algorithm_;
};

std::unique_ptr<roles::Vocoder> open(const roles::VoiceFiles& voice) {
  const std::string where = (voice.dir / "voice.json").string();
  audio::MelOptions mel;
  auto mel_fields = audio::fields(mel);
  config::from_json(mel_fields, voice.about.at("mel"), where + ": mel");
  audio::GriffinLimOptions options;
  auto option_fields = audio::fields(options);
  auto given = voice.about.at("vocoder");
  given.erase("kind");
  config::from_json(option_fields, given, where + ": vocoder");
  return std::make_unique<GriffinLimVocoder>(mel, options);
}

}  // namespace

void register_griffin_lim(roles::Registry& registry) {
  registry.add_vocoder_engine("griffin-lim", {.lacks = {}, .make = open});
}

}  // namespace timbre::models
