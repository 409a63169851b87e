#pragma once
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace timbre::tokenizer {

/// Strings one behind the other.
class StringList {
 public:
  void add(std::string_view string) {
    bytes_ += string;
    ends_.push_back(static_cast<std::uint32_t>(bytes_.size()));
  }
  std::size_t size() const { return ends_.size(); }
  std::size_t bytes() const { return bytes_.size(); }
  std::string_view operator[](std::size_t i) const {
    const std::uint32_t begin = i ? ends_[i - 1] : 0;
    return {bytes_.data() + begin, ends_[i] - begin};
  }

 private:
  std::string bytes_;
  std::vector<std::uint32_t> ends_;
};

/// A tokenizer.json as it stands: its long lists apart from the rest, nothing of it checked against each other.
struct TokenizerFile {
  nlohmann::ordered_json rest;  ///< null in the places of added_tokens, model.vocab and model.merges
  StringList tokens;            ///< of model.vocab, in the file's order and spelling
  std::vector<std::int32_t> ids;
  StringList merges;           ///< left, right, left, right …
  bool joined_merges = false;  ///< "left right" in the file, as older ones have it
  std::vector<AddedToken> added;
};

/// Reads a tokenizer.json's text. Throws DataError naming `where` and the field for what is no JSON and for lists of
/// another kind.
TokenizerFile parse_tokenizer_file(std::string_view text, const std::string& where);

}  // namespace timbre::tokenizer
