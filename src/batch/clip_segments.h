#pragma once
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>

#include "batch/batch.h"
#include "batch/segment_options.h"
#include "corpus/corpus.h"
#include "corpus/split.h"

/// Random pieces of recordings, all of one length: what vocoders and codecs train on.
///
/// A clip of n whole pieces counts as n items (at least one), so every second of speech is heard about equally often. A
/// piece's place in its clip is drawn from (seed, epoch, item) alone, so that a continued run sees the same ones.
namespace timbre::batch {

/// A recording as the segments need it.
struct SourceClip {
  std::string id;
  std::filesystem::path audio;
  double duration_s = 0;  ///< as the manifest has it: decides the number of items
};

/// Safe to use from several threads.
class ClipSegments {
 public:
  /// `grid`: pieces begin at multiples of so many samples (a frame's hop, where a column of frames goes with them).
  ClipSegments(std::vector<SourceClip> clips, std::int64_t rate_hz, const SegmentOptions& options, std::uint64_t seed,
               std::int64_t grid = 1);
  ~ClipSegments();
  ClipSegments(ClipSegments&&) noexcept;

  /// One a piece; units = samples.
  const std::vector<Item>& items() const;
  const std::vector<SourceClip>& clips() const;

  struct Piece {
    std::size_t clip = 0;         ///< index in clips()
    std::int64_t first = 0;       ///< sample at which it begins, a multiple of the grid
    std::int64_t real = 0;        ///< samples that are of the clip; zeros follow
    std::vector<float> wave_N{};  ///< at the given rate
    float gain = 1;               ///< wave = clip × gain
  };
  /// Item `item` in pass `epoch` over the data. Throws DataError naming a file that is gone or broken.
  Piece draw(std::size_t item, std::int64_t epoch) const;
  /// The same every time: the clip's pieces side by side, at their own level.
  Piece fixed(std::size_t item) const;

  /// Pieces as "wave_BN" with ids, counts {"items", "samples"} and units; `epoch` nothing = fixed().
  /// Returns the pieces without their samples.
  std::vector<Piece> collate(Batch& batch, std::span<const std::size_t> items, std::optional<std::int64_t> epoch) const;

  /// Bytes that decoded recordings will take once all have been drawn from: all of them, or what memory_mb allows.
  double full_bytes() const;

  /// A whole recording, decoded; for samples and figures.
  std::vector<float> whole(std::size_t clip) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// full_bytes of all.
double full_bytes(const std::vector<ClipSegments>& sides);

/// A corpus cut into sides, each with its segments: 0 = training, 1 = validation.
struct ClipCorpus {
  corpus::Corpus corpus;
  std::vector<ClipSegments> sides;
  std::vector<std::string> test_ids;
  std::vector<std::string> left_out;  ///< those that `keep` refused

  /// Throws DataError when nothing is on the training side.
  /// `keep`: clips for which it is false are left out (those without a column).
  static ClipCorpus open(const std::filesystem::path& dir, const corpus::SplitOptions& split, std::int64_t rate_hz,
                         const SegmentOptions& training, const SegmentOptions& validation, std::uint64_t seed,
                         std::int64_t grid = 1, const std::function<bool(const corpus::Utterance&)>& keep = {});
};

}  // namespace timbre::batch
