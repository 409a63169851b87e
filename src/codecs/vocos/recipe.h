#pragma once
#include <optional>

#include "codecs/vocos/model.h"
#include "nn/discriminators.h"
#include "nn/spectral_discriminators.h"
#include "train/vocoder_recipe.h"

/// How Vocos learns: its generator against two sets of discriminators, or alone with spectral losses.
namespace timbre::vocos {

/// Everything that is trained; the names are those of the reference's training checkpoints.
class Learner final : public Network {
 public:
  explicit Learner(const Config& config);
  nn::MultiPeriodDiscriminator periods;
  nn::MultiResolutionDiscriminator resolutions;
};

class Recipe final : public train::VocoderRecipe {
 public:
  explicit Recipe(const Config& config) : VocoderRecipe(config.mel), config_(config) {}

  void open(const train::DataContext& context) override;
  nn::Module& model() override { return *model_; }
  std::vector<train::Player> players() const override;
  std::vector<train::Term> losses(const batch::Batch& batch, const train::StepInfo& info) override;
  /// "mel_distance": mean |difference| of the log mels of copy synthesis, in the mels the network takes.
  std::vector<train::Term> validate(const batch::Batch& batch, const train::StepInfo& info) override;
  bool last_is_best() const override { return config_.loss.adversarial_from_step > 0; }
  nlohmann::json about() const override;
  void write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                   const nlohmann::json& provenance) const override;

 protected:
  Tensor speak(const Tensor& mel_BFM) override;

 private:
  bool is_adversarial(std::int64_t step) const;
  std::vector<train::Term> discriminator_terms(const batch::Batch& batch) const;
  std::vector<train::Term> generator_terms(const batch::Batch& batch, const train::StepInfo& info) const;

  Config config_;
  std::unique_ptr<Learner> model_;
  std::optional<nn::MelSpectrogram> heard_;     ///< the loss's mels
  std::optional<nn::MelSpectrogram> distance_;  ///< the mels it takes
  nn::MultiResolutionStft stft_{{512, 1024, 2048}};
};

}  // namespace timbre::vocos
