#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "align/hmm.h"
#include "prepare/plan.h"
#include "prepare/stage.h"

/// A trained aligner as the column "aligner": its arrays under their names instead of utterance ids, so that it is
/// trained once, found again by what it was made from, and taken to other corpora.
namespace timbre::prepare {

/// The rows of the column.
std::map<std::string, Row> rows_of_aligner(const align::Aligner& aligner);

/// What the column says where no aligner is needed, since every utterance has a TextGrid.
std::map<std::string, Row> rows_without_aligner();

/// From the needed column "aligner"; null where none was needed. Throws DataError for a damaged one.
std::shared_ptr<const align::Aligner> read_aligner(const StageJob& job);
/// From a prepared corpus. Throws DataError where it has none.
std::shared_ptr<const align::Aligner> read_aligner(const std::filesystem::path& corpus);

/// The spoken phones of an utterance: silences are the aligner's to find. No phones where a column lacks them.
align::Transcript transcript_of(const StageJob& job, const corpus::Utterance& utterance);

/// True when the importer kept a TextGrid.
bool has_textgrid(const corpus::Utterance& utterance);

/// Makes the aligner of another prepared corpus that of `corpus`, in place of training one. With `redo`, what was made
/// with another aligner is removed first. Throws UsageError when `wanted` needs no aligner, or when there is another
/// one and `redo` is false.
void take_aligner(const corpus::Corpus& corpus, const std::filesystem::path& from,
                  const std::vector<ColumnRequest>& wanted, bool redo);

}  // namespace timbre::prepare
