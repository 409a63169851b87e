#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "align/textgrid.h"  // Interval

/// A forced aligner that needs no model from elsewhere: monophone hidden Markov models with Gaussian mixtures, trained
/// on the very corpus they align, from a flat start (Rabiner 1989; Young et al., The HTK Book, ch. 8).
/// Non-goals: triphones, speaker adaptation beyond mean and variance, recognition. Measured against a learned aligner
/// on the same 24 minutes (docs/aligner.md): 91 % of phone boundaries within 30 ms after 8 CPU s, that one 24 % after
/// 575.
namespace timbre::align {

/// What is said in one clip. Word numbers rise; phones of one word are neighbours.
struct Transcript {
  std::string id;
  std::vector<std::string> phones;
  std::vector<std::int64_t> word_of_phone;  ///< same length as phones
  std::string speaker;
};

/// The clip of a transcript as mono samples at AlignerOptions::rate_hz; called from several threads. May throw.
using AudioSource = std::function<std::vector<float>(std::size_t index)>;

struct AlignerOptions {
  double rate_hz = 16000;
  std::int64_t gaussians = 8;    ///< per state at the end, fewer where a phone is rare
  std::int64_t iterations = 24;  ///< passes over the training clips
  double train_seconds = 5400;   ///< at most so much audio is trained on, evenly chosen; everything is aligned
  double min_pause_s = 0.05;     ///< inner pauses shorter than this are not inserted
  /// Added to every inner boundary. Spectra of centred windows put boundaries about 10 ms later than the aligners whose
  /// TextGrids are in use (Kaldi and Sphinx count a frame from the start of its 25 ms window); measured on
  /// golden/aligner (tests/prepare/aligner_accuracy.py).
  double boundary_shift_s = -0.010;
  std::uint64_t seed = 1;
};

/// Where each phone lies. Intervals follow each other without gap from 0 to the end of the clip.
struct Alignment {
  /// Given phones in order, with "sil" at the ends and "sp" for pauses between words where there are any.
  std::vector<Interval> phones;
  /// Word number of each interval; -1 for sil and sp.
  std::vector<std::int64_t> word_of_phone;
  /// How much worse the text fits than what fits best, nats a frame of speech (calibration.h): 0 = nothing fits better.
  double score = 0;
  /// Probability that the text is what is said, calibrated on the corpus that the aligner was trained on. Comparable
  /// over clips, speakers and corpora.
  double confidence = 0;
};

/// Called with (done, total) clips × passes, from one thread at a time. Returns false to stop (throws Interrupted).
using AlignProgress = std::function<bool(double done, double total)>;

/// Raised when an AlignProgress says stop.
struct Interrupted {};

/// A trained aligner: read-only and safe to share between threads.
class Aligner {
 public:
  /// Trains on `transcripts`. All cores; the result does not depend on their number. Clips whose audio cannot be had
  /// or that are shorter than their phones are left out. Throws DataError when nothing is left.
  static Aligner train(const std::vector<Transcript>& transcripts, const AudioSource& audio,
                       const AlignerOptions& options, const AlignProgress& progress = {});

  /// A speaker that was not in the training is normalised by this clip's own frames, drawn towards all speakers.
  /// Throws DataError when the clip is too short for its phones (15 ms each) or has none.
  Alignment align(const Transcript& transcript, std::span<const float> wave_N) const;

  /// Phones in their classes: stress marks and digits are dropped where a phone is too rare to stand alone.
  const std::map<std::string, std::string>& classes() const;
  const AlignerOptions& options() const;
  /// Mean log likelihood per frame after each training pass.
  const std::vector<double>& log_likelihood() const;

  /// Everything there is to a trained aligner, as named arrays: what loads is the same to the last bit.
  struct Saved {
    std::map<std::string, std::vector<double>> numbers;
    std::map<std::string, std::string> texts;
  };
  Saved save() const;
  /// Throws DataError, naming `where`, when something is missing or does not fit together.
  static Aligner load(const Saved& saved, const std::string& where);

  struct Model;  ///< align/hmm_model.h
  const Model& model() const { return *model_; }

  Aligner(Aligner&&) noexcept;
  Aligner& operator=(Aligner&&) noexcept;
  ~Aligner();

 private:
  explicit Aligner(std::unique_ptr<Model> model);
  std::unique_ptr<Model> model_;
};

}  // namespace timbre::align
