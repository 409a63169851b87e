#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/chat.h"
#include "tokenizer/speech_tokens.h"
#include "tokenizer/tokenizer.h"

/// Rows of ids that a Llasa-kind model learns from: how a text and its codes become a row of a memmap
/// (corpus/memmap_rows.h), and how a row becomes input, labels and mask. Layouts: zhenye234/LLaSA_training @ef5c260
/// (data_instruction/get_memmap_from_token.py, TTSDataset of finetune_offline.py) and
/// JiachuanDENG/llasa-with-speed-control @297c9d9 (get_memmap_speedV2.py, TTSDataset of finetune_offline_speed.py).
///
/// Here and not in models/llasa, since data is prepared and golden sets are judged without a network.
namespace timbre::tokenizer {

/// What the labels of tokens that nothing is learned from are.
inline constexpr std::int32_t kIgnoredLabel = -100;

/// Makes rows. The tokenizer outlives it.
class SpeechRows {
 public:
  /// Throws DataError for a tokenizer without speech tokens or without an end-of-turn token, which pads rows.
  explicit SpeechRows(const Tokenizer& tokenizer);

  /// Ids of TUS text TUE.
  std::vector<std::int32_t> text_ids(std::string_view text) const;
  /// TUS text TUE SGS codes SGE, as long as it is. Throws DataError naming `where` for a code that has no token.
  std::vector<std::int32_t> plain(std::string_view text, std::span<const std::int32_t> codes,
                                  const std::string& where) const;
  /// TUS first <|SLOW|> second TUE SGS codes of the first, codes of the second SGE: the token stands between the texts,
  /// which are encoded apart, and nothing between the codes.
  std::vector<std::int32_t> paired(std::string_view first, Speed speed, std::string_view second,
                                   std::span<const std::int32_t> first_codes,
                                   std::span<const std::int32_t> second_codes, const std::string& where) const;
  /// Cut or filled with the pad to `length`, as the memmap has it.
  std::vector<std::int32_t> fitted(std::vector<std::int32_t> row, std::int64_t length) const;
  /// The mark or speech token that a text would smuggle into a row; nothing where it holds none.
  std::optional<std::string> mark_in(std::string_view text) const;

  std::int32_t pad() const { return pad_; }
  const SpeechTokens& tokens() const { return tokens_; }

 private:
  const Tokenizer& tokenizer_;
  SpeechTokens tokens_;
  std::int32_t pad_ = 0;
};

/// One row as the network gets it, L ids each.
struct TrainingRow {
  std::vector<std::int32_t> input_ids;
  std::vector<std::int32_t> labels;          ///< not yet shifted; kIgnoredLabel outside SGS … SGE
  std::vector<std::int32_t> attention_mask;  ///< 0 at every end-of-turn token, the prompt's own among them
  std::int64_t supervised = 0;               ///< labels that are not ignored
  bool has_end = false;                      ///< SGE is still inside: the row teaches when to stop
};

/// What becomes of a row without SGE.
enum class MissingEnd {
  refuse,  ///< DataError: such a row teaches never to stop (the speed trainer stops with an exception)
  allow    ///< all from SGS to the row's last id counts as speech (the base trainer)
};

/// Wraps the chat template around rows, as the reference's TTSDataset does when it reads them.
class RowExpander {
 public:
  /// `date` stands in the template's system block; `length` is L. Throws as SpeechRows.
  RowExpander(const Tokenizer& tokenizer, std::string_view date = kTemplateDate, std::int64_t length = 2048);

  /// `row` as in a memmap, padded or not; `where` names it. What does not fit into L is cut off, SGE first. Throws
  /// DataError for a row without SGS, with several SGS or SGE, or with SGE before SGS.
  TrainingRow expand(std::span<const std::int32_t> row, const std::string& where,
                     MissingEnd missing_end = MissingEnd::refuse) const;

  /// What a network goes on from: `row` is TUS text TUE SGS and the codes there are already, without an end. Throws
  /// DataError for a row without SGS.
  std::vector<std::int32_t> prompt(std::span<const std::int32_t> row) const;

  /// Ids that the template adds to a row: 42 with Llama 3's tokenizer.
  std::int64_t overhead() const { return static_cast<std::int64_t>(head_.size() + middle_.size() + tail_.size()); }
  /// The longest row that stays whole.
  std::int64_t longest_row() const { return length_ - overhead(); }
  std::int64_t length() const { return length_; }
  /// The token that fills rows and ends turns, which nothing sees.
  std::int32_t pad() const { return pad_; }

 private:
  SpeechTokens tokens_;
  std::vector<std::int32_t> head_, middle_, tail_;  ///< before the text, between text and speech, after it
  std::int32_t pad_ = 0;
  std::int64_t length_ = 0;
};

}  // namespace timbre::tokenizer
