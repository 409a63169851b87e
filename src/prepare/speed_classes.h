#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/fields.h"

/// Which clips of a speaker are slow, medium, fast, and which speakers have enough of each to learn the difference
/// from. The seed's rules: prepare_speedDataset.ipynb of JiachuanDENG/llasa-with-speed-control.
namespace timbre::prepare {

enum class SpeedClass { slow, medium, fast };
inline constexpr std::array<const char*, 3> kSpeedNames = {"slow", "medium", "fast"};

struct SpeedRules {
  std::string classes = "thresholds";           ///< thresholds (everybody's) | quantiles (each speaker's own)
  double slow_s = 0.30, fast_s = 0.17;          ///< of voice for a syllable: above is slow, below is fast
  double slow_share = 0.25, fast_share = 0.25;  ///< with quantiles: so many of a speaker's clips
  std::int64_t min_clips = 3;                   ///< slow ones and fast ones, for a speaker to be kept
};
/// Under their flags' names, without a prefix.
config::Fields fields(SpeedRules& rules);
std::vector<std::string> problems(const SpeedRules& rules);

/// Strictly above or below; a clip on a threshold is medium.
SpeedClass classify(double seconds_per_syllable, double slow_s, double fast_s);

/// A clip with its rate.
struct RatedClip {
  std::string name;  ///< without .wav
  double seconds_per_syllable = 0;
};

/// The clips of one speaker, each class in the order they came.
struct SpeakerSpeeds {
  std::string speaker;
  std::vector<RatedClip> slow, medium, fast;
  double slow_s = 0, fast_s = 0;  ///< the thresholds that were used
  std::string why_not;            ///< why the speaker is not kept; "" = it is
  std::int64_t clips() const { return static_cast<std::int64_t>(slow.size() + medium.size() + fast.size()); }
  /// Middle of the sorted rates; 0 without clips.
  double median_s() const;
};

/// Classes of one speaker's clips.
SpeakerSpeeds divide_by_speed(const std::string& speaker, const std::vector<RatedClip>& clips, const SpeedRules& rules);
/// Why a speaker with these classes is not kept, or "".
std::string why_not_kept(const SpeakerSpeeds& speeds, const SpeedRules& rules);

/// The speaker in a recording's name: what stands before the first underscore ("Aria_Battle_004" → "Aria").
std::string speaker_in_name(const std::string& name);

/// Names of clips by class, of one speaker.
struct SpeedLists {
  std::string speaker;
  std::vector<std::string> slow, medium, fast;
};

/// speaker_withDifferent_speed/<speaker>/{slow,fast,medium}.txt: a line "<name>.wav" for each clip. All three are
/// always written. Throws DataError for a speaker that cannot be a folder's name, SystemError.
void write_speed_lists(const std::filesystem::path& folder, const SpeedLists& lists);
/// All speakers in the order of their names. Throws DataError when there is no folder, no speaker, or a list is
/// missing.
std::vector<SpeedLists> read_speed_lists(const std::filesystem::path& folder);

}  // namespace timbre::prepare
