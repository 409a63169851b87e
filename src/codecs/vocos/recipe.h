#pragma once
#include <optional>

#include "batch/clip_segments.h"
#include "codecs/vocos/model.h"
#include "nn/discriminators.h"
#include "nn/spectral_discriminators.h"
#include "train/recipe.h"

/// How Vocos learns: its generator against two sets of discriminators, or alone with spectral losses.
namespace timbre::vocos {

/// Everything that is trained; the names are those of the reference's training checkpoints.
class Learner final : public Network {
 public:
  explicit Learner(const Config& config);
  nn::MultiPeriodDiscriminator periods;
  nn::MultiResolutionDiscriminator resolutions;
};

class Recipe final : public train::Recipe {
 public:
  explicit Recipe(const Config& config) : config_(config) {}

  void open(const train::DataContext& context) override;
  nn::Module& model() override { return *model_; }
  std::vector<train::Player> players() const override;
  const std::vector<batch::Item>& items(train::Split split) const override;
  std::string units() const override { return "samples"; }
  double units_per_s() const override { return static_cast<double>(config_.rate_hz()); }
  batch::Batch collate(train::Split split, std::span<const std::size_t> items) const override;
  batch::Batch collate_in_epoch(train::Split split, std::span<const std::size_t> items,
                                std::int64_t epoch) const override;
  std::vector<train::Term> losses(const batch::Batch& batch, const train::StepInfo& info) override;
  /// "mel_distance": mean |difference| of the log mels of copy synthesis, in the mels the network takes.
  std::vector<train::Term> validate(const batch::Batch& batch, const train::StepInfo& info) override;
  bool last_is_best() const override { return config_.loss.adversarial_from_step > 0; }
  void samples(train::SampleSink& sink, const train::StepInfo& info) override;
  nlohmann::json about() const override;
  void write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                   const nlohmann::json& provenance) const override;

 private:
  batch::Batch collate_pieces(std::size_t side, std::span<const std::size_t> items,
                              std::optional<std::int64_t> epoch) const;
  bool is_adversarial(std::int64_t step) const;
  std::vector<train::Term> discriminator_terms(const batch::Batch& batch) const;
  std::vector<train::Term> generator_terms(const batch::Batch& batch, const train::StepInfo& info) const;

  Config config_;
  std::unique_ptr<Learner> model_;
  std::optional<batch::ClipCorpus> clips_;
  std::optional<audio::MelMaker> mel_maker_;
  std::optional<nn::MelSpectrogram> heard_;     ///< the loss's mels
  std::optional<nn::MelSpectrogram> distance_;  ///< the mels it takes
  nn::MultiResolutionStft stft_{{512, 1024, 2048}};
  std::vector<std::size_t> valid_pieces_;  ///< of the validation side
  std::vector<batch::Item> valid_items_;
};

}  // namespace timbre::vocos
