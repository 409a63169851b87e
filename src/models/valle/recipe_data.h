#pragma once
#include <optional>

#include "base/python_random.h"
#include "batch/batch.h"
#include "corpus/corpus.h"
#include "corpus/code_bigram.h"
#include "models/valle/config.h"
#include "models/valle/model.h"
#include "models/valle/recipe_trainer.h"
#include "models/valle/utterances.h"
#include "text/token_rows.h"
#include "train/recipe.h"

/// What VALL-E is trained on, as batches: of a corpus or of the reference's data/tokenized.
namespace timbre::valle {

class Data {
 public:
  /// Opens both sides. `trainer` names the folder of cuts where the context has no corpus. Throws DataError.
  Data(const train::DataContext& context, const Config& config, const Trainer& trainer);

  const std::vector<batch::Item>& items(train::Split split) const { return items_[side(split)]; }
  const text::TokenRows& rows() const { return *rows_; }
  /// Takes over the table of a network that is trained further: its rows stay what they are. Throws DataError when a
  /// token of the data has no row in it.
  void use_symbols(std::vector<std::string> symbols, const text::TokenPolicy& policy, const std::string& where);
  /// "text_BX", "text_lens_B", "codes_BYQ" (of the debug network "mel_BFM"), "code_lens_B", with languages
  /// "language_BX", in prefix mode 4 "prompts_BYQ" drawn from (epoch, items).
  batch::Batch collate(train::Split split, std::span<const std::size_t> items, std::int64_t epoch) const;
  /// Share of the validation side's first codes that a bigram of the training side's guesses among its first ten.
  double bigram_top10() const;

  /// Which front end makes tokens like those of the cuts, whose files do not say it.
  std::string guessed_front_end() const;

  const corpus::Corpus* corpus() const { return corpus_ ? &*corpus_ : nullptr; }
  const std::vector<std::string>& test_ids() const { return test_ids_; }
  const std::string& first_language() const { return language_; }
  /// What the codes are of, as voice.json says it (prepare::codec_facts).
  const nlohmann::json& codec() const { return codec_; }

 private:
  bool mels() const { return config_.network() == Network::transformer; }
  void put_mels(batch::Batch& batch, std::size_t side, std::span<const std::size_t> items, std::int64_t longest) const;
  void put_codes(batch::Batch& batch, std::size_t side, std::span<const std::size_t> items, std::int64_t longest) const;
  static std::size_t side(train::Split split) { return split == train::Split::train ? 0 : 1; }
  UtteranceOptions utterance_options() const;
  void open_corpus(const train::DataContext& context);
  void open_cuts(const train::DataContext& context);
  void list(const train::DataContext& context);
  void list_languages(const train::DataContext& context);
  void choose_rows(const train::DataContext& context);
  void check_rows(const std::string& where) const;
  void put_prompts(batch::Batch& batch, train::Split split, std::span<const std::size_t> items,
                   std::int64_t epoch) const;

  const Config& config_;
  const Trainer& trainer_;
  std::uint64_t seed_;
  std::optional<corpus::Corpus> corpus_;
  std::optional<Utterances> utterances_[2];
  std::vector<batch::Item> items_[2];
  std::vector<std::int64_t> frames_[2], languages_[2];
  std::vector<std::vector<std::size_t>> neighbours_[2];
  std::optional<text::TokenRows> rows_;
  std::vector<std::string> test_ids_;
  std::string language_;
  nlohmann::json codec_;
};

/// A batch as the network takes it.
Inputs inputs_of(const batch::Batch& batch);

}  // namespace timbre::valle
