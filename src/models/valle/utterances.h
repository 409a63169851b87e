#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "weights/tensor.h"

namespace timbre::corpus {
class Corpus;
}

/// What VALL-E is trained on, wherever it lies: columns of a corpus, or lifeiteng's data/tokenized.
namespace timbre::valle {

namespace fs = std::filesystem;

struct UtteranceOptions {
  double min_duration_s = 0;    ///< --filter-min-duration: shorter ones are left out, the bound itself stays
  double max_duration_s = 20;   ///< --filter-max-duration: the same for longer ones
  std::int64_t min_frames = 1;  ///< what has fewer cannot be divided as the network wants it: quarantined
  std::int64_t codebooks = 8;   ///< the first so many columns of the stored codes
  std::int64_t codebook_size = 1024;
  std::int64_t mel_bins = 0;  ///< > 0: the clips are mels of so many bins instead of codes
  /// Reads all codes once at opening, on all threads, so that what no codebook holds is found before training and not
  /// in the middle of it (about 1 s for 100 hours).
  bool check_codes = true;
};

/// One clip with its text.
struct Utterance {
  std::string id, text, speaker, language;
  std::vector<std::string> tokens;  ///< phonemes as the front end wrote them; a voice's symbols make ids of them
  double duration_s = 0;
  std::int64_t frames = 0;  ///< rows of its codes
};

/// Safe to read from several threads.
class Utterances {
 public:
  /// From a corpus: `codes` ("codes.encodec") and `tokens` ("phonemes") are columns, made before (prepare);
  /// `wanted` are places in corpus.utterances(), most often one side of a split. Utterances that lack a column are
  /// quarantined. Throws DataError as corpus::Column::open, and when nothing is left.
  static Utterances of_corpus(const corpus::Corpus& corpus, const std::string& codes, const std::string& tokens,
                              std::span<const std::size_t> wanted, const UtteranceOptions& options);
  /// From a manifest of cuts (data/tokenized/cuts_train.jsonl.gz) with its HDF5 or .npy files. Throws DataError for a
  /// damaged file, and when nothing is left, naming the first reasons.
  static Utterances of_cuts(const fs::path& manifest, const UtteranceOptions& options);

  Utterances(Utterances&&) noexcept;
  Utterances& operator=(Utterances&&) noexcept;
  ~Utterances();

  const std::vector<Utterance>& all() const;
  std::size_t size() const { return all().size(); }
  std::vector<double> durations_s() const;
  /// Codes of all()[place]: i64, frames × options.codebooks. Throws DataError naming the utterance when they are
  /// outside the codebook or their file changed.
  weights::Tensor codes_FQ(std::size_t place) const;
  /// The same with options.mel_bins: f32, frames × bins.
  weights::Tensor mel_FM(std::size_t place) const;

  /// What was refused, with the reason: to be counted and told before training.
  const std::vector<Skipped>& quarantined() const;
  /// How many the duration filter left out.
  std::int64_t too_short() const;
  std::int64_t too_long() const;

 private:
  struct State;
  explicit Utterances(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// "12 of 9500 utterances are quarantined: code 1024 at frame 3 …: 000012-11; …" in a few lines, or "" without any:
/// equal reasons (but for their numbers) are counted together.
std::string quarantine_text(std::span<const Skipped> quarantined, std::size_t utterances);

}  // namespace timbre::valle
