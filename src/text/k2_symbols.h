#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

/// `unique_text_tokens.k2symbols` of lifeiteng/vall-e: lines "symbol id", the null symbol `<eps>` with id 0 first. What
/// a network's rows mean is decided by its collater, not by these ids: collater_rows().
namespace timbre::text {

/// The symbol of id 0, which every table has.
inline constexpr std::string_view kNullSymbol = "<eps>";

/// id → symbol.
using K2Symbols = std::map<std::int64_t, std::string>;

/// Fields are separated by white space, empty lines are skipped; `<eps>` joins where no line has id 0. Throws DataError
/// naming file and line for a line of other than two fields, an id that is no number of 0 or more, a symbol or an id
/// that was there before; SystemError when the file cannot be read.
K2Symbols read_k2_symbols(const std::filesystem::path& file);
/// The same of a text; `where` names it in errors.
K2Symbols parse_k2_symbols(std::string_view content, const std::string& where);

/// `<eps>` and the tokens by code point, ids from 1. Throws DataError for an empty token and one with white space in
/// it, which the format cannot hold.
K2Symbols make_k2_symbols(const std::set<std::string>& tokens);
/// The file's text, by id.
std::string format_k2_symbols(const K2Symbols& symbols);

/// The rows of the network's text embedding as TextTokenCollater orders them: `<pad>`, `<bos>`, `<eos>`, then all
/// symbols by code point, `<eps>` among them.
std::vector<std::string> collater_rows(const K2Symbols& symbols);

}  // namespace timbre::text
