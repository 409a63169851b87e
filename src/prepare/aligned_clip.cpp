#include "prepare/aligned_clip.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "align/textgrid.h"
#include "audio/averages.h"
#include "audio/decode.h"
#include "audio/pitch.h"
#include "audio/timebase.h"
#include "base/error.h"
#include "base/files.h"
#include "base/strings.h"
#include "prepare/durations.h"

namespace timbre::prepare {
namespace {

// The references' TextGrid reader drops intervals without a label; so the time of a pause that MFA 2 left empty is
// missing from the durations.
std::vector<align::Interval> labelled(const align::TextGrid& grid, const fs::path& path) {
  const align::Tier* phones = grid.find("phones");
  if (!phones) throw DataError(fmt::format("{}: no tier named \"phones\"", path.string()));
  std::vector<align::Interval> kept;
  for (const auto& x : phones->intervals)
    if (const auto label = trim(x.label); !label.empty()) kept.push_back({x.start_s, x.end_s, std::string(label)});
  return kept;
}

}  // namespace

AlignedClip aligned_clip(const fs::path& wav, const fs::path& grid, const fs::path& lab, const audio::MelMaker& mel,
                         const AlignedLevels& levels, std::int64_t wave_rate_hz) {
  const audio::MelOptions& options = mel.options();
  AlignedClip clip;
  const TrimmedPhones trimmed =
      trim_phones(labelled(align::read_textgrid(grid), grid), options.rate_hz, options.hop_samples);
  auto wave_N = audio::decode_audio(wav, wave_rate_hz).samples_N;
  const auto count = static_cast<std::int64_t>(wave_N.size());
  const auto end = std::min(count, audio::seconds_to_samples(trimmed.end_s, options.rate_hz));
  const auto first = std::min(end, audio::seconds_to_samples(trimmed.start_s, options.rate_hz));
  wave_N = {wave_N.begin() + first, wave_N.begin() + end};

  clip.phones = trimmed.framed.phones;
  clip.durations_P = trimmed.framed.durations_P;
  const auto frames =
      static_cast<std::size_t>(std::accumulate(clip.durations_P.begin(), clip.durations_P.end(), std::int64_t{0}));
  clip.pitch = audio::pitch_dio_stonemask(std::vector<double>(wave_N.begin(), wave_N.end()), options.rate_hz,
                                          options.hop_samples);
  clip.pitch.resize(std::min(clip.pitch.size(), frames));
  if (audio::voiced_frames(clip.pitch) <= 1) throw DataError("at most one frame is voiced");
  clip.mel = mel(wave_N);
  clip.mel.frames = std::min(clip.mel.frames, static_cast<std::int64_t>(frames));
  clip.mel.values_FM.resize(static_cast<std::size_t>(clip.mel.frames * clip.mel.bins));
  clip.mel.energy_F.resize(static_cast<std::size_t>(clip.mel.frames));
  if (levels.pitch_of_phonemes)
    clip.pitch = audio::average_by_duration(audio::interpolate_unvoiced(clip.pitch), clip.durations_P,
                                            audio::Averaging::in_place);
  clip.energy = clip.mel.energy_F;
  if (levels.energy_of_phonemes)
    clip.energy =
        audio::average_by_duration(std::span<const float>(clip.energy), clip.durations_P, audio::Averaging::in_place);

  clip.text = split(read_file(lab), '\n').front();
  if (clip.text.ends_with('\r')) clip.text.pop_back();  // Python reads text with universal line ends
  return clip;
}

}  // namespace timbre::prepare
