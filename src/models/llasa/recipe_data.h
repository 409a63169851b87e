#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "batch/batch.h"
#include "corpus/memmap_rows.h"
#include "models/llasa/config.h"
#include "models/llasa/model.h"
#include "tokenizer/speech_rows.h"
#include "train/recipe.h"

/// What Llasa is trained on, as batches: a folder of rows as `timbre prepare --recipe llasa` or `llasa-speed` and the
/// reference's own scripts leave it.
namespace timbre::llasa {

/// Rows of one side: `read` gives one as the network gets it, padded or not; it may run on any thread.
struct RowSource {
  std::int64_t size = 0;
  std::function<tokenizer::TrainingRow(std::int64_t)> read;
  std::string name = "train";  ///< for messages: "train row 12"
};

class Data {
 public:
  /// Opens `context.corpus` (a folder of memmaps, or the one above it that has rows/), its tokenizer and both sides.
  /// Every row is looked at once. Throws DataError for rows that teach nothing, ids that are not the tokenizer's, and
  /// what the readers of the files refuse.
  Data(const train::DataContext& context, const Config& config);
  /// Of rows that are made already; there is no tokenizer, and codes are not counted.
  Data(RowSource train, RowSource valid, const Config& config);

  const std::vector<batch::Item>& items(train::Split split) const { return sides_[side(split)].items; }
  /// "ids_BT", "mask_BT", "labels_BT" (not shifted), T the longest row's tokens up to its last target. With packing B
  /// is 1, the rows follow each other, and "utterances_BT" numbers them. Counts: targets, codes (targets that are
  /// speech), items.
  batch::Batch collate(train::Split split, std::span<const std::size_t> items) const;

  /// Tokens that the network must know; 0 without a tokenizer.
  std::int64_t vocabulary() const;
  const std::optional<tokenizer::Tokenizer>& tokenizer() const { return tokenizer_; }
  const std::filesystem::path& tokenizer_folder() const { return tokenizer_folder_; }
  const std::optional<tokenizer::SpeechTokens>& speech() const { return speech_; }
  /// What rows.json says, with "train_hash" and "val_hash" of all ids; null without a folder.
  const nlohmann::json& rows() const { return rows_; }
  /// What rows.json says of the codec; null where it says nothing.
  nlohmann::json codec() const;

  /// What a voice of these rows must know to speak as they were made: "speaking" of voice.json (voice/token_voice.h),
  /// with the pace of the training side. Null without a tokenizer.
  nlohmann::json speaking() const;

  /// Shares of the validation side's codes that a bigram of the training side's guesses first, and among ten.
  struct Baseline {
    double top1 = 0, top10 = 0;
  };
  Baseline baseline() const;

 private:
  struct Side {
    RowSource source;
    std::vector<batch::Item> items;
    std::vector<std::int64_t> rows;  ///< by item: which row of the source
    std::int64_t without_end = 0;
  };
  static std::size_t side(train::Split split) { return split == train::Split::train ? 0 : 1; }
  void open_tokenizer(const std::filesystem::path& folder);
  std::string date() const;
  RowSource open_side(const std::filesystem::path& folder, const std::string& split);
  void list(Side& side) const;
  void tell_left_out(const EventSink& events) const;

  const Config& config_;
  std::optional<tokenizer::Tokenizer> tokenizer_;
  std::optional<tokenizer::SpeechTokens> speech_;
  std::filesystem::path tokenizer_folder_;
  nlohmann::json rows_;
  Side sides_[2];
};

/// A batch as the network takes it.
Rows rows_of(const batch::Batch& batch);

}  // namespace timbre::llasa
