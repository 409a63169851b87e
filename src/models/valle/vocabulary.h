#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "models/valle/checkpoint.h"

/// What the rows of the text tables stand for, and whether they go with a front end: seed 001 lost its first runs to
/// tokens of one line in the tables of the other.
namespace timbre::valle {

/// The first of `names` that is a file in `folder` or above it; "" when none is.
std::filesystem::path found_upwards(std::filesystem::path folder, const std::vector<std::filesystem::path>& names);
/// VALL-E X's tokenizer, by the names it goes by, in `folder` or above it; "" when there is none.
std::filesystem::path found_tokenizer(const std::filesystem::path& folder);
/// These symbols as a file of Hugging Face's tokenizers, as VALL-E X's program reads it.
std::string format_tokenizer(const std::vector<std::string>& symbols);
/// In a voice and beside a checkpoint.
inline constexpr const char* kSymbolsFile = "unique_text_tokens.k2symbols";
inline constexpr const char* kTokenizerFile = "tokenizer.json";

/// The file that says what the rows of a checkpoint's text tables stand for, looked for beside `source` and in the
/// folders above it, then where the checkpoint says it was: tokenizer.json or bpe_69.json of VALL-E X, else the
/// k2symbols file that its run read. "" when there is none.
std::filesystem::path find_symbols_file(const Checkpoint& checkpoint, const std::filesystem::path& source);
/// Symbols by row. Throws DataError naming the file.
std::vector<std::string> read_symbols(Line line, const std::filesystem::path& file);
/// The line that such symbols are of: [UNK] is one of VALL-E X's, <pad> of lifeiteng's; else nothing.
std::optional<Line> line_of(const std::vector<std::string>& symbols);

/// The front end that such symbols of lifeiteng's collater come from: pypinyin's tones are digits, the rest is
/// espeak's.
std::string front_end_of(const std::vector<std::string>& collater_symbols);

/// Throws DataError, naming `where`, when there are more symbols than rows, or symbols of another tokenizer than the
/// front end's.
void check_symbols(const Config& config, const std::string& front_end, const std::vector<std::string>& symbols,
                   const std::string& where);

}  // namespace timbre::valle
