#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace timbre::text {

/// One utterance of ming024's prepare_align: raw_data/<dataset>/<speaker>/<id>.lab holds `lab`.
struct LabText {
  std::string speaker, id;
  std::string lab;              ///< the bytes of the .lab file
  std::filesystem::path audio;  ///< the clip in the corpus
};

/// Texts as prepare_align.py writes them. `dataset`: "LJSpeech" (third column of metadata.csv through
/// english_cleaners), "LibriTTS" (first line of *.normalized.txt through english_cleaners), "AISHELL3" (every second
/// token of content.txt). Utterances whose wav is missing are left out, as the reference does for LJSpeech and
/// AISHELL3. Sorted by path where the reference takes the folder's order. Throws UsageError for another dataset,
/// DataError for a broken line. `cleaners` is text_cleaners of preprocess.yaml; AISHELL3 uses none.
std::vector<LabText> prepare_align_texts(const std::string& dataset, const std::filesystem::path& corpus,
                                         const std::vector<std::string>& cleaners = {"english_cleaners"});

}  // namespace timbre::text
