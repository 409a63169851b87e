#include "codecs/hifigan/model_vocoder.h"

#include "base/error.h"
#include "codecs/hifigan/files.h"
#include "codecs/hifigan/model.h"
#include "roles/network_folder.h"
#include "weights/safetensors.h"

namespace timbre::hifigan {
namespace {

class FolderVocoder final : public roles::Vocoder {
 public:
  explicit FolderVocoder(const roles::VoiceFiles& folder)
      : config_(config_of(folder.about, (folder.dir / "voice.json").string())), generator_(config_) {
    const auto path = roles::weights_file(folder.dir, folder.about);
    const auto tensors = weights::read_safetensors(path);
    expect_generator(tensors, config_, path.string());
    generator_.load_exactly(tensors, path.string());
    generator_.eval();
    generator_.fold();
  }
  std::string name() const override { return "hifigan"; }
  const audio::MelOptions& mel() const override { return config_.mel; }
  std::optional<std::int64_t> context_frames() const override { return config_.context_frames(); }

  std::vector<float> synthesize(std::span<const float> mel_FM, std::int64_t frames) override {
    const std::int64_t M = config_.mel.mels;
    roles::expect_mel(mel_FM, frames, M);
    const at::NoGradGuard no_grad;
    const Tensor mel_BFM =
        nn::to_torch(weights::Tensor::of<float>({1, frames, M}, std::vector<float>(mel_FM.begin(), mel_FM.end())));
    return nn::from_torch(generator_.forward_in_pieces(mel_BFM, kPieceFrames)[0]).to_f32();
  }

 private:
  Config config_;
  Generator generator_;
};

}  // namespace

std::unique_ptr<roles::Vocoder> open_vocoder(const roles::VoiceFiles& folder) {
  return std::make_unique<FolderVocoder>(folder);
}

}  // namespace timbre::hifigan
