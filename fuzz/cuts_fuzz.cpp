// folders: base config audio text align weights corpus fetch exchange
#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "base/strings.h"
#include "exchange/cut_stats.h"
#include "fuzz/folder_input.h"

/// Lines of a lhotse cuts manifest: each is counted or refused, and what is counted can be printed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  using exchange::lhotse::CutStats;
  CutStats stats;
  std::int64_t counted = 0;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> lines = split(text, '\n');
  for (const std::string& line : lines) {
    try {
      stats.add(parse_json<CutStats::Json>(line, "input"));
      ++counted;
    } catch (const DataError&) {
    } catch (const CutStats::Json::exception&) {
    }
  }
  fuzz::must(stats.cuts() == counted);
  if (counted > 0) fuzz::must(stats.text().starts_with("Cut statistics:") && stats.json().contains("speech_s"));
  return 0;
}
