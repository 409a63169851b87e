#pragma once
#include "models/g2p/model.h"
#include "models/g2p/words.h"
#include "train/recipe.h"

/// How the network learns: batches of words, one loss, and on held-out words the phones it says wrongly.
namespace timbre::g2p {

class Recipe final : public train::Recipe {
 public:
  explicit Recipe(const Config& config) : config_(config) {}

  /// Takes no corpus: the words are CMUdict's.
  void open(const train::DataContext& context) override;
  nn::Module& model() override { return *model_; }
  const std::vector<batch::Item>& items(train::Split split) const override;
  std::string units() const override { return "letters"; }
  batch::Batch collate(train::Split split, std::span<const std::size_t> items) const override;
  /// "phone": cross entropy in nats per phone, the end of a word counted as one.
  std::vector<train::Term> losses(const batch::Batch& batch, const train::StepInfo& info) override;
  /// Also, by greedy decoding: "phone_error_rate" (stress aside) and "word_error_rate" (a word with any wrong phone).
  std::vector<train::Term> validate(const batch::Batch& batch, const train::StepInfo& info) override;
  void samples(train::SampleSink& sink, const train::StepInfo& info) override;
  nlohmann::json about() const override;

  /// Phones of a word, by the weights as they are. Throws UsageError for what is no word of letters.
  std::vector<std::string> pronounce(const std::string& word);
  const std::vector<std::string>& symbols() const { return dictionary_.symbols; }

 private:
  const Entry& entry(train::Split split, std::size_t item) const;

  Config config_;
  Dictionary dictionary_;
  std::vector<std::size_t> entries_[2];  ///< by Split: places in the dictionary
  std::vector<batch::Item> items_[2];
  std::int64_t test_words_ = 0;
  std::unique_ptr<G2p> model_;
};

}  // namespace timbre::g2p
