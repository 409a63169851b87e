#pragma once
#include <memory>

#include "models/llasa/model.h"
#include "models/llasa/recipe_data.h"
#include "train/options.h"
#include "train/recipe.h"

/// Llasa under the common loop: from scratch, from a base with or without added tokens, or its adapters alone.
namespace timbre::llasa {

/// How often the network's likeliest speech code, and one of its ten likeliest, was the right one.
struct CodeHits {
  double first = 0, ten = 0;
};
/// Of targets that are speech, compared among speech tokens alone, as they are when it speaks. hidden_ND: of all
/// tokens; labels_BT is not shifted.
CodeHits code_hits(const Model& model, const Tensor& hidden_ND, const Tensor& labels_BT,
                   const tokenizer::SpeechTokens& speech);

class Recipe : public train::Recipe {
 public:
  explicit Recipe(const Config& config) : config_(config) {}
  /// Of rows that are made already and a network that is there.
  Recipe(std::unique_ptr<Model> model, std::unique_ptr<Data> data);

  void open(const train::DataContext& context) override;
  nn::Module& model() override { return *model_; }
  const std::vector<batch::Item>& items(train::Split split) const override { return data_->items(split); }
  std::string units() const override { return "tokens"; }
  batch::Batch collate(train::Split split, std::span<const std::size_t> items) const override {
    return data_->collate(split, items);
  }
  std::vector<train::Term> losses(const batch::Batch& batch, const train::StepInfo& info) override;
  std::vector<train::Term> validate(const batch::Batch& batch, const train::StepInfo& info) override;
  std::string data_fingerprint() const override;
  nlohmann::json about() const override;
  train::StartReport start_from(const train::Base& base) override;
  void write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                   const nlohmann::json& provenance) const override;
  double bytes_per_unit() const override;

 private:
  void choose_adapters(const nlohmann::json& continued);
  Config config_;
  std::unique_ptr<Data> data_;
  std::unique_ptr<Model> model_;
  Data::Baseline baseline_;
  nlohmann::json speaking_;
  std::string language_ = "en";
};

/// The loop's options as the reference trains: AdamW (0.9, 0.95, 1e-8, decay 0.01), cosine to 0. `small` and `debug`
/// are trained from scratch; the published sizes are fine-tuned.
void recipe_defaults(train::TrainOptions& options, const std::string& preset);

}  // namespace timbre::llasa
