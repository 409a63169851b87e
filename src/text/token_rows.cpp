#include "text/token_rows.h"

#include <algorithm>

#include "base/error.h"
#include "base/strings.h"

namespace timbre::text {

TokenPolicy collater_policy() { return {"<pad>", "<bos>", "<eos>", ""}; }

TokenPolicy bpe_policy() { return {"[PAD]", "", "", "[UNK]"}; }

std::string describe(const TokenPolicy& policy) {
  const auto or_else = [](const std::string& symbol, const char* none) { return symbol.empty() ? none : symbol; };
  return fmt::format("pad {}, bos {}, eos {}, unknown: {}", or_else(policy.pad, "none"), or_else(policy.bos, "none"),
                     or_else(policy.eos, "none"), or_else(policy.unknown, "error"));
}

std::string unknown_warning(const std::set<std::string>& unknown, const TokenPolicy& policy) {
  if (unknown.empty()) return "";
  return fmt::format("not among the text symbols, so read as {}: {}", policy.unknown,
                     join({unknown.begin(), unknown.end()}, " "));
}

TokenRows::TokenRows(std::vector<std::string> symbols, TokenPolicy policy, std::string where)
    : symbols_(std::move(symbols)), policy_(std::move(policy)), where_(std::move(where)) {
  for (const std::string& symbol : symbols_) {
    if (!row_of_.emplace(symbol, static_cast<std::int64_t>(row_of_.size())).second)
      throw DataError(fmt::format("{}: the text symbol '{}' is there twice", where_, symbol));
  }
  for (const std::string& symbol : {policy_.pad, policy_.bos, policy_.eos, policy_.unknown}) {
    if (symbol.empty() || row_of_.contains(symbol)) continue;
    throw DataError(
        fmt::format("{}: its text symbols have no '{}', which texts of this kind need ({}): they are another "
                    "tokenizer's",
                    where_, symbol, describe(policy_)),
        "give the symbols that the network was trained with: unique_text_tokens.k2symbols of lifeiteng's VALL-E, the "
        "tokenizer's .json of VALL-E X");
  }
}

std::int64_t TokenRows::row(std::string_view token) const {
  const auto found = row_of_.find(std::string(token));
  return found == row_of_.end() ? -1 : found->second;
}

std::vector<std::int64_t> TokenRows::ids(std::span<const std::string> tokens, std::set<std::string>& unknown) const {
  std::vector<std::int64_t> ids;
  ids.reserve(tokens.size() + 2);
  std::set<std::string> without_row;
  if (!policy_.bos.empty()) ids.push_back(row(policy_.bos));
  for (const std::string& token : tokens) {
    std::int64_t id = row(token);
    if (id < 0) {
      without_row.insert(token);
      id = policy_.unknown.empty() ? 0 : row(policy_.unknown);
    }
    ids.push_back(id);
  }
  if (!policy_.eos.empty()) ids.push_back(row(policy_.eos));
  if (!without_row.empty() && policy_.unknown.empty())
    throw DataError(fmt::format("{} has no row for the text token{} {}", where_, without_row.size() == 1 ? "" : "s",
                                join({without_row.begin(), without_row.end()}, " ")),
                    "read the text with the front end that the symbols were made with, or leave what it cannot say out "
                    "of the text");
  unknown.merge(without_row);
  return ids;
}

TokenBatch TokenRows::batch(std::span<const std::vector<std::string>> texts, std::set<std::string>& unknown) const {
  TokenBatch batch;
  std::size_t longest = 0;
  for (const auto& tokens : texts) {
    auto& row = batch.ids_BS.emplace_back(ids(tokens, unknown));
    batch.lengths_B.push_back(static_cast<std::int64_t>(row.size()));
    longest = std::max(longest, row.size());
  }
  for (auto& row : batch.ids_BS) row.resize(longest, pad());
  return batch;
}

}  // namespace timbre::text
