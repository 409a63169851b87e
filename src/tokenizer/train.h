#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "tokenizer/tokenizer.h"

namespace timbre::tokenizer {

/// Makes a tokenizer of Llama 3's kind from texts, for a model that starts from nothing: the 256 bytes, then the pair
/// of neighbours that occurs most often, again and again; of equal ones that of the smaller ids. The same texts give
/// the vocabulary and the merges of `tokenizers`' BpeTrainer.
class Trainer {
 public:
  /// Counts the stretches of a text. Throws DataError for what is no UTF-8.
  void add(std::string_view text);
  /// `vocabulary_size` tokens with the bytes (fewer where the texts hold no more pairs), then Llama 3.2's 256 special
  /// tokens; bos <|begin_of_text|>, eos <|eot_id|>, and a chat template that writes what Llama's does. Throws
  /// UsageError for a size below 256 and for no texts.
  Tokenizer make(std::int32_t vocabulary_size) const;

 private:
  std::map<std::string, std::int64_t, std::less<>> counts_;
};

}  // namespace timbre::tokenizer
