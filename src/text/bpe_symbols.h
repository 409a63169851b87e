#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace timbre::text {

/// The vocabulary of a HF-tokenizers file as VALL-E X uses it (bpe_69.json): a BPE without merges, so that every
/// character of a text is a token. Index = id; [UNK] and the other special tokens are among them. Throws DataError
/// naming file and field for a tokenizer of another kind: other models, merges (the network has one language code a
/// character, so that merged characters have none), normalisers, prefixes of words, byte fallback, ids that are not 0
/// to N-1, an unknown token that is not in the vocabulary; SystemError when the file cannot be read.
std::vector<std::string> read_bpe_symbols(const std::filesystem::path& file);
/// The same of a text; `where` names it in errors.
std::vector<std::string> parse_bpe_symbols(std::string_view content, const std::string& where);

}  // namespace timbre::text
