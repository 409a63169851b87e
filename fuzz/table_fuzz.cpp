// folders: base config audio text align weights corpus fetch exchange
#include "exchange/table_text.h"
#include "fuzz/folder_input.h"

/// Tables: the first byte is the delimiter (with 'q' and the like: quoted cells), then the text, UTF-8 or UTF-16.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  if (size == 0) return 0;
  const auto quotes = data[0] & 1 ? exchange::Quotes::doubled : exchange::Quotes::none;
  constexpr char kDelimiters[] = {'|', '\t', ';', ','};
  const char delimiter = kDelimiters[data[0] >> 1 & 3];
  const std::string text = exchange::from_utf16({reinterpret_cast<const char*>(data) + 1, size - 1});
  (void)exchange::detect_delimiter(text);
  std::int64_t last = 0;
  for (const exchange::Record& record : exchange::parse_table(text, delimiter, quotes)) {
    fuzz::must(record.line > last && !record.cells.empty());
    last = record.line;
    if (quotes == exchange::Quotes::none) continue;
    const auto again =
        exchange::parse_table(exchange::format_record(record.cells, delimiter, quotes), delimiter, quotes);
    fuzz::must(again.size() == 1 && again[0].cells == record.cells);
  }
  return 0;
}
