#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// Tables as people keep them: CSV, TSV, `a|b`. Lenient where spreadsheets and hand editing differ, never silent.
namespace timbre::exchange {

struct Record {
  std::int64_t line = 0;  ///< where it begins, from 1
  std::vector<std::string> cells;
};

enum class Quotes { none, doubled };

/// Cuts `text` into records. CRLF, CR and LF end lines; blank lines are left out. With Quotes::doubled, "…" may hold
/// the delimiter, line breaks (at most 20) and "" for a quote. A quote that does not open a whole cell is an ordinary
/// character, so `"Hello," he said` stays what it is.
std::vector<Record> parse_table(std::string_view text, char delimiter, Quotes quotes);

/// The inverse for one record, without line end.
std::string format_record(const std::vector<std::string>& cells, char delimiter, Quotes quotes);

/// The one of | tab ; , that cuts the first 200 records most evenly into two or more cells; 0 when none does.
char detect_delimiter(std::string_view text);

/// UTF-16 with a byte-order mark (spreadsheets' "Unicode text") as UTF-8; anything else as it is.
std::string from_utf16(std::string text);

}  // namespace timbre::exchange
