#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "align/calibration.h"
#include "align/hmm.h"
#include "align/mfcc.h"
#include "align/mixture.h"
#include "align/trellis.h"

/// The inside of align::Aligner, shared by its trainer and its aligning half.
namespace timbre::align {

inline constexpr std::int64_t kStates = 3;   ///< emitting states of a phone, left to right, none left out
inline constexpr std::int64_t kSilence = 0;  ///< class of silences and pauses

/// Mean and deviation of each feature of one speaker.
struct Normalisation {
  std::vector<double> mean_D, deviation_D;
};

struct Aligner::Model {
  AlignerOptions options;
  MfccOptions mfcc;
  std::map<std::string, std::string> classes;
  std::map<std::string, std::int64_t> class_number;  ///< from 1
  std::vector<std::vector<Gaussian>> states;         ///< class · kStates + k
  MixtureTable table;
  std::vector<double> mean_duration_s;  ///< of each state
  double pause_probability = 0.3;       ///< that a word boundary is a pause
  std::map<std::string, Normalisation> speakers;
  Normalisation everyone;
  Calibration calibration;
  std::vector<double> log_likelihood;

  std::int64_t state_count() const { return (static_cast<std::int64_t>(class_number.size()) + 1) * kStates; }
  std::int64_t class_of(const std::string& phone, const std::string& id) const;
  FrameBlocks normalised(const Features& features, const std::string& speaker) const;
};

/// A transcript as a chain of places, and what each place stands for.
struct Trellis {
  Chain chain;                        ///< columns are state numbers here
  std::vector<std::int32_t> phone_J;  ///< index of the phone, −1 at the start, −2 − i: pause before phone i, P: end
};

/// ln probability that a state lasts one more frame.
double stay_probability(const Aligner::Model& model, std::size_t state, double hop_s);

/// Pauses are possible wherever the word changes, but not before the phones listed in `closed`.
Trellis make_trellis(const Aligner::Model& model, const Transcript& transcript, double hop_s,
                     const std::vector<bool>& closed = {});

/// The fit score of a path (calibration.h) through a trellis of `phones` phones. score_FS has all states, at `hop_s`.
double fit_score(const Aligner::Model& model, const Trellis& trellis, const std::vector<std::int32_t>& path,
                 double path_score, std::span<const float> score_FS, std::int64_t phones, double hop_s);

/// Replaces state numbers by columns; returns the states in the order of the columns.
std::vector<std::int32_t> compact_columns(Chain& chain);

/// A phone without stress (digits at the end, ˈ ˌ), then without length; "" when nothing is left to drop.
std::string plainer_phone(const std::string& phone);

}  // namespace timbre::align
