#include "codecs/vocos/model_vocoder.h"

#include "base/error.h"
#include "codecs/vocos/model.h"
#include "roles/network_folder.h"
#include "weights/safetensors.h"

namespace timbre::vocos {
namespace {

class FolderVocoder final : public roles::Vocoder {
 public:
  explicit FolderVocoder(const roles::VoiceFiles& folder)
      : config_(config_of(folder.about, (folder.dir / "voice.json").string())), network_(config_) {
    if (config_.takes_codes())
      throw DataError(
          fmt::format("{} takes the codes of {}, not mel spectrograms", folder.dir.string(), config_.codes.codec),
          "choose a vocoder for mels");
    const auto path = roles::weights_file(folder.dir, folder.about);
    load_network(network_, weights::read_safetensors(path), path.string());
    network_.eval();
  }
  std::string name() const override { return "vocos"; }
  const audio::MelOptions& mel() const override { return config_.mel; }
  std::optional<std::int64_t> context_frames() const override { return config_.context_frames(); }

  std::vector<float> synthesize(std::span<const float> mel_FM, std::int64_t frames) override {
    const std::int64_t M = config_.mel.mels;
    roles::expect_mel(mel_FM, frames, M);
    const at::NoGradGuard no_grad;
    const Tensor x_BFC =
        nn::to_torch(weights::Tensor::of<float>({1, frames, M}, std::vector<float>(mel_FM.begin(), mel_FM.end())));
    return nn::from_torch(network_.forward_whole(x_BFC)[0].clamp(-1.0, 1.0)).to_f32();
  }

 private:
  Config config_;
  Network network_;
};

}  // namespace

std::unique_ptr<roles::Vocoder> open_vocoder(const roles::VoiceFiles& folder) {
  return std::make_unique<FolderVocoder>(folder);
}

}  // namespace timbre::vocos
