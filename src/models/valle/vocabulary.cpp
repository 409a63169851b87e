#include "models/valle/vocabulary.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"
#include "base/json.h"

namespace timbre::valle {
namespace {

using nlohmann::json;

constexpr const char* kUnknown = "[UNK]";
constexpr std::int64_t kMostSymbols = 1 << 20;

bool holds(const std::vector<std::string>& symbols, const char* symbol) {
  return std::find(symbols.begin(), symbols.end(), symbol) != symbols.end();
}

/// "ao3", "ni5": letters and a tone.
bool is_pinyin(const std::string& symbol) {
  if (symbol.size() < 2 || symbol.back() < '1' || symbol.back() > '5') return false;
  return std::all_of(symbol.begin(), symbol.end() - 1, [](char c) { return c >= 'a' && c <= 'z'; });
}

}  // namespace

std::vector<std::string> read_tokenizer(const std::filesystem::path& file) {
  const json root = read_json(file);
  const auto where = file.string();
  const json* vocabulary = nullptr;
  if (root.is_object() && root.contains("model") && root["model"].is_object() && root["model"].contains("vocab"))
    vocabulary = &root["model"]["vocab"];
  if (!vocabulary || !vocabulary->is_object())
    throw DataError(fmt::format("{}: no \"model\": {{\"vocab\": …}} in it, so no tokenizer", where),
                    "VALL-E X's is utils/g2p/bpe_69.json of its repository");
  std::vector<std::optional<std::string>> by_row(vocabulary->size());
  for (const auto& [symbol, row] : vocabulary->items()) {
    if (!row.is_number_integer() || row < 0 || row >= kMostSymbols)
      throw DataError(fmt::format("{}: model.vocab: \"{}\" has the id {}", where, symbol, row.dump()));
    const auto at = row.get<std::size_t>();
    if (at >= by_row.size())
      throw DataError(fmt::format("{}: model.vocab: {} entries, but an id of {}", where, by_row.size(), at));
    if (by_row[at]) throw DataError(fmt::format("{}: model.vocab: the id {} is there twice", where, at));
    by_row[at] = symbol;
  }
  std::vector<std::string> out;
  out.reserve(by_row.size());
  for (auto& symbol : by_row) out.push_back(std::move(*symbol));  // as many ids as places, none twice
  return out;
}

std::string front_end_of(const std::vector<std::string>& symbols) {
  if (std::none_of(symbols.begin(), symbols.end(), is_pinyin)) return "phonemizer:en-us";
  return holds(symbols, "zh") || holds(symbols, "sh") || holds(symbols, "b") ? "pypinyin:initials_finals"
                                                                             : "pypinyin:syllables";
}

void check_symbols(const Config& config, const std::string& front_end, const std::vector<std::string>& symbols,
                   const std::string& where) {
  if (static_cast<std::int64_t>(symbols.size()) > config.text_rows)
    throw DataError(
        fmt::format("{}: {} symbols, but the text tables have {} rows", where, symbols.size(), config.text_rows),
        "these are the symbols of another checkpoint");
  const bool bpe_front_end = front_end.starts_with("vallex:"), bpe_symbols = holds(symbols, kUnknown);
  if (bpe_front_end == bpe_symbols) return;
  if (bpe_front_end)
    throw DataError(fmt::format("{}: the front end {} makes characters of VALL-E X's tokenizer, but the symbols are "
                                "those of lifeiteng's collater",
                                where, front_end),
                    "take the symbols of VALL-E X (tokenizer=bpe_69.json), or another front end");
  throw DataError(fmt::format("{}: the symbols are those of VALL-E X's tokenizer, but the front end {} makes other "
                              "tokens",
                              where, front_end),
                  "the front end of VALL-E X is vallex:en, vallex:zh, vallex:ja or vallex:mix");
}

}  // namespace timbre::valle
