#pragma once
#include <map>
#include <optional>

#include "corpus/columns.h"
#include "corpus/corpus.h"
#include "models/fastspeech2/model.h"
#include "models/fastspeech2/names.h"
#include "train/recipe.h"

/// How FastSpeech 2 learns: batches from columns, the five losses of §2.3, pictures and sound for people.
namespace timbre::fastspeech2 {

/// Inputs of the network out of a batch.
Inputs inputs_of(const batch::Batch& batch, std::int64_t frames);

/// The losses as sums with their units: L1 of the mel before and after the post-net, squared error of log duration,
/// pitch and energy, all over what is not padding.
std::vector<train::Term> loss_terms(const Config& config, const Outputs& out, const batch::Batch& batch);

class Recipe final : public train::Recipe {
 public:
  explicit Recipe(const Config& config) : config_(config) {}

  void open(const train::DataContext& context) override;
  nn::Module& model() override { return *model_; }
  const std::vector<batch::Item>& items(train::Split split) const override;
  double units_per_s() const override;
  batch::Batch collate(train::Split split, std::span<const std::size_t> items) const override;
  std::vector<train::Term> losses(const batch::Batch& batch, const train::StepInfo& info) override;
  void samples(train::SampleSink& sink, const train::StepInfo& info) override;
  nlohmann::json about() const override;
  train::StartReport start_from(const train::Base& base) override;
  void write_voice(const std::filesystem::path& folder, const weights::TensorMap& weights,
                   const nlohmann::json& provenance) const override;
  double bytes_per_unit() const override;
  std::map<std::string, double> memorised_at() const override;

 private:
  struct Utterance {
    std::size_t index;  ///< in the corpus
    std::int64_t speaker;
  };
  /// Symbols and speakers: of the run being continued, of ming024's table, or of the corpus.
  void choose_vocabulary(const train::DataContext& context);
  std::vector<std::string> corpus_symbols() const;
  void list_items(const train::DataContext& context);
  /// recipe_speakers.cpp: the language of each speaker who has one.
  std::map<std::string, std::string> speaker_languages() const;
  /// recipe_speakers.cpp: the vectors of a speaker encoder, where the config names one.
  void open_speaker_vectors(const train::DataContext& context);
  void put_speaker_vectors(train::Split split, std::span<const std::size_t> items, batch::Batch& batch) const;
  void write_speaker_vectors(const std::filesystem::path& folder) const;

  Config config_;
  std::optional<corpus::Corpus> corpus_;
  std::map<std::string, corpus::Column, std::less<>> columns_;
  Vocabulary vocabulary_;
  std::map<std::string, std::int64_t, std::less<>> row_of_symbol_;
  VarianceStatistics statistics_;
  std::vector<Utterance> utterances_[2];  ///< by Split
  std::vector<batch::Item> items_[2];
  std::vector<std::string> test_ids_;  ///< held out; the voice records them so that it is scored on them
  std::unique_ptr<Network> model_;
};

/// Tensors of another voice carried over by name; embedding rows by symbol and by speaker. New symbols start as their
/// plainer spelling or as the mean of all, new speakers as the mean.
train::StartReport carry_over(Network& model, const Vocabulary& vocabulary, const train::Base& base);

}  // namespace timbre::fastspeech2
