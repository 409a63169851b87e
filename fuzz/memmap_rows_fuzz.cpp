// folders: base config align weights audio text corpus
#include "corpus/memmap_rows.h"

#include <algorithm>

#include "base/error.h"
#include "fuzz/folder_input.h"

/// A memmap of ids with its shape file: rows of the length that was said, all of them in the file, or a refusal.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace timbre;
  const fuzz::FolderInput input(data, size);
  try {
    const auto rows = corpus::MemmapRows::open(input.dir(), "train");
    std::int32_t largest = rows.row(0)[0];
    for (std::int64_t i = 0; i < rows.size(); ++i)
      for (const std::int32_t id : rows.row(i)) largest = std::max(largest, id);
    const corpus::RowFacts facts = rows.facts();
    fuzz::must(facts.largest == largest && rows.row(facts.largest_row)[static_cast<std::size_t>(facts.largest_place)] == largest);
    fuzz::must(rows.row(facts.smallest_row)[static_cast<std::size_t>(facts.smallest_place)] == facts.smallest);
  } catch (const DataError&) {
  }
  return 0;
}
