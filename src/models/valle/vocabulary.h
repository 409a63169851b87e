#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "models/valle/config.h"

/// What the rows of the text tables stand for, and whether they go with a front end: seed 001 lost its first runs to
/// tokens of one line in the tables of the other.
namespace timbre::valle {

/// Symbols by row of a Hugging Face tokenizers file with one entry a character (VALL-E X's bpe_69.json). Throws
/// DataError naming the file for anything else, ids that are there twice or leave a gap.
std::vector<std::string> read_tokenizer(const std::filesystem::path& file);

/// The front end that such symbols of lifeiteng's collater come from: pypinyin's tones are digits, the rest is
/// espeak's.
std::string front_end_of(const std::vector<std::string>& collater_symbols);

/// Throws DataError, naming `where`, when there are more symbols than rows, or symbols of another tokenizer than the
/// front end's.
void check_symbols(const Config& config, const std::string& front_end, const std::vector<std::string>& symbols,
                   const std::string& where);

}  // namespace timbre::valle
