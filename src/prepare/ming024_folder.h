#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "corpus/columns.h"
#include "corpus/corpus.h"
#include "weights/tensor.h"

/// The data folder of ming024/FastSpeech2, made from recordings as its preprocess.py makes it, and exchanged with our
/// corpora:  {mel,pitch,energy,duration}/<speaker>-<kind>-<id>.npy, speakers.json, stats.json, train.txt, val.txt.
namespace timbre::prepare {

struct Ming024Source {
  std::filesystem::path config;     ///< preprocess.yaml: rate, STFT, mel, feature levels, normalisation, val_size
  std::filesystem::path raw;        ///< <speaker>/<id>.wav and .lab
  std::filesystem::path textgrids;  ///< <speaker>/<id>.TextGrid
};

/// All that preprocess.py would write, in memory.
struct Ming024Data {
  std::vector<std::string> lines_in_order;  ///< "id|speaker|{PH ON}|text", speakers and files sorted by name
  nlohmann::json stats;                     ///< {"pitch": [min, max, mean, deviation], "energy": […]}
  nlohmann::json speakers;                  ///< {name: number}
  /// "mel/S1-mel-x.npy" → f32 [F,M], "pitch/…" f64, "energy/…" f32, "duration/…" i64; normalised when the config says
  /// so.
  std::vector<std::pair<std::string, weights::Tensor>> arrays;
  std::vector<Skipped> skipped;
  std::int64_t val_size = 0;
};

/// Throws DataError for an unreadable config or when no utterance is left. The reference's slips are kept: averages in
/// place, and a wav without TextGrid lets the clip before it enter the statistics once more.
Ming024Data prepare_ming024(const Ming024Source& source);

/// Writes the folder; the first val_size lines of a shuffle by `seed` go to val.txt (the reference's own shuffle is
/// unseeded). Throws UsageError when `out` exists and is not empty.
void write_ming024_folder(const Ming024Data& data, const std::filesystem::path& out, std::uint64_t seed);

/// A prepared corpus as such a folder. Needs aligned_phonemes, durations, mel, pitch, energy and statistics.
/// Throws DataError when one is missing.
Ming024Data export_ming024(const corpus::Corpus& corpus);

}  // namespace timbre::prepare
