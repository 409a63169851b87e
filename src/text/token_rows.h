#pragma once
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

/// Tokens of a text as rows of a network's text embedding. The lines of VALL-E differ in what stands around a text and
/// in what becomes of tokens without a row; a voice's front end says which of them it follows (FrontEnd::policy).
namespace timbre::text {

/// Symbols with a role of their own; "" = there is none.
struct TokenPolicy {
  std::string pad;      ///< fills up the shorter texts of a batch
  std::string bos;      ///< before every text
  std::string eos;      ///< after every text
  std::string unknown;  ///< stands for a token without a row; "" = such a token is an error
  bool operator==(const TokenPolicy&) const = default;
};

/// lifeiteng/vall-e, `TextTokenCollater`: `<pad>` (row 0), `<bos>` and `<eos>` around every text, no unknown tokens.
TokenPolicy collater_policy();
/// Plachtaa/VALL-E-X, `PhonemeBpeTokenizer`: nothing around a text, `[PAD]` (row 3), `[UNK]` (row 0) for unknown
/// characters.
TokenPolicy bpe_policy();
/// "pad <pad>, bos <bos>, eos <eos>, unknown: error": for people.
std::string describe(const TokenPolicy& policy);

/// "not among the text symbols, so read as [UNK]: ↑ ŏ", for people; "" of nothing.
std::string unknown_warning(const std::set<std::string>& unknown, const TokenPolicy& policy);

/// Texts of a batch. B texts, S rows in the longest.
struct TokenBatch {
  std::vector<std::vector<std::int64_t>> ids_BS;  ///< right-padded
  std::vector<std::int64_t> lengths_B;            ///< bos and eos included
};

class TokenRows {
 public:
  /// `symbols`: index = row; `where` names their source in errors ("voices/anna/voice.json"). Throws DataError for a
  /// symbol that is there twice and for one of the policy's that is missing.
  TokenRows(std::vector<std::string> symbols, TokenPolicy policy, std::string where);

  const std::vector<std::string>& symbols() const { return symbols_; }
  const TokenPolicy& policy() const { return policy_; }
  std::int64_t pad() const { return row_of_.at(policy_.pad); }
  /// -1 when there is none.
  std::int64_t row(std::string_view token) const;
  bool has(std::string_view token) const { return row(token) >= 0; }

  /// bos, the tokens, eos. Tokens without a row become the unknown symbol and are put into `unknown`; where the policy
  /// has none they throw DataError naming them and the symbols' source.
  std::vector<std::int64_t> ids(std::span<const std::string> tokens, std::set<std::string>& unknown) const;
  /// ids() of every text, padded to the longest.
  TokenBatch batch(std::span<const std::vector<std::string>> texts, std::set<std::string>& unknown) const;

 private:
  std::vector<std::string> symbols_;
  TokenPolicy policy_;
  std::string where_;
  std::unordered_map<std::string, std::int64_t> row_of_;
};

}  // namespace timbre::text
