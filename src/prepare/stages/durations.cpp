#include "prepare/durations.h"
#include "prepare/clip.h"

namespace timbre::prepare {
namespace {

struct DurationSettings {};

config::Fields fields(DurationSettings&) { return {}; }

MakeRow rows(const StageJob& job) {
  const MelSettings settings = mel_settings_of(job);
  return [&job, settings](const corpus::Utterance& utterance) -> RowResult {
    const std::int64_t frames = job.read("mel", utterance.id).value().shape.at(0);
    const auto trimmed = trim_of(job, utterance.id, settings);
    FramedPhones framed = trimmed ? trimmed->framed
                                  : frame_phones(read_alignment(job, utterance.id), frames, settings.mel.rate_hz,
                                                 settings.mel.hop_samples);
    if (trimmed) fit_to_frames(framed, frames);
    const auto count = static_cast<std::int64_t>(framed.durations_P.size());
    return Row{{"durations", weights::Tensor::of<std::int64_t>({count}, std::move(framed.durations_P))},
               {"aligned_phonemes", corpus::list_tensor(framed.phones)}};
  };
}

}  // namespace

void register_stage_durations(Stages& stages) {
  stages.add({.name = "durations",
              .summary = "frames of each phone; they add up to the frames of mel",
              .makes = {"durations", "aligned_phonemes"},
              .settings = [] { return settings_of_struct<DurationSettings>(fields); },
              .needs =
                  [](const nlohmann::json&) {
                    return std::vector<std::string>{"alignment", "alignment_phones", "mel"};
                  },
              .rows = rows,
              .all = {}});
}

}  // namespace timbre::prepare
