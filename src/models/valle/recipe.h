#pragma once
#include <memory>

#include "models/valle/draws.h"
#include "models/valle/model.h"
#include "models/valle/recipe_data.h"
#include "models/valle/recipe_files.h"
#include "models/valle/recipe_trainer.h"
#include "train/recipe.h"

/// VALL-E under the common loop, with the books of lifeiteng's trainer beside it where an exp_dir was given.
namespace timbre::valle {

/// What a step of the NAR part draws: stages (and the pieces of prefix mode 2) from `draws`, which a run's checkpoints
/// keep, so that a continued run draws on; prefixes of mode 1 from the noise of the step. With several ranks the pieces
/// come from that noise too: each rank has other utterances, and stages must go on being the same on all of them.
NarDraws next_draws(StepDraws& draws, const Config& config, const Inputs& inputs, int ranks = 1);

/// The terms of one batch: "loss" as the trainer sums it, ArTop10Accuracy and NarTop10Accuracy by frame.
std::vector<train::Term> terms_of(const Outputs& outputs, double frames);

class Recipe final : public train::Recipe {
 public:
  explicit Recipe(const Config& config) : config_(config) {}

  void open(const train::DataContext& context) override;
  nn::Module& model() override { return *model_; }
  std::vector<train::Player> players() const override;
  const std::vector<batch::Item>& items(train::Split split) const override { return data_->items(split); }
  batch::Batch collate(train::Split split, std::span<const std::size_t> items) const override {
    return data_->collate(split, items, 0);
  }
  batch::Batch collate_in_epoch(train::Split split, std::span<const std::size_t> items,
                                std::int64_t epoch) const override {
    return data_->collate(split, items, epoch);
  }
  std::vector<train::Term> losses(const batch::Batch& batch, const train::StepInfo& info) override;
  std::vector<train::Term> validate(const batch::Batch& batch, const train::StepInfo& info) override;
  void samples(train::SampleSink& sink, const train::StepInfo& info) override;
  train::Beginning begin(std::span<train::Optimiser> optimisers) override;
  train::Companion* companion() override { return files_.get(); }
  nlohmann::json about() const override;
  nlohmann::json state() const override;
  void load_state(const nlohmann::json& state) override;
  train::StartReport start_from(const train::Base& base) override;
  void write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                   const nlohmann::json& provenance) const override;
  double bytes_per_unit() const override;

 private:
  Stage stage() const { return static_cast<Stage>(trainer_->options().train_stage); }
  Outputs pass(const Inputs& inputs, const NarDraws& draws) const;
  void check_languages();
  void tell_bigram(const train::DataContext& context);
  std::string match_symbols(weights::TensorMap& tensors, const weights::TensorMap& fresh,
                            const std::vector<std::string>& theirs, const std::string& source);

  Config config_;
  const Trainer* trainer_ = nullptr;
  std::shared_ptr<Trainer> own_trainer_;  ///< where no flags were read (tests, other programs)
  std::unique_ptr<Data> data_;
  std::unique_ptr<Valle> model_;
  std::unique_ptr<TrainerFiles> files_;
  std::optional<StepDraws> draws_;
  double bigram_top10_ = 0;
  int ranks_ = 1;
  EventSink events_ = no_events();
  bool checks_outputs_ = false;
};

}  // namespace timbre::valle
