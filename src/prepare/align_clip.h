#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "align/hmm.h"

/// One clip and its text, with the aligner and the front end of a prepared corpus.
namespace timbre::prepare {

struct AlignedClip {
  align::Alignment alignment;
  std::vector<std::string> words;     ///< that Alignment::word_of_phone counts, as they were read
  std::vector<std::string> warnings;  ///< of the front end
};

/// `speaker` may be one of the corpus, whose mean sound is then known; any other is taken from the clip itself. A
/// corpus of several languages reads `language`, where "" stands for the speaker's own, or else for its first.
/// Throws DataError where the corpus has no aligner, the clip cannot be read or is too short for its text, and
/// UsageError for a text without anything to say.
AlignedClip align_clip(const std::filesystem::path& corpus, const std::filesystem::path& clip, const std::string& text,
                       const std::string& speaker, const std::string& language = "");

}  // namespace timbre::prepare
