#pragma once
#include <cstdint>
#include <filesystem>

#include "corpus/columns.h"
#include "corpus/corpus.h"
#include "prepare/ming024_folder.h"

namespace timbre::prepare {

/// Writes the column alignment as <folder>/<speaker>/<id>.TextGrid, tiers words and phones as MFA has them (silence is
/// sil at the ends and sp inside among phones, "" among words). Words are named by the front end. Returns how many.
/// Throws DataError when there is no such column.
std::int64_t export_textgrids(const corpus::Corpus& corpus, const std::filesystem::path& folder);

}  // namespace timbre::prepare
