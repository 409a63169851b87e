#pragma once
#include <optional>

#include "codecs/hifigan/model.h"
#include "nn/spectra.h"
#include "train/vocoder_recipe.h"

/// How HiFi-GAN learns (Kong et al. 2020, §2.4): the discriminators first, then the generator against what they became.
namespace timbre::hifigan {

/// The loss terms of one step, apart from where the data come from. Waveforms are [B, N], mels [B, F, M].
class Game {
 public:
  explicit Game(const Config& config) : loss_(config.loss), heard_(config.loss_mel()) {}

  struct Judged {
    nn::Discriminators::Both periods, scales;
  };
  /// The generator's output of this batch, with its graph. The discriminators' turn (`first`) computes it, the
  /// generator's gets the same.
  Tensor fake(const Learner& model, const Tensor& mel_BFM, bool first);
  /// The discriminators' turn: least squares on real and made. `judged` gets what they said.
  std::vector<train::Term> discriminator_terms(const Learner& model, const Tensor& real_BN, const Tensor& fake_BN,
                                               double items, Judged* judged = nullptr) const;
  /// The generator's: adversarial, features, mel. `heard_BFM` is the loss's mel of real_BN; computed when undefined.
  std::vector<train::Term> generator_terms(const Learner& model, const Tensor& real_BN, const Tensor& heard_BFM,
                                           const Tensor& fake_BN, double items, Judged* judged = nullptr) const;
  const nn::MelSpectrogram& heard() const { return heard_; }

 private:
  LossOptions loss_;
  nn::MelSpectrogram heard_;
  std::vector<std::pair<Tensor, Tensor>> waiting_;  ///< mel and output of batches whose generator's turn is to come
};

class Recipe : public train::VocoderRecipe {
 public:
  explicit Recipe(const Config& config) : VocoderRecipe(config.mel), config_(config) {}

  void open(const train::DataContext& context) override;
  nn::Module& model() override { return *model_; }
  std::vector<train::Player> players() const override;
  std::vector<train::Term> losses(const batch::Batch& batch, const train::StepInfo& info) override;
  /// "mel": mean |difference| of the loss's log mels.
  std::vector<train::Term> validate(const batch::Batch& batch, const train::StepInfo& info) override;
  bool last_is_best() const override { return true; }
  nlohmann::json about() const override;
  train::StartReport start_from(const train::Base& base) override;
  /// The generator as a vocoder; what else is trained goes to training.safetensors, which --base and the way back to
  /// upstream's files read.
  void write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                   const nlohmann::json& provenance) const override;

 protected:
  /// The generator makes a hop of every frame.
  std::int64_t frames_of_piece(std::int64_t samples) const override { return samples / config_.mel.hop_samples; }
  Tensor speak(const Tensor& mel_BFM) override;

 private:
  Config config_;
  std::unique_ptr<Learner> model_;
  std::optional<Game> game_;
};

}  // namespace timbre::hifigan
