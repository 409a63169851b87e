#pragma once
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "audio/fbank.h"
#include "audio/mel.h"
#include "audio/pitch.h"
#include "base/error.h"
#include "base/event.h"
#include "config/fields.h"

/// Features of recordings as NumPy files, in the conventions of other programs: for a network that is trained
/// elsewhere.
namespace timbre::prepare {

/// The sound itself, before any feature. Coqui's order: trim, peak, loudness.
struct SoundOptions {
  double trim_db = 0;      ///< cut what is so far below the loudest frame off both ends; 0 = nothing
  double trim_edge_s = 0;  ///< taken off both ends first
  double peak = 0;         ///< scaled so that the largest sample is this; 0 = as it is
  double loudness_db = 0;  ///< then so that the root mean square is this against full scale; 0 = as it is
};

struct FeatureOptions {
  std::string convention = "tacotron";  ///< tacotron, hifigan, coqui, vocos, kaldi
  audio::MelOptions mel;                ///< of the first four
  audio::FbankOptions fbank;            ///< of kaldi
  bool energy = false;                  ///< of the mel's frames; kaldi has a column of its own
  std::string pitch = "none";           ///< none, dio, harvest, pyin
  audio::PitchOptions pitch_range;
  SoundOptions sound;
};
/// The options that a convention has, with its values as defaults. Throws UsageError for an unknown one.
config::Fields fields(FeatureOptions& options, const std::string& convention);

/// A recording and the name of its files.
struct Recording {
  std::string id;
  std::filesystem::path path;
};
/// A file, the audio files of a folder, or the utterances of a corpus. Throws UsageError for two of one name, DataError
/// for nothing.
std::vector<Recording> list_recordings(const std::filesystem::path& source);

struct FeatureReport {
  std::int64_t made = 0, frames = 0;
  std::vector<Skipped> skipped;
};
/// Writes <id>.mel.npy [F,M] (kaldi: <id>.fbank.npy), <id>.energy.npy [F], <id>.pitch.npy [F] and features.json (all
/// settings) into `out`. What fails for one recording is skipped.
FeatureReport write_features(const std::vector<Recording>& recordings, const FeatureOptions& options,
                             const std::filesystem::path& out, const EventSink& events);

}  // namespace timbre::prepare
