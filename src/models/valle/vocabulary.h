#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "models/valle/config.h"

/// What the rows of the text tables stand for, and whether they go with a front end: seed 001 lost its first runs to
/// tokens of one line in the tables of the other.
namespace timbre::valle {

/// The first of `names` that is a file in `folder` or above it; "" when none is.
std::filesystem::path found_upwards(std::filesystem::path folder, const std::vector<std::filesystem::path>& names);
/// VALL-E X's tokenizer, by the names it goes by, in `folder` or above it; "" when there is none.
std::filesystem::path found_tokenizer(const std::filesystem::path& folder);
/// These symbols as a file of Hugging Face's tokenizers, as VALL-E X's program reads it.
std::string format_tokenizer(const std::vector<std::string>& symbols);

/// The front end that such symbols of lifeiteng's collater come from: pypinyin's tones are digits, the rest is
/// espeak's.
std::string front_end_of(const std::vector<std::string>& collater_symbols);

/// Throws DataError, naming `where`, when there are more symbols than rows, or symbols of another tokenizer than the
/// front end's.
void check_symbols(const Config& config, const std::string& front_end, const std::vector<std::string>& symbols,
                   const std::string& where);

}  // namespace timbre::valle
