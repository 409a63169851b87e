#include "text/k2_symbols.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "text/token_rows.h"

namespace timbre::text {
namespace {

TEST(K2Symbols, WritesTokensByCodePointBehindEpsAndReadsThemBack) {
  const K2Symbols symbols = make_k2_symbols({"ʃ", "!", "uː", "a", "—", "<eps>"});
  EXPECT_EQ(format_k2_symbols(symbols), "<eps> 0\n! 1\na 2\nuː 3\nʃ 4\n— 5\n");
  EXPECT_EQ(parse_k2_symbols(format_k2_symbols(symbols), "t"), symbols);
  EXPECT_EQ(parse_k2_symbols("\n b\t7 \r\n\na 3", "t"), (K2Symbols{{0, "<eps>"}, {3, "a"}, {7, "b"}}));
  EXPECT_EQ(parse_k2_symbols("<blank> 0\na 1\n", "t"), (K2Symbols{{0, "<blank>"}, {1, "a"}}));
}

TEST(K2Symbols, RowsAreTheCollatersAndNotTheFiles) {
  const K2Symbols symbols = parse_k2_symbols("<eps> 0\nz 1\n! 2\n= 3\n", "t");
  EXPECT_EQ(collater_rows(symbols),
            (std::vector<std::string>{"<pad>", "<bos>", "<eos>", "!", "<eps>", "=", "z"}));  // "!" < "<" < "="
}

TEST(K2Symbols, WhatIsNoTableIsSaidWithItsLine) {
  const auto message = [](std::string_view content) {
    try {
      parse_k2_symbols(content, "x.k2symbols");
    } catch (const DataError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_EQ(message("<eps> 0\na b 1\n"), "x.k2symbols:2: 3 fields instead of two");
  EXPECT_EQ(message("<eps> 0\na\n"), "x.k2symbols:2: 1 fields instead of two");
  EXPECT_EQ(message("a one\n"), "x.k2symbols:1: 'one' is no id of a symbol");
  EXPECT_EQ(message("a -1\n"), "x.k2symbols:1: '-1' is no id of a symbol");
  EXPECT_EQ(message("a 1\na 2\n"), "x.k2symbols:2: the symbol 'a' was there before");
  EXPECT_EQ(message("a 1\n\nb 1\n"), "x.k2symbols:3: the id 1 is already that of 'a'");
  EXPECT_EQ(message("<eps> 4\n"), "x.k2symbols: '<eps>' has another id than 0");
  EXPECT_EQ(message("\xff 1\n"), "x.k2symbols: not UTF-8 text");
  EXPECT_THROW(make_k2_symbols({"a b"}), DataError);
  EXPECT_THROW(make_k2_symbols({""}), DataError);
}

TEST(TokenRows, ACollatersTextsStandBetweenMarksAndArePadded) {
  const TokenRows rows({"<pad>", "<bos>", "<eos>", "<eps>", "a", "b"}, collater_policy(), "v");
  std::set<std::string> unknown;
  const std::vector<std::vector<std::string>> texts = {{"a", "b", "a"}, {"b"}, {}};
  const TokenBatch batch = rows.batch(texts, unknown);
  EXPECT_EQ(batch.ids_BS, (std::vector<std::vector<std::int64_t>>{{1, 4, 5, 4, 2}, {1, 5, 2, 0, 0}, {1, 2, 0, 0, 0}}));
  EXPECT_EQ(batch.lengths_B, (std::vector<std::int64_t>{5, 3, 2}));
  try {
    rows.ids(std::vector<std::string>{"a", "tʃ", "x", "tʃ"}, unknown);
    FAIL() << "unknown tokens were taken";
  } catch (const DataError& e) {
    EXPECT_EQ(std::string(e.what()), "v has no row for the text tokens tʃ x");
  }
}

TEST(TokenRows, ABpeTextHasUnknownTokensAndNothingAroundIt) {
  const TokenRows rows({"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "a"}, bpe_policy(), "v");
  std::set<std::string> unknown;
  const std::vector<std::vector<std::string>> texts = {{"a", "↑", "a"}, {"a"}};
  EXPECT_EQ(rows.batch(texts, unknown).ids_BS, (std::vector<std::vector<std::int64_t>>{{5, 0, 5}, {5, 3, 3}}));
  EXPECT_EQ(unknown, std::set<std::string>{"↑"});
}

TEST(TokenRows, SymbolsOfTheOtherLineAreRefused) {
  EXPECT_THROW(TokenRows({"[UNK]", "[PAD]", "a"}, collater_policy(), "v"), DataError);
  EXPECT_THROW(TokenRows({"<pad>", "<bos>", "<eos>", "a"}, bpe_policy(), "v"), DataError);
  EXPECT_THROW(TokenRows({"<pad>", "<bos>", "<eos>", "a", "a"}, collater_policy(), "v"), DataError);
}

}  // namespace
}  // namespace timbre::text
