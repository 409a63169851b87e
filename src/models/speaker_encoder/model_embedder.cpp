#include "models/speaker_encoder/model_embedder.h"

#include <ATen/ops/stack.h>

#include "base/error.h"
#include "models/speaker_encoder/files.h"
#include "models/speaker_encoder/model.h"
#include "roles/network_folder.h"
#include "weights/safetensors.h"

namespace timbre::speaker_encoder {
namespace {

class FolderEncoder final : public roles::SpeakerEncoder {
 public:
  explicit FolderEncoder(const roles::VoiceFiles& voice)
      : config_(config_of_voice(voice.about, (voice.dir / "voice.json").string())), encoder_(config_) {
    const fs::path path = roles::weights_file(voice.dir, voice.about);
    encoder_.load_exactly(weights::read_safetensors(path), path.string());
    encoder_.eval();
  }

  std::vector<float> embed(std::span<const float> wave_N) const override {
    return nn::from_torch(embed_wave(encoder_, config_, wave_N).vector_E.contiguous()).to_f32();
  }

  std::vector<float> mean(const std::vector<std::vector<float>>& vectors) const override {
    if (vectors.empty()) throw std::logic_error("the mean of no vectors");
    const at::NoGradGuard no_grad;
    std::vector<Tensor> list;
    for (const auto& vector : vectors) list.push_back(nn::to_torch(weights::Tensor::of<float>({size()}, vector)));
    return nn::from_torch(speaker_mean(config_, at::stack(list)).contiguous()).to_f32();
  }

  std::int64_t rate_hz() const override { return config_.audio.mel.rate_hz; }
  std::int64_t size() const override { return config_.embedding; }

 private:
  Config config_;
  Encoder encoder_;
};

}  // namespace

std::unique_ptr<roles::SpeakerEncoder> open_encoder(const roles::VoiceFiles& voice) {
  return std::make_unique<FolderEncoder>(voice);
}

}  // namespace timbre::speaker_encoder
