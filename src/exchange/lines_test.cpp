#include "exchange/lines.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/files.h"
#include "corpus/clips.h"

namespace timbre::exchange {
namespace {

using testing::ElementsAre;
using testing_support::TempFolder;
using testing_support::write_bytes;

std::vector<std::string> all_lines(const fs::path& path) {
  LineReader reader(path);
  std::vector<std::string> lines;
  for (std::string line; reader.next(line);) {
    lines.push_back(line);
    EXPECT_EQ(reader.number(), std::int64_t(lines.size()));
  }
  return lines;
}

TEST(Lines, PackedAndPlainAreReadAlike) {
  TempFolder dir;
  const std::string wide(700'000, 'x');  // wider than a block
  for (const char* name : {"a.jsonl", "a.jsonl.gz"}) {
    LineWriter writer(dir / name);
    for (const std::string& line : {std::string("one"), std::string(), wide, std::string("três")}) writer.write(line);
    writer.close();
    EXPECT_THAT(all_lines(dir / name), ElementsAre("one", "", wide, "três"));
  }
  EXPECT_EQ(read_file(dir / "a.jsonl").substr(0, 5), "one\n\n");
  EXPECT_EQ(read_file(dir / "a.jsonl.gz").substr(0, 2), "\x1f\x8b");
  EXPECT_LT(fs::file_size(dir / "a.jsonl.gz"), 5000u);
}

TEST(Lines, ByteOrderMarkCarriageReturnsAndNoLastBreak) {
  TempFolder dir;
  write_bytes(dir / "a", "\xEF\xBB\xBFone\r\ntwo\r\nthree");
  EXPECT_THAT(all_lines(dir / "a"), ElementsAre("one", "two", "three"));
  write_bytes(dir / "b", "");
  EXPECT_THAT(all_lines(dir / "b"), ElementsAre());
}

TEST(Lines, DamageIsAnErrorAndNotAnEnd) {
  TempFolder dir;
  LineWriter writer(dir / "a.gz");
  for (int i = 0; i < 100'000; ++i) writer.write(std::to_string(i * 7919));
  writer.close();
  const std::string bytes = read_file(dir / "a.gz");
  write_bytes(dir / "cut.gz", bytes.substr(0, bytes.size() / 2));
  EXPECT_THROW(all_lines(dir / "cut.gz"), DataError);
  std::string flipped = bytes;
  flipped[bytes.size() / 2] ^= 0x40;
  write_bytes(dir / "flipped.gz", flipped);
  EXPECT_THROW(all_lines(dir / "flipped.gz"), DataError);
  EXPECT_THROW(all_lines(dir / "absent.gz"), SystemError);
}

}  // namespace
}  // namespace timbre::exchange
