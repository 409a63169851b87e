#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/error.h"
#include "corpus/corpus.h"
#include "prepare/plan.h"

/// Codes that lhotse keeps beside its cuts (exchange/lhotse_codes.h), taken as a column of a corpus instead of being
/// computed anew.
namespace timbre::prepare {

struct LhotseCodes {
  std::int64_t utterances = 0;   ///< that got their codes
  std::vector<Skipped> skipped;  ///< utterances of the corpus without codes, and why
  std::vector<Skipped> broken;   ///< cuts that fit no utterance, or whose codes are not those of the codec
};

/// `wanted` is the column codes.<codec> as prepare makes it; `cuts` a manifest of cuts or a folder of them. An
/// utterance is found by the cut's id, its supervision's or its recording's. Throws DataError when there are no cuts
/// with codes or none fits, UsageError when the column is complete already and `redo` is false.
LhotseCodes take_lhotse_codes(const corpus::Corpus& corpus, const std::filesystem::path& cuts,
                              const ColumnRequest& wanted, bool redo);

}  // namespace timbre::prepare
