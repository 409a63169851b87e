// folders: base align
#include "align/textgrid.h"
#include "fuzz/folder_input.h"

/// Long and short text forms, UTF-8 and UTF-16. What was accepted is written and read again: the same tiers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  fuzz::guarded([&] {
    const align::TextGrid grid = align::parse_textgrid({reinterpret_cast<const char*>(data), size}, "fuzz");
    for (const auto& tier : grid.tiers)
      for (const auto& x : tier.intervals) fuzz::must(x.start_s <= x.end_s);
    const align::TextGrid again = align::parse_textgrid(align::format_textgrid(grid), "written");
    fuzz::must(again.tiers.size() == grid.tiers.size());
    for (std::size_t i = 0; i < grid.tiers.size(); ++i) {
      fuzz::must(again.tiers[i].name == grid.tiers[i].name);
      fuzz::must(again.tiers[i].points.size() == grid.tiers[i].points.size());
      fuzz::must(again.tiers[i].intervals.size() >= grid.tiers[i].intervals.size());
    }
    (void)grid.find("words");
  });
  return 0;
}
