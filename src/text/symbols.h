#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The symbol table of ming024/FastSpeech2: pad, specials, punctuation, letters, then ARPAbet, pinyin and silences
/// with an "@" before them: 360 in all. Index = id; the embedding has one row more.
namespace timbre::text {

const std::vector<std::string>& ming024_symbols();

/// Id of a symbol as it stands in the table ("a", "@AA1"), or -1.
std::int64_t ming024_symbol_id(std::string_view symbol);

/// Ids of a text: outside {…} cleaned by the named cleaners ("english_cleaners" …) and taken letter by letter, inside
/// as phones; what the table lacks is dropped without a word, as the reference does.
std::vector<std::int64_t> text_to_sequence(std::string_view text, const std::vector<std::string>& cleaners);

/// Text of ids, neighbouring phones in one {…}; ids outside the table are left out, as the reference does.
std::string sequence_to_text(std::span<const std::int64_t> ids);

}  // namespace timbre::text
