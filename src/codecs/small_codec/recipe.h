#pragma once
#include <optional>

#include "batch/clip_segments.h"
#include "codecs/small_codec/model.h"
#include "nn/discriminators.h"
#include "nn/spectra.h"
#include "train/recipe.h"

/// How the codec learns: spectra at several resolutions first, narrow discriminators later where they are asked for.
namespace timbre::small_codec {

/// What is trained: the codec, and who judges it, which no codec's folder keeps.
struct Learner final : nn::Module {
  explicit Learner(const Config& config);
  SmallCodec codec;
  std::unique_ptr<nn::MultiPeriodDiscriminator> judges;
};

class Recipe final : public train::Recipe {
 public:
  explicit Recipe(const Config& config);

  void open(const train::DataContext& context) override;
  nn::Module& model() override { return *model_; }
  std::vector<train::Player> players() const override;
  const std::vector<batch::Item>& items(train::Split split) const override;
  std::string units() const override { return "samples"; }
  double units_per_s() const override { return static_cast<double>(config_.rate_hz); }
  batch::Batch collate(train::Split split, std::span<const std::size_t> items) const override;
  batch::Batch collate_in_epoch(train::Split split, std::span<const std::size_t> items,
                                std::int64_t epoch) const override;
  std::vector<train::Term> losses(const batch::Batch& batch, const train::StepInfo& info) override;
  /// With all codebooks; "mel_of_first" is the distance with the first one alone.
  std::vector<train::Term> validate(const batch::Batch& batch, const train::StepInfo& info) override;
  double later_bytes() const override { return batch::full_bytes(data_->sides); }
  bool last_is_best() const override { return config_.adversarial.first_step > 0; }
  std::map<std::string, double> memorised_at() const override;
  void samples(train::SampleSink& sink, const train::StepInfo& info) override;
  nlohmann::json about() const override;
  train::StartReport start_from(const train::Base& base) override;
  void write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                   const nlohmann::json& provenance) const override;

 private:
  /// Mean absolute difference of log-mels, a scalar.
  Tensor mel_distance(const Tensor& made_BN, const Tensor& real_BN) const;
  std::vector<train::Term> spectral_terms(const Tensor& made_BN, const Tensor& real_BN, double items) const;
  Tensor rebuilt(const Tensor& real_BN, bool drop) const;

  Config config_;
  std::optional<batch::ClipCorpus> data_;
  std::unique_ptr<Learner> model_;
  std::vector<nn::MelSpectrogram> mels_;
  nn::MultiResolutionStft stft_;
};

}  // namespace timbre::small_codec
