#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "audio/mel_bridge.h"
#include "batch/clip_segments.h"
#include "batch/given_mel_options.h"
#include "corpus/columns.h"

/// Mels that were made elsewhere for the recordings of a corpus: what a vocoder is fine-tuned on.
namespace timbre::batch {

/// Safe to use from several threads.
class GivenMels {
 public:
  /// `takes`: the mels that `who` ("hifigan") takes. A column says what its mels are; those of another setting are
  /// brought over (audio/mel_bridge.h) or refused. A folder of .npy says nothing and is taken at its word.
  /// Throws UsageError for a folder that is not there, DataError for a column that is missing, holds no mels, mels of
  /// clips that were cut, or mels that cannot be brought over.
  GivenMels(const std::filesystem::path& corpus, const GivenMelOptions& options, const audio::MelOptions& takes,
            const std::string& who);

  bool has(const std::string& id) const;
  struct Frames {
    std::vector<float> values_FM;
    std::int64_t frames = 0;
  };
  /// Of a whole clip. Throws DataError naming clip and shape.
  Frames whole(const std::string& id) const;
  /// The frames from piece.first on, `frames` of them; silence behind the clip's end. Throws DataError, with both
  /// counts, when the mel is shorter than the recording by more than rounding explains.
  std::vector<float> of_piece(const std::string& id, const ClipSegments::Piece& piece, std::int64_t frames) const;
  /// What is done to the column's mels; "" when nothing.
  std::string changes() const { return bridge_ ? bridge_->text() : ""; }

 private:
  std::filesystem::path file_of(const std::string& id) const;

  GivenMelOptions options_;
  audio::MelOptions takes_;
  std::optional<corpus::Column> column_;
  std::optional<audio::MelBridge> bridge_;
  std::vector<float> silence_M_;  ///< a frame of a recording's digital silence
};

/// Recordings as they are: louder ones would not fit mels that were made beforehand.
SegmentOptions at_their_level(SegmentOptions options);

}  // namespace timbre::batch
