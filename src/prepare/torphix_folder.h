#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "corpus/corpus.h"
#include "prepare/aligned_clip.h"
#include "weights/tensor.h"

/// The data folders of torphix/fastspeech2-TTS below database/<dataset>/, made as its programs make them and exchanged
/// with our corpora:
///   raw_data/LJSpeech-1.1                      what is downloaded
///   preprocessed_dataset/<speaker>/            prepare: <id>.wav, <id>.lab; aligned: TextGrid/<id>.TextGrid
///   processed_dataset/<speaker>/               create: {duration,pitch,energy,mel}/<id>-<kind>.npy,
///   <speaker>_data.json processed_dataset/all_metadata.json        ranges, means and deviations of pitch and energy
namespace timbre::prepare {

/// Its data.yaml.
struct TorphixSettings {
  audio::MelOptions mel;
  AlignedLevels levels;
  std::vector<std::string> cleaners;
};
/// Throws DataError naming file and key.
TorphixSettings read_torphix_settings(const std::filesystem::path& data_yaml);

/// A line of metadata.csv as prepare leaves it: the .lab is its last column with the line's end, uncleaned.
struct TorphixLab {
  std::string id, lab;
};
std::vector<TorphixLab> torphix_labs(const std::filesystem::path& metadata_csv);
/// wav / max|wav| · 32768 in single precision, cut to 16 bits: a positive peak wraps to -32768, as there.
std::vector<std::int16_t> torphix_samples(std::span<const float> wave_N);
/// prepare_dataset for LJSpeech: `raw`/wavs and metadata.csv → `out` (preprocessed_dataset/1). Returns the number of
/// clips written; what is there already stays. Throws DataError for a missing clip.
std::int64_t prepare_torphix(const std::filesystem::path& raw, const std::filesystem::path& out, std::int64_t rate_hz);

/// One speaker of processed_dataset.
struct TorphixSpeaker {
  std::string name;
  nlohmann::json data = nlohmann::json::array();  ///< {id, phonemes, raw_text, mel, duration, energy, pitch}
  /// "mel/x-mel.npy" → f32 [M, F], "pitch/…" f64, "energy/…" f32, "duration/…" i64.
  std::vector<std::pair<std::string, weights::Tensor>> arrays;
  bool normalised = true;
};
struct TorphixData {
  std::vector<TorphixSpeaker> speakers;
  nlohmann::json metadata;  ///< all_metadata.json
  std::vector<Skipped> skipped;
};

/// create_dataset, in memory, slips included: only the last speaker's pitch and energy are normalised, the range is
/// that speaker's, mean and deviation are of all. Speakers and files by name. Throws DataError when nothing is left.
TorphixData create_torphix(const std::filesystem::path& preprocessed, const TorphixSettings& settings);

/// A prepared corpus as such a folder, every speaker normalised. Needs aligned_phonemes, durations, mel, pitch, energy
/// and statistics. Throws DataError when one is missing.
TorphixData export_torphix(const corpus::Corpus& corpus);

/// Writes processed_dataset. `root` is the path under which the reference will find it; it reads no other. A speaker
/// whose files are normalised gets an all_metadata.json of its own, as the reference leaves one with its last speaker.
void write_torphix_folder(const TorphixData& data, const std::filesystem::path& out, const std::filesystem::path& root);

}  // namespace timbre::prepare
