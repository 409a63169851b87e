#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace timbre::exchange {

/// A record of ProsodyLabeling/000001-010000.txt: a line "000001<tab>卡尔普#2陪外孙#1玩滑梯#4。" and a line
/// "<tab>ka2 er2 …" below it.
struct BakerRecord {
  std::int64_t line = 0;  ///< of the first of the two
  std::string id, marked, pinyin;
  std::string text;           ///< `marked` without #1 … #5
  std::string fault, detail;  ///< fault not empty: the record is broken
};

/// All records of a file. A blank line between records is no harm, a missing pinyin line spoils its own record only.
std::vector<BakerRecord> parse_baker(std::string_view text);

}  // namespace timbre::exchange
