#include "codecs/hifigan/engine_vocoder.h"

#include "base/error.h"
#include "codecs/hifigan/engine.h"
#include "codecs/hifigan/files.h"
#include "roles/network_folder.h"
#include "weights/safetensors.h"

namespace timbre::hifigan {
namespace {

GeneratorSizes sizes_of(const Config& config) {
  const GeneratorOptions& g = config.generator;
  GeneratorSizes sizes{.mels = config.mel.mels,
                       .initial_channels = g.channels,
                       .resblock = g.resblock == "1" ? 1 : 2,
                       .upsample_rates = g.upsample_rates,
                       .upsample_kernels = g.upsample_kernels,
                       .resblock_kernels = g.kernels,
                       .resblock_dilations = {}};
  for (std::size_t block = 0; block < g.kernels.size(); ++block)
    sizes.resblock_dilations.push_back(config.dilations_of(block));
  return sizes;
}

class EngineVocoder final : public roles::Vocoder {
 public:
  explicit EngineVocoder(const roles::VoiceFiles& folder)
      : config_(config_of(folder.about, (folder.dir / "voice.json").string())),
        engine_(opened(config_, roles::weights_file(folder.dir, folder.about))) {}
  std::string name() const override { return "hifigan"; }
  const audio::MelOptions& mel() const override { return config_.mel; }
  std::optional<std::int64_t> context_frames() const override { return config_.context_frames(); }

  std::vector<float> synthesize(std::span<const float> mel_FM, std::int64_t frames) override {
    return roles::synthesize_in_pieces(
        mel_FM, frames, config_.mel, kPieceFrames, config_.context_frames(),
        [this](const float* mel, std::int64_t count, float* wave_N) { engine_.run(mel, count, wave_N); });
  }

 private:
  static Engine opened(const Config& config, const fs::path& file) {
    const auto tensors = weights::read_safetensors(file);
    expect_generator(tensors, config, file.string());
    return {sizes_of(config), tensors, file.string()};
  }
  Config config_;
  Engine engine_;
};

}  // namespace

std::unique_ptr<roles::Vocoder> open_engine_vocoder(const roles::VoiceFiles& folder) {
  return std::make_unique<EngineVocoder>(folder);
}

}  // namespace timbre::hifigan
