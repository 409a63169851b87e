#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "weights/tensor.h"

/// Cuts as lifeiteng's recipes leave them in data/tokenized: cuts_train.jsonl.gz with phonemes in
/// supervisions[0].custom.tokens.text and codes in HDF5 (or .npy) files. Facts: lifeiteng/vall-e @9c69096,
/// `valle/data/dataset.py`; lhotse 1.33.
namespace timbre::prepare {

/// A cut that can be trained on: one supervision, tokens, stored codes.
struct TokenizedCut {
  std::string id, recording_id, text, speaker;
  std::string language;  ///< as a code: lhotse's recipes write "Chinese"; "" where there is none or it is unknown
  std::vector<std::string> tokens;
  double duration_s = 0;
  std::int64_t frames = 0;     ///< rows of the stored codes that are this cut's
  std::int64_t codebooks = 0;  ///< columns
};

/// A manifest of cuts, read whole; codes stay in their files. Safe to read from several threads.
class TokenizedCuts {
 public:
  /// What cannot be trained on is quarantined, with the reason: no JSON, no id or duration, no supervision or more than
  /// one, no tokens, no features, features that are no codes, fewer rows than `features.num_frames` says, a dataset
  /// that is not in its file, an id that came before. Throws DataError for a damaged or absent manifest or code file
  /// (named), SystemError when it cannot be read.
  explicit TokenizedCuts(const std::filesystem::path& manifest);
  ~TokenizedCuts();
  TokenizedCuts(TokenizedCuts&&) noexcept;

  const std::vector<TokenizedCut>& all() const;
  const std::vector<Skipped>& quarantined() const;
  /// [frames, codebooks] as stored. Throws DataError naming cut and file.
  weights::Tensor codes_FQ(std::size_t cut) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The first difference to what codes of `codebooks` books of `codebook_size` entries are, or "": too few columns,
/// numbers that are not whole, a code outside its book (frame and book named).
std::string code_fault(const weights::Tensor& codes_FQ, std::int64_t codebooks, std::int64_t codebook_size);

}  // namespace timbre::prepare
