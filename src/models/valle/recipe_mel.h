#pragma once
#include "models/valle/model_transformer.h"
#include "models/valle/recipe_data.h"
#include "models/valle/recipe_files.h"

/// The debug network of lifeiteng's trainer (--model-name Transformer) under the common loop: text → mel, squared error
/// and a stop loss, on cuts with mels of 100 bins (its tokenizer.py --audio-extractor Fbank).
namespace timbre::valle {

class MelRecipe final : public train::Recipe {
 public:
  explicit MelRecipe(const Config& config) : config_(config) {}

  void open(const train::DataContext& context) override;
  nn::Module& model() override { return *model_; }
  const std::vector<batch::Item>& items(train::Split split) const override { return data_->items(split); }
  batch::Batch collate(train::Split split, std::span<const std::size_t> items) const override {
    return data_->collate(split, items, 0);
  }
  std::vector<train::Term> losses(const batch::Batch& batch, const train::StepInfo& info) override;
  void samples(train::SampleSink& sink, const train::StepInfo& info) override;
  train::Beginning begin(std::span<train::Optimiser> optimisers) override;
  train::Companion* companion() override { return files_.get(); }
  train::StartReport start_from(const train::Base& base) override;
  nlohmann::json about() const override;
  nlohmann::json state() const override;
  void load_state(const nlohmann::json& state) override;

 private:
  Pictures pictures() const;
  MelOutputs pass(const batch::Batch& batch) const;
  Config config_;
  const Trainer* trainer_ = nullptr;
  std::unique_ptr<Data> data_;
  std::unique_ptr<MelTransformer> model_;
  std::unique_ptr<TrainerFiles> files_;
};

}  // namespace timbre::valle
