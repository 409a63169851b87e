#pragma once
#include <optional>
#include <string>
#include <vector>

#include "align/textgrid.h"
#include "audio/decode.h"
#include "audio/mel.h"
#include "prepare/durations.h"
#include "prepare/stage.h"

/// One utterance as the feature stages see it: its samples at the mel's rate, whole or cut to its speech.
namespace timbre::prepare {

/// Settings of the stage mel, which the stages after it follow.
struct MelSettings {
  audio::MelOptions mel = {.rate_hz = 16000};
  std::string edges = "keep";  ///< keep: the whole clip, silences are phones; trim: cut to the speech, as ming024 does
};
config::Fields fields(MelSettings& settings);
/// The mel settings a column was made with.
MelSettings mel_settings_of(const StageJob& job);

/// The intervals of the column alignment.
std::vector<align::Interval> read_alignment(const StageJob& job, const std::string& id);

/// Decoded and resampled; with edges = trim, cut to [int(rate·start), int(rate·end)) of `trimmed`.
std::vector<float> load_samples(const StageJob& job, const corpus::Utterance& utterance, const MelSettings& settings,
                                const std::optional<TrimmedPhones>& trimmed);

/// What is left of the utterance when edges = trim; nothing when they are kept.
std::optional<TrimmedPhones> trim_of(const StageJob& job, const std::string& id, const MelSettings& settings);

}  // namespace timbre::prepare
