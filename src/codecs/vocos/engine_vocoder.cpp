#include "codecs/vocos/engine_vocoder.h"

#include <algorithm>

#include "base/error.h"
#include "roles/network_folder.h"
#include "weights/safetensors.h"

namespace timbre::vocos {
namespace {

Config config_in(const roles::VoiceFiles& folder) {
  return config_of(folder.about, (folder.dir / "voice.json").string());
}

class EngineVocoder final : public roles::Vocoder {
 public:
  EngineVocoder(const Config& config, const std::filesystem::path& weights)
      : config_(config), engine_(sizes_of(config), weights::read_safetensors(weights), weights.string()) {}
  std::string name() const override { return "vocos"; }
  const audio::MelOptions& mel() const override { return config_.mel; }
  std::optional<std::int64_t> context_frames() const override { return config_.context_frames(); }
  std::vector<float> synthesize(std::span<const float> mel_FM, std::int64_t frames) override {
    auto wave_N = roles::synthesize_in_pieces(
        mel_FM, frames, config_.mel, kPieceFrames, config_.context_frames(),
        [&](const float* part_FM, std::int64_t part, float* wave) { engine_.run(part_FM, part, wave); });
    for (float& x : wave_N) x = std::clamp(x, -1.0f, 1.0f);
    return wave_N;
  }

 private:
  Config config_;
  Engine engine_;
};

}  // namespace

Sizes sizes_of(const Config& config) {
  return {.inputs = config.input_channels(),
          .width = config.backbone.width,
          .hidden = config.backbone.hidden,
          .layers = config.backbone.layers,
          .rows = config.backbone.bandwidths,
          .fft_samples = config.head.fft_samples,
          .hop_samples = config.head.hop_samples,
          .padding = audio::padding_named(config.head.padding)};
}

std::unique_ptr<roles::Vocoder> open_engine(const roles::VoiceFiles& folder) {
  const Config config = config_in(folder);
  if (config.takes_codes())
    throw DataError(
        fmt::format("{} takes the codes of {}, not mel spectrograms", folder.dir.string(), config.codes.codec),
        "choose a vocoder for mels");
  return std::make_unique<EngineVocoder>(config, roles::weights_file(folder.dir, folder.about));
}

std::string engine_lacks(const roles::VoiceFiles&) { return ""; }

}  // namespace timbre::vocos
