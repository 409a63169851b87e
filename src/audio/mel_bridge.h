#pragma once
#include <optional>
#include <span>
#include <string>

#include "audio/mel.h"

/// Mels made with one setting for a network that was trained with another.
///
/// What can be brought over: the logarithm's base, its gain, the floor (values below the new one are raised to it; a
/// lower one cannot bring back what was cut), the range that decibels are moved into, and between tacotron, coqui and
/// hifigan the convention, whose magnitudes differ in bins near silence and by clipping beyond full scale alone.
/// Frames, filters and windows cannot: rate, transform, window, hop, bins, edges, mel scale, pre-emphasis, padding.
namespace timbre::audio {

/// The first setting that keeps mels of `from` away from a network for `to`, by its name; nothing when there is none.
std::optional<std::string> mel_obstacle(const MelOptions& from, const MelOptions& to);

class MelBridge {
 public:
  /// Throws DataError naming the obstacle, the one who `takes` mels ("the vocoder vocos") and the one who `makes` them.
  MelBridge(const MelOptions& from, const MelOptions& to, const std::string& takes,
            const std::string& makes = "the voice");
  /// False when the settings are equal, so that apply() leaves values as they are.
  bool changes() const { return changes_; }
  /// In place.
  void apply(std::span<float> values) const;
  /// "log log10 → ln, floor 1e-05 → 1e-07"; "" when nothing changes.
  std::string text() const;

 private:
  MelOptions from_, to_;
  bool changes_;
};

}  // namespace timbre::audio
