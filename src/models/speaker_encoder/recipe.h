#pragma once
#include <optional>

#include "corpus/columns.h"
#include "corpus/corpus.h"
#include "models/speaker_encoder/model.h"
#include "train/recipe.h"

/// How an encoder learns: every batch holds N speakers with M clips of each, a random stretch of every clip.
namespace timbre::speaker_encoder {

/// What is trained: the encoder, and the learned part of the loss, which no voice folder keeps.
struct Learner final : nn::Module {
  Learner(const Config& config, std::int64_t speakers);
  Encoder encoder;
  Criterion loss;
};

class Recipe final : public train::Recipe {
 public:
  explicit Recipe(const Config& config) : config_(config) {}

  void open(const train::DataContext& context) override;
  nn::Module& model() override { return *model_; }
  /// An item of training is a whole batch, drawn from the seed and its number: nothing else says which clips are in
  /// it. The one item of validation is all its clips.
  const std::vector<batch::Item>& items(train::Split split) const override;
  double units_per_s() const override;
  batch::Batch collate(train::Split split, std::span<const std::size_t> items) const override;
  std::vector<train::Term> losses(const batch::Batch& batch, const train::StepInfo& info) override;
  /// The loss over whole clips; "equal_error_rate" over all pairs of them.
  std::vector<train::Term> validate(const batch::Batch& batch, const train::StepInfo& info) override;
  void samples(train::SampleSink& sink, const train::StepInfo& info) override;
  nlohmann::json about() const override;
  train::StartReport start_from(const train::Base& base) override;
  void write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                   const nlohmann::json& provenance) const override;

  const std::vector<std::string>& speakers() const { return speakers_; }

 private:
  struct Clip {
    std::string id;
    std::size_t speaker;
  };
  void list_clips(const train::DataContext& context);
  void draw(std::size_t item, batch::Batch& batch, std::vector<float>& values, std::vector<std::int64_t>& rows) const;
  batch::Batch whole_clips() const;
  /// Vectors of the clips of a validation batch, [clips, E].
  Tensor clip_vectors(const batch::Batch& batch) const;
  std::int64_t speakers_a_batch() const;

  Config config_;
  std::optional<corpus::Corpus> corpus_;
  std::optional<corpus::Column> mels_;
  std::uint64_t seed_ = 0;
  std::vector<std::string> speakers_;
  std::vector<std::vector<std::string>> clips_;  ///< of training, by speaker
  std::vector<Clip> valid_;
  std::vector<std::string> test_ids_;
  std::vector<batch::Item> items_[2];
  std::unique_ptr<Learner> model_;
};

}  // namespace timbre::speaker_encoder
