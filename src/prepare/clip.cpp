#include "prepare/clip.h"

#include <algorithm>

#include "audio/timebase.h"

namespace timbre::prepare {

config::Fields fields(MelSettings& settings) {
  config::Fields f;
  f.group("", audio::fields(settings.mel));
  f.add("edges", settings.edges, "keep: the whole clip, its silences are phones; trim: cut to the speech (ming024)")
      .choices({"keep", "trim"});
  return f;
}

MelSettings mel_settings_of(const StageJob& job) {
  return options_from<MelSettings>(job.settings_of("mel"), fields, "mel");
}

std::vector<align::Interval> read_alignment(const StageJob& job, const std::string& id) {
  const auto times = job.read("alignment", id).value();
  const auto labels = corpus::tensor_list(job.read("alignment_phones", id).value());
  const auto values = times.as<double>();
  if (values.size() != labels.size() * 3)
    throw DataError("columns alignment and alignment_phones do not belong together",
                    "run the stage alignment again with --redo");
  std::vector<align::Interval> intervals;
  for (std::size_t i = 0; i < labels.size(); ++i) intervals.push_back({values[3 * i], values[3 * i + 1], labels[i]});
  return intervals;
}

std::optional<TrimmedPhones> trim_of(const StageJob& job, const std::string& id, const MelSettings& settings) {
  if (settings.edges != "trim") return std::nullopt;
  return trim_phones(read_alignment(job, id), settings.mel.rate_hz, settings.mel.hop_samples);
}

std::vector<float> load_samples(const StageJob& job, const corpus::Utterance& utterance, const MelSettings& settings,
                                const std::optional<TrimmedPhones>& trimmed) {
  audio::Clip clip = audio::decode_audio(job.corpus.audio_path(utterance), settings.mel.rate_hz);
  if (!trimmed) return std::move(clip.samples_N);
  const auto count = static_cast<std::int64_t>(clip.samples_N.size());
  const auto first =
      std::clamp<std::int64_t>(audio::seconds_to_samples(trimmed->start_s, settings.mel.rate_hz), 0, count);
  const auto end =
      std::clamp<std::int64_t>(audio::seconds_to_samples(trimmed->end_s, settings.mel.rate_hz), first, count);
  return {clip.samples_N.begin() + first, clip.samples_N.begin() + end};
}

}  // namespace timbre::prepare
