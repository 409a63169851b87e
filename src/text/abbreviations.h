#pragma once
#include <string_view>

namespace timbre::text {

/// True when the full stop after `word` (lower case, without that stop) belongs to the word in this language, so that a
/// capital behind it does not begin a sentence: "mr", "dr", "p.ej", "т.е". Single letters count as initials.
bool is_abbreviation(std::string_view word, std::string_view language);

/// True for titles that stand before a name ("mr", "dr", "sra"): never the end of a sentence.
bool is_title(std::string_view word, std::string_view language);

}  // namespace timbre::text
