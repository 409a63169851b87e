#include "models/valle/vocabulary.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "text/bpe_symbols.h"
#include "text/k2_symbols.h"

namespace timbre::valle {

namespace fs = std::filesystem;

namespace {

using nlohmann::json;

constexpr const char* kUnknown = "[UNK]";

bool holds(const std::vector<std::string>& symbols, const char* symbol) {
  return std::find(symbols.begin(), symbols.end(), symbol) != symbols.end();
}

/// "ao3", "ni5": letters and a tone.
bool is_pinyin(const std::string& symbol) {
  if (symbol.size() < 2 || symbol.back() < '1' || symbol.back() > '5') return false;
  return std::all_of(symbol.begin(), symbol.end() - 1, [](char c) { return c >= 'a' && c <= 'z'; });
}

}  // namespace

fs::path found_upwards(fs::path folder, const std::vector<fs::path>& names) {
  folder = fs::absolute(folder).lexically_normal();
  for (;;) {
    for (const fs::path& name : names)
      if (!name.empty() && fs::is_regular_file(folder / name)) return folder / name;
    if (!folder.has_relative_path()) return {};
    folder = folder.parent_path();
  }
}

fs::path found_tokenizer(const fs::path& folder) {
  return found_upwards(folder, {"tokenizer.json", "bpe_69.json", "utils/g2p/bpe_69.json"});
}

std::string format_tokenizer(const std::vector<std::string>& symbols) {
  json vocabulary = json::object(), added = json::array();
  for (std::size_t row = 0; row < symbols.size(); ++row) {
    vocabulary[symbols[row]] = row;
    if (symbols[row].size() > 2 && symbols[row].front() == '[' && symbols[row].back() == ']')
      added.push_back({{"id", row},
                       {"content", symbols[row]},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", true}});
  }
  const json file = {{"version", "1.0"},
                     {"truncation", nullptr},
                     {"padding", nullptr},
                     {"added_tokens", added},
                     {"normalizer", nullptr},
                     {"pre_tokenizer", {{"type", "Whitespace"}}},
                     {"post_processor", nullptr},
                     {"decoder", nullptr},
                     {"model",
                      {{"type", "BPE"},
                       {"dropout", nullptr},
                       {"unk_token", kUnknown},
                       {"continuing_subword_prefix", nullptr},
                       {"end_of_word_suffix", nullptr},
                       {"fuse_unk", false},
                       {"vocab", vocabulary},
                       {"merges", json::array()}}}};
  return file.dump(1) + "\n";
}

fs::path find_symbols_file(const Checkpoint& checkpoint, const fs::path& source) {
  const fs::path folder = fs::absolute(source).parent_path();
  if (checkpoint.line() == Line::vallex) return found_tokenizer(folder);
  const weights::Value* told = checkpoint.parameter("text_tokens");
  const fs::path by_checkpoint = told && told->is_text() ? fs::path(told->as_text()) : fs::path();
  // First beside it: from where we stand, data/tokenized may be that of another corpus.
  if (fs::path found = found_upwards(folder, {by_checkpoint.is_absolute() ? fs::path() : by_checkpoint, kSymbolsFile});
      !found.empty())
    return found;
  return !by_checkpoint.empty() && fs::is_regular_file(by_checkpoint) ? by_checkpoint : fs::path();
}

std::vector<std::string> read_symbols(Line line, const fs::path& file) {
  return line == Line::vallex ? text::read_bpe_symbols(file) : text::collater_rows(text::read_k2_symbols(file));
}

std::optional<Line> line_of(const std::vector<std::string>& symbols) {
  if (holds(symbols, kUnknown)) return Line::vallex;
  return holds(symbols, "<pad>") ? std::optional(Line::lifeiteng) : std::nullopt;
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
