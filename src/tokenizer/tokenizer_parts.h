#pragma once
#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/bpe.h"
#include "tokenizer/split.h"
#include "tokenizer/string_ids.h"
#include "tokenizer/token_trie.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/tokenizer_file.h"

namespace timbre::tokenizer {

/// What post_processor says.
struct Around {
  std::vector<std::string> before, behind;  ///< tokens around a text, when they are asked for
  bool trims = false;                       ///< places leave out blanks at a token's edges
  bool keeps_first_blank = false;           ///< but a single one at the beginning stays
};

/// The checks of a tokenizer.json's smaller fields; each throws DataError naming `where` and the field.
SplitPattern split_pattern_of(const nlohmann::ordered_json& file, const std::string& where);
Around around_of(const nlohmann::ordered_json& file, const std::string& where);
void check_model_options(const nlohmann::ordered_json& file, const std::string& where);
/// Vocabulary and merges as bytes. `odd` gets the tokens that no bytes spell: no text gives them, only decoding.
Bpe make_bpe(const TokenizerFile& file, const std::string& where,
             std::vector<std::pair<std::string, std::int32_t>>& odd);

struct Tokenizer::Parts {
  Parts(std::string where_, Bpe bpe_) : where(std::move(where_)), bpe(std::move(bpe_)) {}

  std::string where;
  Bpe bpe;
  SplitPattern pattern;
  Around around;
  std::vector<std::int32_t> before, behind;  // ids of `around`

  static constexpr std::int32_t kNone = -1;
  struct Origin {
    std::int32_t entry = kNone;  // of the vocabulary; -2 - n: odd[n]
    std::int32_t added = kNone;  // of `added`
  };
  std::vector<Origin> origins;  // by id
  std::vector<std::pair<std::string, std::int32_t>> odd;
  std::vector<AddedToken> added;         // by id
  std::vector<std::string> added_texts;  // what they are decoded to
  StringIds added_ids;
  TokenTrie first_trie, second_trie;  // of the tokens that are not normalized, and of those that are; values: ids

  nlohmann::ordered_json rest;  // tokenizer.json without its lists
  bool joined_merges = false;
  nlohmann::ordered_json config, special;  // tokenizer_config.json without its tokens, special_tokens_map.json; or null
  std::string config_text;                 // tokenizer_config.json as it stands
  std::string chat_template;
  bool has_template_file = false;
  std::optional<std::int32_t> bos, eos, pad;

  /// Takes a token in under an id; the list of added tokens stays sorted.
  void put_added(AddedToken token);
  std::int32_t next_added_id() const;
  std::int32_t find(std::string_view spelling) const;
  bool has(std::int32_t id) const {
    return id >= 0 && static_cast<std::size_t>(id) < origins.size() &&
           (origins[id].entry != kNone || origins[id].added != kNone);
  }
  /// What an id is decoded to.
  std::string_view bytes_of_id(std::int32_t id) const;
  void find_marks();
};

}  // namespace timbre::tokenizer
