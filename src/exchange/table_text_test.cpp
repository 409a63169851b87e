#include "exchange/table_text.h"

#include <gmock/gmock.h>

#include "base/rng.h"

namespace timbre::exchange {
namespace {

using testing::ElementsAre;
using Cells = std::vector<std::string>;

Cells cells(std::string_view text, char delimiter, Quotes quotes = Quotes::doubled) {
  std::vector<Record> records = parse_table(text, delimiter, quotes);
  return records.size() == 1 ? records[0].cells : Cells{"not one record"};
}

TEST(TableText, CellsQuotesAndLineEnds) {
  EXPECT_THAT(cells("a|b c|", '|'), ElementsAre("a", "b c", ""));
  EXPECT_THAT(cells("\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\n", ','),
              ElementsAre("a,b", "say \"hi\"", "two\nlines"));
  EXPECT_THAT(cells("a.wav,\"Hello,\" he said\n", ','), ElementsAre("a.wav", "\"Hello", "\" he said"));
  EXPECT_THAT(cells("a.wav\t\"Hello,\" he said\r\n", '\t'), ElementsAre("a.wav", "\"Hello,\" he said"));
  EXPECT_THAT(cells("a.wav|\"quoted\"", '|', Quotes::none), ElementsAre("a.wav", "\"quoted\""));
  EXPECT_THAT(cells("a,\"never closed\n", ','), ElementsAre("a", "\"never closed"));
}

TEST(TableText, LinesAreNumberedAsAnEditorDoes) {
  std::vector<Record> records = parse_table("a,b\r\n\r\n\"c\nd\",e\rf,g\n", ',', Quotes::doubled);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].line, 1);
  EXPECT_EQ(records[1].line, 3);
  EXPECT_EQ(records[2].line, 5);
  EXPECT_THAT(records[1].cells, ElementsAre("c\nd", "e"));
}

TEST(TableText, AnOpenQuoteDoesNotSwallowTheTable) {
  std::string text = "a,\"broken\n";
  for (int i = 0; i < 100; ++i) text += "b" + std::to_string(i) + ",text\n";
  text += "c,\"end\"\n";
  EXPECT_EQ(parse_table(text, ',', Quotes::doubled).size(), 102u);
}

TEST(TableText, FormatAndParseAreInverse) {
  const std::string alphabet = "ab ,;|\t\"\n'é\\";
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Philox rng(seed);
    char delimiter = std::string(",;\t|")[rng.below(4)];
    std::vector<Cells> rows;
    std::string text;
    for (auto r = 1 + rng.below(4); r > 0; --r) {
      Cells row;
      for (auto c = 2 + rng.below(3); c > 0; --c) {
        std::string cell;
        for (auto n = rng.below(6); n > 0; --n) cell += alphabet[rng.below(alphabet.size())];
        row.push_back(cell);
      }
      rows.push_back(row);
      text += format_record(row, delimiter, Quotes::doubled) + (rng.below(2) ? "\n" : "\r\n");
    }
    std::vector<Record> read = parse_table(text, delimiter, Quotes::doubled);
    ASSERT_EQ(read.size(), rows.size()) << "seed " << seed << "\n" << text;
    for (std::size_t r = 0; r < rows.size(); ++r) ASSERT_EQ(read[r].cells, rows[r]) << "seed " << seed << "\n" << text;
  }
}

TEST(TableText, NothingIsLostWhateverTheBytes) {
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    Philox rng(seed);
    std::string text;
    for (auto n = rng.below(60); n > 0; --n) text += "ab|\"\n\r"[rng.below(6)];
    std::size_t letters = std::count_if(text.begin(), text.end(), [](char c) { return c == 'a' || c == 'b'; }),
                found = 0;
    for (const Record& record : parse_table(text, '|', Quotes::doubled))
      for (const std::string& cell : record.cells)
        found += std::count_if(cell.begin(), cell.end(), [](char c) { return c == 'a' || c == 'b'; });
    ASSERT_EQ(found, letters) << "seed " << seed;
  }
}

TEST(TableText, DelimiterIsTheOneThatFits) {
  EXPECT_EQ(detect_delimiter("a.wav|Hello, you; there\nb.wav|One, two, three\n"), '|');
  EXPECT_EQ(detect_delimiter("file\ttext\na\tx, y\n"), '\t');
  EXPECT_EQ(detect_delimiter("audio_file,text\na.wav,\"x, y\"\nb.wav,z\n"), ',');
  EXPECT_EQ(detect_delimiter("a.wav;ja, gut\nb.wav;nein\n"), ';');
  EXPECT_EQ(detect_delimiter("no delimiter here\n"), 0);
}

TEST(TableText, Utf16OfSpreadsheets) {
  const char bytes[] =
      "\xFF\xFE"
      "a\0\t\0\xE9\0\x3D\xD8\x00\xDE";
  EXPECT_EQ(from_utf16(std::string(bytes, sizeof bytes - 1)), "a\té😀");
  EXPECT_EQ(from_utf16("plain"), "plain");
}

}  // namespace
}  // namespace timbre::exchange
