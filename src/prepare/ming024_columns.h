#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "corpus/corpus.h"
#include "prepare/plan.h"

/// The way back from a ready data folder of ming024/FastSpeech2 (ming024_folder.h) or torphix/fastspeech2-TTS
/// (torphix_folder.h) into the columns of a corpus, so that training goes on from there.
namespace timbre::prepare {

/// A line "id|speaker|{PH ON ES}|text" of train.txt or val.txt. The text may hold further bars.
struct Ming024Line {
  std::string id, speaker, text;
  std::vector<std::string> phones;
  std::string fault;  ///< not empty: the line is broken
};
Ming024Line parse_ming024_line(std::string_view line);

struct Ming024Import {
  std::int64_t utterances = 0;         ///< that got their columns
  std::vector<std::string> valid_ids;  ///< utterances of val.txt, in its order
  std::vector<Skipped> skipped;        ///< utterances of the corpus without values, and why
  std::vector<Skipped> broken;         ///< lines and clips of the folder that fit no utterance ("train.txt, line 3")
};

/// Writes aligned_phonemes, durations, mel, pitch, energy and statistics of `corpus` from `folder`, under the keys that
/// `wanted` asks for; pitch and energy get their units back from stats.json. An utterance is found by its id, alone or
/// behind its speaker's name ("LJSpeech_LJ001-0001"), and must be of the same speaker where both name one. What does
/// not fit the settings (mel bins, feature level, more frames than the recording is long) is skipped with its reason.
/// Throws DataError when the folder lacks a file, or when nothing fits; UsageError when `wanted` has none of these
/// columns, or is complete already and `redo` is false.
Ming024Import import_ming024(const corpus::Corpus& corpus, const std::filesystem::path& folder,
                             const std::vector<ColumnRequest>& wanted, bool redo);

/// The same from processed_dataset of torphix: its <speaker>/<speaker>_data.json and all_metadata.json. Its
/// create_dataset normalises the last speaker alone, whose folder then holds an all_metadata.json too; the others'
/// values are taken as they are. The files' "root" is not looked at.
Ming024Import import_torphix(const corpus::Corpus& corpus, const std::filesystem::path& folder,
                             const std::vector<ColumnRequest>& wanted, bool redo);

}  // namespace timbre::prepare
